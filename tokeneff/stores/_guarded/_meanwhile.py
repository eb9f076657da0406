"""Budgets while their store is away: in this process alone, beginning at what the store last said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from tokeneff.stores._contract import Amounts, Claim, Gone, Granted, Refused, Reservation
from tokeneff.stores._guarded._ours import Ours, Out
from tokeneff.stores._rules import ZERO
from tokeneff.stores.memory import MemoryStore

_FOR_EVER = 10 * 365 * 86_400 * 1_000_000


class GrantedMeanwhile(Granted):
    """Granted by this process alone, for the store is away."""

    __slots__ = ()


class Meanwhile:
    """A store in memory with the balances that the real one last said, and the holds that this process has.

    Args:
        clock: the store's time, as far as known. ours: what this process knows of it.
    """

    def __init__(self, clock: Callable[[], int], ours: Ours) -> None:
        self.store = MemoryStore(journal=0)
        self.store.clock = clock
        self._seen = ours.seen
        self._known: set[str] = set()
        self._lock = threading.Lock()
        for hold, one in ours.out():
            self._adopt(hold, one)
        for account, mark in list(ours.marks):
            self.store.once(account, mark)

    def reserve(self, hold: str, amounts: Amounts, claims: Sequence[Claim], lease: int) -> Reservation:
        self._begin(claims)
        answer = self.store.reserve(hold, amounts, claims, lease)
        return GrantedMeanwhile(*answer) if isinstance(answer, Granted) else answer

    def extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int) -> Reservation:
        answer = self.store.extend(hold, amounts, floor, lease)
        return GrantedMeanwhile(*answer) if isinstance(answer, Granted) else answer

    def settle(self, hold: str, amounts: Amounts, claims: Sequence[Claim]) -> Granted | Gone:
        self._begin(claims)
        return self.store.settle(hold, amounts, claims)

    def _adopt(self, hold: str, one: Out) -> None:
        """What was granted once is held, whether or not its window is over, and whether or not it would fit now."""
        claims = tuple(claim._replace(start=0, end=0) for claim in one.claims)
        self._begin(claims)
        if isinstance(self.store.reserve(hold, one.amounts, claims, _FOR_EVER), Refused):
            watched = [claim._replace(enforced=False) for claim in claims]
            self.store.reserve(hold, one.amounts, watched, _FOR_EVER)

    def _begin(self, claims: Sequence[Claim]) -> None:
        with self._lock:
            for claim in claims:
                if claim.account in self._known:
                    continue
                self._known.add(claim.account)
                balance = self._seen.get(claim.account)
                if balance is None:
                    continue
                if balance.spent != ZERO:
                    self.store.settle(f"seen {claim.account}", balance.spent, (claim,))
                if balance.topped != ZERO:
                    self.store.top_up(claim.account, balance.topped)
