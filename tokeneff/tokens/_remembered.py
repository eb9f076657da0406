"""What was made of elements of requests before, under keys that only an equal element has."""

from __future__ import annotations

import marshal
import os
from collections.abc import Hashable, Mapping
from hashlib import blake2b
from threading import Lock
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast
from weakref import WeakSet

from tokeneff._plain import plain
from tokeneff.tokens._prompt import Piece

Value = TypeVar("Value")


class Known(NamedTuple):
    """An element that was counted."""

    piece: Piece
    unknown: tuple[str, ...]


class Generations(Generic[Value]):
    """A bounded memory in two generations: when the young one is full it becomes the old, which is forgotten.

    A look-up takes no lock and moves nothing while it hits the young generation.
    """

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._size = 0
        self._old: dict[Hashable, tuple[Value, int]] = {}
        self._lock = Lock()
        self.young: dict[Hashable, tuple[Value, int]] = {}

    def get(self, key: Hashable) -> Value | None:
        """What is remembered under a key."""
        found = self.young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                return None
            self.put(key, *found)
        return found[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Remember a value of ``size`` bytes, unless it alone is more than half of what may be remembered."""
        if size > self._half:
            return
        with self._lock:
            if key in self.young:
                return
            if self._size + size > self._half:
                self._old, self.young, self._size = self.young, {}, 0
            self.young[key] = (value, size)
            self._size += size

    @property
    def size(self) -> int:
        """Bytes remembered, about, and at most what was allowed."""
        return self._size + sum(size for _, size in list(self._old.values()))

    def after_fork(self) -> None:
        """A lock that was held by a thread of the parent's is held by nobody here."""
        self._lock = Lock()


def written(element: Any) -> bytes | None:
    """An element as bytes that only an equal element has; ``None`` where it holds more than plain data."""
    try:
        return marshal.dumps(element, 2)
    except ValueError:
        return None


def written_here(element: Any) -> bytes | None:
    """The same, three times as quick, but equal elements of other objects may have other bytes."""
    try:
        return marshal.dumps(element)
    except ValueError:
        return None


_TEXTS = frozenset((str, type(None)))


def shallow_mark(key: str, message: dict[str, Any]) -> tuple[Any, ...] | None:
    """What only an equal message has, made of the very strings of one that holds no more than texts and parts of texts;
    ``None`` for any other. Cheaper than bytes: Python keeps the hash of a string, and knows it again by its identity.
    """
    marks: list[Any] = [key]
    parts: list[dict[str, Any]]
    for name, value in message.items():
        if type(value) is str or value is None:
            marks += (name, value)
        elif type(value) is list:
            parts = value  # pyright: ignore[reportUnknownVariableType]
            marks += (name, len(parts))
            for part in parts:
                if type(part) is not dict:  # pyright: ignore[reportUnnecessaryComparison]
                    return None
                texts = tuple(part.values())
                if not _TEXTS.issuperset(map(type, texts)):
                    return None
                marks += (tuple(part), texts)
        else:
            return None
    return tuple(marks)


def digest(data: bytes) -> bytes:
    """16 bytes."""
    return blake2b(data, digest_size=16).digest()


_TEXT = "text"
_MARKS = ("cache_control", "prompt_cache_breakpoint")


def content_digest(element: object) -> bytes:
    """Digest of what an element says: cache marks, the order of its outer keys, and a text written as a part are not.

    >>> content_digest({"role": "user", "content": "Hi"}) == content_digest(
    ...     {"content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}], "role": "user"}
    ... )
    True
    """
    if isinstance(element, Mapping):
        pairs = _pairs(cast("Mapping[Any, Any]", element))
        if pairs and pairs[0][0] == "content":
            pairs[0] = ("content", _content(pairs[0][1]))
        element = pairs
    data = written(element)
    return digest(data if data is not None else marshal.dumps(plain(element), 2))


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return [[("text", content), ("type", _TEXT)]]
    if not isinstance(content, list):
        return content
    return [_pairs(part) if isinstance(part, dict) else part for part in content]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _pairs(mapping: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    return sorted(((key, mapping[key]) for key in mapping if key not in _MARKS), key=_first)


def _first(pair: tuple[Any, Any]) -> str:
    return str(pair[0])


class _Forks(Protocol):
    def after_fork(self) -> None: ...


_forks: WeakSet[_Forks] = WeakSet()


def fork_safe(*memories: _Forks) -> None:
    """Have these usable in forked children."""
    _forks.update(memories)


def _after_fork() -> None:
    for memory in list(_forks):
        memory.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
