"""What one call holds in stores, from its reservation to its settling. Blocking: a policy has it done by its driver."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tokeneff._log import log_once
from tokeneff.budgets import _heartbeat, _seen
from tokeneff.budgets._budget import Budget
from tokeneff.budgets._guarding import Crossing, reached
from tokeneff.budgets._scopes import claims, group
from tokeneff.ledger._building import new_id
from tokeneff.stores._contract import Amounts, Balance, Claim, Gone, Granted, Refused, Stale, Store

ZERO = Amounts()
_TRIES = 5
_MOST_TOLD = 1000
_ASK_AGAIN = 30.0
"""Seconds after which a store is asked again whether a threshold was told: its account may have been reset."""


class Place:
    """A store, and the budgets of a wrapping that are kept there."""

    __slots__ = ("budgets", "offset", "store", "told")

    def __init__(self, store: Store, budgets: tuple[Budget, ...]) -> None:
        self.store = store
        self.budgets = budgets
        self.offset = 0
        """What the store's clock is ahead of ours, in microseconds, as far as that was met."""
        self.told: dict[tuple[str, str], float] = {}
        """Thresholds that were told, and when we learnt of that."""

    def part(self, tags: Mapping[str, Any]) -> Part:
        """Its part in a call."""
        part = Part(self.store, self.budgets, (), group(self.budgets, tags))
        part.place, part.tags = self, tags
        part.claim()
        return part


class Part:
    """One store's part in a call."""

    __slots__ = ("balances", "budgets", "claims", "group", "over", "place", "store", "tags")

    def __init__(self, store: Store, budgets: tuple[Budget, ...], claims: tuple[Claim, ...], group: str = "") -> None:
        self.store = store
        self.budgets = budgets
        self.claims = claims
        self.group = group
        self.balances: tuple[Balance, ...] = ()
        self.over: tuple[int, ...] = ()
        """Which claims the call did not fit, though they were not enforced."""
        self.place: Place | None = None
        self.tags: Mapping[str, Any] = {}

    def claim(self) -> None:
        """Make the claims, by the store's clock."""
        if self.place is not None:
            now = time.time_ns() // 1000 + self.place.offset
            self.claims = claims(self.budgets, self.tags, now)

    def shift(self, now: int) -> None:
        """The store's clock says otherwise: make them again."""
        if self.place is not None:
            self.place.offset = now - time.time_ns() // 1000
            self.claims = claims(self.budgets, self.tags, now)


class Refusal(NamedTuple):
    """Which store refused, and what it said."""

    part: Part
    answer: Refused
    more: Amounts
    """What was asked for, beyond what is held."""

    @property
    def against(self) -> list[int]:
        """The claims that it did not fit and that are enforced."""
        return [index for index in self.answer.over if self.part.claims[index].enforced]


