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


def index_of(url: str | None) -> Index:
    """The index beside a store of replies.

    Raises:
        StoreError: there can be none; the text says why.
    """
    if url is None or not url.startswith("sqlite:"):
        raise StoreError('index="sqlite-vec" is a file beside the replies: keep them in one, as sqlite:///cache.db')
    from tokeneff.cache.semantic._index_sqlite import SQLiteIndex

    found = SQLiteIndex(url)
    found.check()
    return found
