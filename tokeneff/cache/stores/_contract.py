"""What a store of replies is: bytes under keys, for a time, and who is asking for one right now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tokeneff.errors import StoreUnavailable


class Labels(NamedTuple):
    """What entries are listed and purged by."""

    model: str = ""
    scope: str = ""
    """The scope (tenant) as text, ``tenant=acme``; empty where the cache has none."""
    tags: tuple[tuple[str, str], ...] = ()


ALL = Labels()
"""Of entries that are asked for: whichever."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One kept value. Times are microseconds since 1970, by the store's clock."""

    key: bytes
    size: int
    stored: int
    expires: int | None
    used: int
    """When it was last found."""
    hits: int
    labels: Labels = ALL
    value: bytes | None = None
    """``None`` in lists."""


class Totals(NamedTuple):
    """How full a store is."""

    entries: int
    size: int
    """Bytes of all values and keys."""
    limit: int | None
    evicted: int
    """Since the store was made, as far as it knows."""


class NotKept(StoreUnavailable):
    """Nothing can be written just now (a full disk, a file that is read only, a server without memory, others who write
    for too long); what is there can be read."""


class CacheStore(Protocol):
    """Keeps values. Every method may raise ``StoreUnavailable``; none may take longer than the store's patience.

    Keys are 32 bytes. A key's value is replaced whole, also by one that is too large: then nothing is kept of either.
    What is past ``expires`` is not found.
    """

    url: str
    instant: bool
    """Whether it answers without waiting for anything (memory): then it is asked in the event loop itself."""

    def get(self, key: bytes) -> Entry | None:
        """The value, and that it was used. ``hits`` are those that are known here; all are, in `entries`."""
        ...

    def put(self, key: bytes, value: bytes, labels: Labels, ttl: int | None, stored: int | None = None) -> bool:
        """Keep it for ``ttl`` microseconds from now (``None``: for as long as there is room), and let older or less
        used values go where there is none; ``False`` where it alone is too large. ``stored``: when it was got, where
        that is not now."""
        ...

    def drop(self, key: bytes) -> bool:
        """Forget it."""
        ...

    def lead(self, key: bytes, owner: str, lease: int) -> bool:
        """Whether ``owner`` is the one that asks for it now: nobody else is, or their lease (microseconds) is over.
        Asked again by the same owner, its lease begins anew."""
        ...

    def led(self, key: bytes, owner: str) -> None:
        """``owner`` has asked, or gives up: others may."""
        ...

    def leading(self, key: bytes) -> bool:
        """Whether anybody is asking for it now, within their lease."""
        ...

    def entries(self, labels: Labels = ALL, newest: int | None = None) -> Iterator[Entry]:
        """Without values, newest first. Empty labels are not looked at; of tags, those given have to be there."""
        ...

    def purge(self, labels: Labels = ALL, before: int | None = None) -> int:
        """Forget all that have these labels, and were stored before (microseconds since 1970); how many."""
        ...

    def totals(self) -> Totals: ...

    def now(self) -> int:
        """The store's clock."""
        ...

    def secret(self) -> bytes:
        """32 random bytes, the same for all who share the store, for as long as it is there; purged with nothing."""
        ...

    def close(self) -> None: ...