class Holding:
    """What one call holds, in every store that has a say in it."""

    __slots__ = ("_lock", "alone", "amounts", "closed", "id", "instant", "lease", "parts")

    def __init__(self, parts: Sequence[Part], lease: int) -> None:
        self.parts = parts
        self.lease = lease
        """Microseconds."""
        self.id = ""
        self.amounts: Amounts | None = None
        """What is held; ``None`` before it is, and after it was let go."""
        self.alone = False
        """Whether a store was away, and this process went on by itself."""
        self.closed = False
        self.instant = all(part.store.instant for part in parts)
        self._lock = threading.Lock()

    def reserve(self, amounts: Amounts) -> Refusal | None:
        """Hold ``amounts`` in every store, or in none."""
        with self._lock:
            if self.closed:  # nobody waits for this any more
                return None
            self.id = new_id(time.time_ns() // 1000)
        done: list[Part] = []
        try:
            for part in self.parts:
                done.append(part)
                answer = self._reserved(part, amounts)
                if isinstance(answer, Refused):
                    self._undo(done[:-1])
                    return Refusal(part, answer, amounts)
        except BaseException:
            self._undo(done)
            raise
        with self._lock:
            self.amounts = amounts
            if not self.closed:
                _heartbeat.hold(self)
        return None

    def _reserved(self, part: Part, amounts: Amounts) -> Granted | Refused | Gone:
        for _ in range(_TRIES):
            answer = part.store.reserve(self.id, amounts, part.claims, self.lease, part.group)
            if isinstance(answer, Stale):
                part.shift(answer.now)
                continue
            if not isinstance(answer, Gone):
                self._heard(part, answer)
            return answer
        raise RuntimeError("the clock of a store of budgets does not stand still")

    def _undo(self, parts: Sequence[Part]) -> None:
        for part in parts if self.id else ():
            try:
                part.store.settle(self.id, ZERO, part.claims, part.group)
            except Exception as fault:  # noqa: BLE001 - its lease will end
                log_once(("undo", type(fault)), "a hold could not be released: %r", fault, exc_info=fault)

    def release(self) -> None:
        """The call is not made: let all go, also what is being reserved by a thread that nobody waits for."""
        with self._lock:
            self.closed = True
            _heartbeat.let_go(self)
        self._undo(self.parts)
        self.amounts = None

    def extend(self, amounts: Amounts, floor: Amounts) -> Refusal | None:
        """Hold ``amounts`` instead, where that is more."""
        now = self.amounts or ZERO
        for part in self.parts:
            answer = part.store.extend(self.id, amounts, floor, self.lease, part.group)
            if type(answer) is Gone and not self.closed:
                # The lease ran out (the process was stopped, say) and was charged: take that back, and hold anew.
                self._undo(self.parts)
                refusal = self.reserve(amounts)
                if refusal is not None:
                    self.id = new_id(time.time_ns() // 1000)  # what came is to be spent yet, by an id that is not over
                return refusal
            if isinstance(answer, (Granted, Refused)):
                self._heard(part, answer)
            if isinstance(answer, Refused):
                more = Amounts(*(max(0, new - old) for new, old in zip(amounts, now, strict=True)))
                return Refusal(part, answer, more)
        self.amounts = Amounts(*map(max, amounts, now))
        return None

    def settle(self, amounts: Amounts, note: str = "") -> list[Crossing]:
        """The call is over: spend ``amounts``; returns the thresholds that were thereby reached."""
        with self._lock:
            self.closed = True
            _heartbeat.let_go(self)
        crossed: list[Crossing] = []
        for part in self.parts:
            try:
                answer = part.store.settle(self.id, amounts, part.claims, part.group, note)
                if isinstance(answer, Granted):
                    self._heard(part, answer)
                    crossed += _crossed(part)
            except Exception as fault:  # noqa: BLE001 - the other stores are settled all the same
                log_once(("settle", type(fault)), "a call could not be settled with its budgets: %r", fault)
        return crossed

    def news(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What became of stores that no call was told of yet: events, with their attributes."""
        for part in self.parts:
            taken = getattr(part.store, "news", None)
            yield from () if taken is None else taken()

    def _heard(self, part: Part, answer: Granted | Refused) -> None:
        part.balances = answer.balances
        self.alone = self.alone or type(answer).__name__ == "GrantedMeanwhile"
        if part.claims:
            _seen.noted(part.claims, answer.balances)
        if isinstance(answer, Granted) and answer.over:
            part.over = tuple(dict.fromkeys((*part.over, *answer.over)))


def _crossed(part: Part) -> list[Crossing]:
    told: dict[tuple[str, str], float] = {} if part.place is None else part.place.told
    found: list[Crossing] = []
    for account, mark, crossing in reached(part.budgets, part.claims, part.balances):
        now = time.monotonic()
        if now - told.get((account, mark), -_ASK_AGAIN) < _ASK_AGAIN:
            continue
        if part.store.once(account, mark, part.group):
            found.append(crossing)
        if len(told) >= _MOST_TOLD:
            told.clear()
        told[account, mark] = now
    return found
