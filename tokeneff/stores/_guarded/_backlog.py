"""Settlements that wait until their store can be asked again."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple
from uuid import uuid4

from tokeneff._log import log_once
from tokeneff.errors import StoreUnavailable
from tokeneff.stores._contract import Amounts, Claim
from tokeneff.stores._rules import ZERO, plus

MOST = 100_000
"""Settlements that wait one by one, and again as many sums of others."""
SUM = "sum-"
"""What the ids of sums begin with."""


class Settlement(NamedTuple):
    """A settling that the store may or may not know of; told again with the same id it is the same settling."""

    hold: str
    amounts: Amounts
    claims: tuple[Claim, ...]
    group: str
    note: str


class Backlog:
    """A bounded queue. Beyond its bound, what calls cost is summed up, by what they claim.

    Nothing spent is forgotten by that. What is forgotten is whose it was: a hold that a summed-up call had in the store
    is charged in full when its lease ends, and so its call is charged twice.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.lost = 0
        """Settlements for which there was no room at all."""
        self._waiting: deque[Settlement] = deque()
        self._sums: dict[tuple[str, tuple[Claim, ...]], Amounts] = {}
        self._lock = threading.Lock()
        self._draining = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sums)

    def add(self, settlement: Settlement) -> None:
        """Have it settled later."""
        if len(self._waiting) < self.most:
            self._waiting.append(settlement)
        elif settlement.amounts != ZERO:  # a hold that is only released is charged when its lease ends
            self._sum_up(settlement)

    def drain(self, settle: Callable[[Settlement], object], most: float = math.inf, timeout: float = -1) -> None:
        """Settle what waits, the oldest first, or the oldest ``most``. What the store does not answer for, stays.

        While another thread does, it is waited for, for ``timeout`` seconds; then it will do the rest.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        if not self._draining.acquire(timeout=timeout):
            return
        try:
            while len(self) and most > 0:
                most -= 1
                self._bring_in_sums()
                settlement = self._waiting[0]
                try:
                    settle(settlement)
                except StoreUnavailable:
                    raise
                except Exception as fault:  # noqa: BLE001 - one that cannot be settled must not keep the others
                    self._lose(fault)
                self._waiting.popleft()
        finally:
            self._draining.release()

    def _sum_up(self, settlement: Settlement) -> None:
        key = settlement.group, settlement.claims
        with self._lock:
            if key in self._sums or len(self._sums) < self.most:
                self._sums[key] = plus(self._sums.get(key, ZERO), settlement.amounts)
                return
        self._lose(None)

    def _bring_in_sums(self) -> None:
        """A sum that may have been told is never added to, so that it can be told again."""
        if self._waiting:
            return
        with self._lock:
            sums, self._sums = self._sums, {}
        self._waiting.extend(
            Settlement(f"{SUM}{uuid4().hex}", amounts, claims, group, "calls of a time without the store, summed up")
            for (group, claims), amounts in sums.items()
        )

    def _lose(self, fault: Exception | None) -> None:
        self.lost += 1
        log_once(
            ("store lost", type(fault)),
            "what a call cost cannot be told to the store of its budgets (%r); `GuardedStore.lost` counts these",
            fault or "too many wait",
        )
