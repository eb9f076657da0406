"""What was made of messages before, under a digest of exactly the message that it was made of."""

from __future__ import annotations

import marshal
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock
from typing import Any, cast

_MOST_BYTES = 16 * 1024 * 1024
"""Size of the messages that are remembered for one wrapping, as JSON would have it, about."""


class Memory:
    """What the SDK's transform made of messages; bounded, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def transformed(self, items: list[Any], kind: str, transform: Callable[[list[Any]], list[Any]]) -> list[Any] | None:
        """What ``transform`` makes of ``items``, or ``None`` where that is not ours to remember.

        Args:
            items: messages. kind: what they are transformed as, a part of their keys.
            transform: the SDK's own, called with those that are not known.
        """
        try:
            # Equal marshal data is the same value of the same exact types in the same order; subclasses are refused.
            written = [marshal.dumps(item, 2) for item in items]
        except ValueError:
            return None
        keys = [blake2b(data, digest_size=20, person=kind.encode()[:16]).digest() for data in written]
        found = self._look_up(keys)
        missing = [index for index, value in enumerate(found) if value is None]
        if missing:
            if not all(_is_plain(items[index]) for index in missing):
                return None
            for index, made in zip(missing, transform([items[index] for index in missing]), strict=True):
                found[index] = made
                self._keep(keys[index], made, len(written[index]))
        return found

    @property
    def size(self) -> int:
        """Bytes of what is remembered, about."""
        return self._size

    def _look_up(self, keys: list[bytes]) -> list[Any]:
        known = self._known
        found: list[Any] = []
        with self._lock:
            for key in keys:
                entry = known.get(key)
                if entry is None:
                    found.append(None)
                else:
                    known.move_to_end(key)
                    found.append(entry[0])
        return found

    def _keep(self, key: bytes, made: Any, size: int) -> None:
        with self._lock:
            if key not in self._known:
                self._known[key] = (made, size)
                self._size += size
            while self._size > _MOST_BYTES:
                self._size -= self._known.popitem(last=False)[1][1]


def _is_plain(value: object, depth: int = 0) -> bool:
    """Whether this is JSON and nothing else, so that no other value has the same marshal data."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return True
    if depth > 100:
        return False
    if kind is dict:
        items = cast("dict[object, object]", value).items()
        return all(type(key) is str and _is_plain(item, depth + 1) for key, item in items)
    return kind is list and all(_is_plain(item, depth + 1) for item in cast("list[object]", value))
