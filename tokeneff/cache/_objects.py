"""Values of a client, told by what they are; and objects that cannot be, told by which they are."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MethodType
from typing import Any, cast

from tokeneff.cache._canonical import absent

_identities: dict[int, tuple[Any, bytes]] = {}
_lock = threading.RLock()


def is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(is_plain(item) for item in cast("Mapping[Any, Any]", value).values())
    if isinstance(value, (list, tuple)):
        return all(is_plain(item) for item in cast("list[Any]", value))
    return (
        value is None or isinstance(value, (str, int, float, bytes)) or type(value).__name__ == "URL" or absent(value)
    )


def part_of(value: Any) -> Any:
    """A value of a client, as one that can be written: by what it is, or under the name of that very object."""
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if absent(value):
        return []
    if type(value).__name__ == "URL":
        return ["URL", str(value)]
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value)
        return ["mapping", sorted([str(name), part_of(items[name])] for name in items)]
    if isinstance(value, (list, tuple)):
        return ["list", [part_of(item) for item in cast("list[Any]", value)]]
    if is_dataclass(value) and not isinstance(value, type) and of_sdk(type(value)):
        return ["fields", [[field.name, part_of(getattr(value, field.name))] for field in fields(value)]]
    return ["object", identity_of(value)]


def of_sdk(thing: Any) -> bool:
    """Whether a class or function is one of an SDK's."""
    return str(getattr(thing, "__module__", "")).partition(".")[0] in ("openai", "anthropic")


def identity_of(thing: Any) -> list[bytes]:
    """A name of this very object that no other object has, in this process or elsewhere."""
    if isinstance(thing, MethodType):
        return [*identity_of(thing.__self__), *identity_of(thing.__func__)]
    number = id(thing)
    with _lock:
        held = _identities.get(number)
        if held is not None and held[0]() is thing:
            return [held[1]]
        try:
            alive = weakref.ref(thing, lambda _: _identities.pop(number, None) and None)
        except TypeError:
            return [os.urandom(16)]  # it cannot be known again
        _identities[number] = (alive, os.urandom(16))
        return [_identities[number][1]]


def _forget() -> None:
    """In a forked child: whoever held the lock may not be there to let it go."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
