"""Where what was learnt outlives a process, and is shared with others: a list that is only ever added to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from tokeneff.cache.semantic._index import any_index_of
from tokeneff.errors import StoreError, StoreUnavailable

_NOTE = b"forget "
"""How a note begins; a record, which is sealed or has a checksum, never does."""
_AT_ONCE = 500


class Journal(Protocol):
    """Records in the order in which they came. Every method may raise; then what is known stays in this process."""

    def add(self, record: bytes, key: bytes = b"") -> None:
        """Put it at the end. ``key``: of the reply whose question it has, if it has one."""
        ...

    def since(self, place: str) -> Iterator[tuple[str, bytes]]:
        """All after a place that was told before (``""``: from the beginning), each with its place."""
        ...

    def trim(self, most: int) -> None:
        """Keep the newest ``most``."""
        ...

    def keys(self) -> set[bytes]:
        """Whose questions are there."""
        ...

    def drop(self, keys: Sequence[bytes], note: bytes) -> None:
        """Take the questions of these out, and put ``note`` at the end."""
        ...

    def clear(self, note: bytes) -> None:
        """Take all out, and put ``note`` there."""
        ...

    def close(self) -> None: ...


def journal_of(url: str | None) -> Journal | None:
    """The journal beside a store of replies; ``None`` where that keeps nothing beyond its process.

    Args:
        url: the store's. ``sqlite:///cache.db`` has it in ``cache.db-semantic``; ``redis://…`` in a stream there.
    """
    scheme = (url or "").partition("://")[0]
    if url is None or scheme == "memory":
        return None
    if scheme == "sqlite":
        from tokeneff.cache.semantic._journal_sqlite import SQLiteJournal

        return SQLiteJournal(url)
    if "redis" in scheme:
        from tokeneff.cache.semantic._journal_redis import RedisJournal

        return RedisJournal(url)
    return None


# -- forgetting. A note of it tells those who have read what is gone. It is not sealed: whoever purges a store may have
# no key, and who can write it could take the records away as well.


def note_of(who: str, keys: Iterable[bytes] | None) -> bytes:
    """Tells others to forget. ``who``: does it, in letters and digits. ``keys``: whose; ``None``: all."""
    which = "all" if keys is None else ",".join([key.hex() for key in keys])
    return _NOTE + f"{who or '-'} {which}".encode()


def noted(record: bytes) -> tuple[str, list[bytes] | None] | None:
    """Who forgot what, if a record says that.

    Raises:
        ValueError: it begins so, and is none.
    """
    if not record.startswith(_NOTE):
        return None
    who, which = record.removeprefix(_NOTE).decode("ascii").split(" ")
    return who, None if which == "all" else [bytes.fromhex(key) for key in which.split(",")]


def forget(url: str, alive: Iterable[bytes] | None = None, who: str = "") -> int:
    """Forget beside a store what was asked; all, with what was learnt, or the questions that have no reply any more.

    Every process that shares it forgets the same within a second or so of its next call.

    Args:
        url: the store's. alive: keys of the replies that are left there; ``None``: forget all.

    Returns:
        How many questions.

    Raises:
        StoreUnavailable: that could not be done.
    """
    try:
        journal = journal_of(url)
        alive = None if alive is None else set(alive)
        if journal is None:
            return 0
        try:
            return len(_forgotten(journal, alive, who) | _unindexed(url, alive))
        finally:
            journal.close()
    except (StoreError, StoreUnavailable):
        raise
    except Exception as fault:
        raise StoreUnavailable(f"what was learnt of questions could not be forgotten: {fault}") from fault


def _forgotten(journal: Journal, alive: Iterable[bytes] | None, who: str) -> set[bytes]:
    known = journal.keys()
    if alive is None:
        journal.clear(note_of(who, None))
        return known
    gone = sorted(known.difference(alive))
    for start in range(0, len(gone), _AT_ONCE):
        some = gone[start : start + _AT_ONCE]
        journal.drop(some, note_of(who, some))
    return set(gone)


def _unindexed(url: str, alive: Iterable[bytes] | None) -> set[bytes]:
    index = any_index_of(url)
    if index is None:
        return set()
    try:
        gone = index.keys() if alive is None else index.keys().difference(alive)
        if gone:
            index.drop(sorted(gone))
        return gone
    finally:
        index.close()
