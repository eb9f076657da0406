"""What a process knows of its store: balances as last seen, and the holds of its calls that are on their way."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from tokeneff.stores._contract import Amounts, Balance, Claim, Granted, Stale, Store
from tokeneff.stores._rules import ZERO, most

MOST = 100_000
"""Balances, holds and thresholds that are remembered, of each."""


class Out(NamedTuple):
    """A hold of this process, of a call that is on its way."""

    amounts: Amounts
    claims: tuple[Claim, ...]
    group: str
    lease: int
    there: bool = False
    """Whether the store may have it."""
    floor: Amounts | None = None
    """``None``: it was never extended."""


class Ours:
    """Bounded; what is forgotten is no longer known when the store goes away, or comes back."""

    def __init__(self) -> None:
        self.seen: dict[str, Balance] = {}
        self.marks: dict[tuple[str, str], bool] = {}
        """Thresholds that this process told, and whether the store was away then."""
        self._out: dict[str, Out] = {}
        self._doubtful: dict[str, str] = {}
        """Holds that the store may have, of calls that were not let through: id and group."""
        self._refused: dict[str, None] = {}
        """Those that it does not have."""
        self._lock = threading.Lock()

    def out(self) -> list[tuple[str, Out]]:
        """The holds of calls that are on their way."""
        with self._lock:
            return list(self._out.items())

    def saw(self, balances: Sequence[Balance]) -> None:
        """The store said so."""
        with self._lock:
            for balance in balances:
                self.seen[balance.account] = balance
            _trim(self.seen)

    def granted(self, hold: str, out: Out) -> None:
        """The call is on its way."""
        with self._lock:
            self._doubtful.pop(hold, None)
            self._refused.pop(hold, None)
            if len(self._out) < MOST:
                self._out[hold] = out

    def extended(self, hold: str, amounts: Amounts, floor: Amounts) -> None:
        """Its hold has become greater."""
        with self._lock:
            out = self._out.get(hold)
            if out is not None:
                self._out[hold] = out._replace(amounts=most(out.amounts, amounts), floor=floor)

    def refused(self, hold: str, out: Out) -> None:
        """The call was not let through, though the store may hold it all the same, where ``out.there``."""
        with self._lock:
            if out.there:
                self._doubtful[hold] = out.group
            else:
                self._refused[hold] = None
            _trim(self._doubtful)
            _trim(self._refused)

    def alone(self, hold: str) -> bool:
        """Whether a hold on its way is this process's alone, and nothing that the store knows."""
        with self._lock:
            out = self._out.get(hold)
            return out is not None and not out.there

    def ended(self, hold: str) -> bool:
        """The call is over, or was not let through; whether the store may hold it and has to be told."""
        with self._lock:
            if hold in self._doubtful or hold in self._refused:
                self._refused.pop(hold, None)
                return False  # `release` is told of the doubtful ones
            out = self._out.pop(hold, None)
            return out is None or out.there

    def marked(self, account: str, mark: str, new: bool, alone: bool = False) -> bool:
        """Whether a threshold, which is new to the store or to this process ``alone``, is told now."""
        if not new:
            return False
        with self._lock:
            told_alone = self.marks.get((account, mark), False)
            self.marks[account, mark] = alone
            _trim(self.marks)
        return alone or not told_alone

    def release(self, store: Store, until: float = math.inf) -> None:
        """Have a store that was away let go what is not on its way, as much as can be by then (``time.monotonic``).

        Raises:
            StoreUnavailable: it is away again.
        """
        for hold, group in list(self._doubtful.items()):
            if time.monotonic() >= until:
                return
            store.settle(hold, ZERO, (), group)
            self._doubtful.pop(hold, None)

    def tell(self, store: Store) -> None:
        """Have a store that was away hold what is on its way, also if it lost it.

        Raises:
            StoreUnavailable: it is away again.
        """
        for hold, _ in self.out():
            with self._lock:  # a call that ends from now on is settled there, or let go
                out = self._out.get(hold)
                if out is None:
                    continue
                self._out[hold] = out._replace(there=True)
            watched = [claim._replace(enforced=False) for claim in out.claims]
            answer = store.reserve(hold, out.amounts, watched, out.lease, out.group)
            if isinstance(answer, Granted) and out.floor is not None:
                store.extend(hold, out.amounts, out.floor, out.lease, out.group)
            if isinstance(answer, Stale):
                self._not_there(hold)

    def _not_there(self, hold: str) -> None:
        """It began in a window that is over, of which the store knew nothing."""
        with self._lock:
            out = self._out.get(hold)
            if out is not None:
                self._out[hold] = out._replace(there=False)


def _trim(kept: dict[Any, Any]) -> None:
    while len(kept) > MOST:
        del kept[next(iter(kept))]
