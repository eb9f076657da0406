"""Where what was learnt outlives a process, and is shared with others: a list that is only ever added to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Journal(Protocol):
    """Records in the order in which they came. Every method may raise; then what is known stays in this process."""

    def add(self, record: bytes) -> None:
        """Put it at the end."""
        ...

    def since(self, place: str) -> Iterator[tuple[str, bytes]]:
        """All after a place that was told before (``""``: from the beginning), each with its place."""
        ...

    def trim(self, most: int) -> None:
        """Keep the newest ``most``."""
        ...

    def clear(self) -> None:
        """Forget all."""
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
