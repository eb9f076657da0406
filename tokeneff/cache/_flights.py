"""Calls that are being asked right now, each once: the first of equal calls leads, and the others follow it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tokeneff.cache._reply import Reply, Worth
    from tokeneff.cache._tape import Tape


class Kept(NamedTuple):
    """A whole reply to answer from."""

    reply: Reply
    stored: int
    """When it was got: microseconds since 1970."""
    stale: bool = False
    shared: bool = False
    """Whether it came while somebody waited for it."""
    like: bool = False
    """Whether it is the reply to another question that says the same."""
    worth: Callable[[], Worth] | None = None
    """Finds what it took, where the reply does not say that yet."""


class Flight:
    """One call that is being asked.

    ``found`` says what those that follow may answer from: a reply that was kept after all, or the tape of one that is
    coming; ``None``: nothing will come of it, and the next may lead.
    """

    __slots__ = ("found", "kept", "key", "owner")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.found: Future[Kept | Tape | None] = Future()
        self.kept: Kept | None = None
        """The whole reply, until a store has it."""
        self.owner: str | None = None
        """In whose name a store was told that this is being asked."""

    def tell(self, found: Kept | Tape | None) -> None:
        """Let those that follow go on; only the first word counts."""
        if not self.found.done():
            self.found.set_result(found)


class Flights:
    """All calls that this process asks of one store's key space."""

    def __init__(self) -> None:
        # The collector may end a call that was dropped in the midst of what is guarded, in the same thread.
        self._lock = threading.RLock()
        self._flights: dict[bytes, Flight] = {}

    def join(self, key: bytes) -> tuple[Flight, bool]:
        """The flight of a key, and whether the caller leads it."""
        with self._lock:
            found = self._flights.get(key)
            if found is not None:
                return found, False
            made = self._flights[key] = Flight(key)
            return made, True

    def peek(self, key: bytes) -> Flight | None:
        """The flight of a key, if there is one."""
        return self._flights.get(key)

    def lands(self, key: bytes, kept: Kept) -> Flight | None:
        """The flight of a reply that is there already; ``None`` where an equal call is in flight."""
        flight = Flight(key)
        flight.kept = kept
        flight.tell(kept)
        with self._lock:
            before = self._flights.get(key)
            if before is not None and before.kept is None:
                return None
            self._flights[key] = flight
            return flight

    def over(self, flight: Flight) -> None:
        """Nobody joins it any more, and who waits goes on."""
        with self._lock:
            if self._flights.get(flight.key) is flight:
                del self._flights[flight.key]
        flight.tell(None)

    def forget(self) -> None:
        """In a forked child: the parent's calls are the parent's."""
        self._lock = threading.RLock()
        self._flights = {}

    def __len__(self) -> int:
        return len(self._flights)
