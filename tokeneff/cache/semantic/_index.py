"""Finding what is near among more questions than are in memory, and those of other processes: an index proposes them.

It only proposes. Which of them may answer is for the guard, and how often that has to go well for the wagers, as if
they had been in memory all along; an index that finds little, or the wrong ones, costs hits and never a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tokeneff.errors import StoreError


class Near(NamedTuple):
    """What an index has of one question."""

    key: bytes
    vector: bytes
    """Floats of 4 bytes, of length 1."""
    record: bytes
    seen: int
    wrong: int
    """How often its answer was compared with another question's, and was the wrong one."""


class Index(Protocol):
    """Vectors by context. Every method may raise; then there is what memory has."""

    def add(self, context: bytes, key: bytes, vector: bytes, record: bytes) -> None:
        """Let it be found; what was under that key is replaced."""
        ...

    def nearest(self, context: bytes, vector: bytes, most: int) -> list[Near]:
        """The ``most`` nearest of a context by cosine, nearest first."""
        ...

    def judged(self, key: bytes, wrong: bool) -> None:
        """Its answer was compared."""
        ...

    def keys(self) -> set[bytes]:
        """All that can be found."""
        ...

    def drop(self, keys: Sequence[bytes]) -> None:
        """Let these be found no more."""
        ...

    def clear(self) -> None:
        """Nor any other."""
        ...

    def close(self) -> None: ...


class _Checked(Index, Protocol):
    def check(self) -> None: ...


def index_of(url: str | None, kind: str = "sqlite-vec") -> Index:
    """The index beside a store of replies.

    Raises:
        StoreError: there can be none; the text says why.
    """
    scheme = (url or "").partition("://")[0]
    if kind == "redis":
        if url is None or "redis" not in scheme:
            raise StoreError('index="redis" is where the replies are: keep them there, as redis://host:6379/0')
        from tokeneff.cache.semantic._index_redis import RedisIndex

        return _checked(RedisIndex(url))
    if url is None or scheme != "sqlite":
        raise StoreError('index="sqlite-vec" is a file beside the replies: keep them in one, as sqlite:///cache.db')
    from tokeneff.cache.semantic._index_sqlite import SQLiteIndex

    return _checked(SQLiteIndex(url))


def any_index_of(url: str) -> Index | None:
    """What may have been kept beside a store, to be taken out; nothing of it can be found without :func:`index_of`."""
    scheme = url.partition("://")[0]
    if scheme == "sqlite":
        from tokeneff.cache.semantic._index_sqlite import SQLiteIndex

        return SQLiteIndex(url)
    if "redis" in scheme:
        from tokeneff.cache.semantic._index_redis import RedisIndex

        return RedisIndex(url)
    return None


def _checked(index: _Checked) -> Index:
    index.check()
    return index
