"""The store that users have where theirs may go away: it is asked, or done without."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Literal, TypeAlias, TypeVar

from tokeneff._forking import watch
from tokeneff._log import log
from tokeneff.errors import BudgetUnavailable, StoreUnavailable
from tokeneff.stores._contract import (
    Amounts,
    Balance,
    Claim,
    Entry,
    Gone,
    Granted,
    Hold,
    Refused,
    Reservation,
    State,
    Store,
)
from tokeneff.stores._guarded._backlog import Settlement
from tokeneff.stores._guarded._breaker import Breaker
from tokeneff.stores._guarded._exit import LONGEST, owners
from tokeneff.stores._guarded._meanwhile import Meanwhile
from tokeneff.stores._guarded._ours import Ours, Out
from tokeneff.stores._guarded._owed import Owed
from tokeneff.stores._guarded._telling import Board, News, back, lost
from tokeneff.stores._rules import ZERO

T = TypeVar("T", Reservation, Granted | Gone)
OnError: TypeAlias = Literal["open", "closed"]

PATIENCE = 0.05
"""Seconds that a call waits for its budgets' store, unless told otherwise."""
_FIRST = 1.0
"""Seconds for the first contact of a process, which connects, where that is more."""
_IN_BACKGROUND = 5.0
"""Seconds that a look from the background may take."""
_A_STEP = 5
"""Settlements that a call may make for others."""


class GuardedStore:
    """Asks a store, each time within ``patience``, and does without while it is away.

    Example::

        store = GuardedStore(open_store("redis://localhost"), on_error="open", patience=0.05)

    A step that fails or is not answered in time has the store be *away*: it is left alone for half a second, and then
    looked after by one thread, after twice the time each time, up to 30 s. Meanwhile, with ``on_error="open"``, this
    process goes on by itself: limits hold for what it does, beginning at the balances that it last saw. With
    ``"closed"`` it reserves nothing.

    What calls cost in that time is settled when the store is back, before it is asked for anything else, and each only
    once, however often it was told. So nothing that was spent is missing then; what a fleet spent beyond a limit
    meanwhile, each process for itself, is there. Up to 100,000 settlements wait; more are summed up by what they claim,
    and a hold that one of these had in the store is charged in full besides, when its lease ends. What could not be
    settled when the process ends is said in the log, and was lost; what it had reserved in the store is charged by its
    lease.

    Args:
        store: the store.
        on_error: ``"open"``, calls go on; ``"closed"``, `reserve` and `extend` raise `BudgetUnavailable`.
        patience: seconds that a step may take in all; the first of a process, which connects, at least a second.
    """

    def __init__(self, store: Store, on_error: OnError = "open", patience: float = PATIENCE) -> None:
        self.store = store
        self.on_error: OnError = on_error
        self.patience = patience
        self.url = store.url
        self.instant = store.instant
        if hasattr(store, "patience"):
            store.patience = patience  # pyright: ignore[reportAttributeAccessIssue]
        self._breaker = Breaker(self._look, self._changed)
        self._offset = 0
        self.abandon()
        watch(self)
        owners.add(self)

    @property
    def clock(self) -> Callable[[], int] | None:
        return self.store.clock

    @clock.setter
    def clock(self, clock: Callable[[], int] | None) -> None:
        self.store.clock = clock

    def meet(self) -> None:
        """Connect now, so that the first call does not have to wait for it."""
        self._reachable()

    def _reachable(self) -> bool:
        return self._breaker.reachable(max(self.patience, _FIRST))

    @property
    def away(self) -> bool:
        """Whether the store cannot be asked now."""
        return not self._breaker.up

    @property
    def waiting(self) -> int:
        """Settlements that wait for the store."""
        return len(self._owed)

    @property
    def lost(self) -> int:
        """Settlements that the store will never be told of."""
        return self._owed.backlog.lost

    def news(self) -> list[News]:
        """What became of the store that nobody asked for yet: ``store_lost`` and ``store_back``, with attributes."""
        return self._board.take()

    def reserve(self, hold: str, amounts: Amounts, claims: Sequence[Claim], lease: int, group: str = "") -> Reservation:
        out = Out(amounts, tuple(claims), group, lease)
        if self._reachable():
            try:
                answer = self._noted(self.store.reserve(hold, amounts, claims, lease, group))
            except StoreUnavailable as fault:
                self._breaker.failed(fault)
                out = out._replace(there=True)
            else:
                if isinstance(answer, Granted):
                    self._ours.granted(hold, out._replace(there=True))
                return answer
        return self._reserve_meanwhile(hold, out)

    def extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int, group: str = "") -> Reservation:
        answer = self._extend(hold, amounts, floor, lease, group)
        if isinstance(answer, Granted):
            self._ours.extended(hold, amounts, floor)
        return answer

    def settle(
        self, hold: str, amounts: Amounts, claims: Sequence[Claim], group: str = "", note: str = ""
    ) -> Granted | Gone:
        there = self._ours.ended(hold)
        if self._reachable():
            try:
                return self._noted(self.store.settle(hold, amounts, claims, group, note))
            except StoreUnavailable as fault:
                self._breaker.failed(fault)
        answer = self._by_itself().settle(hold, amounts, claims)
        if amounts != ZERO or there:
            self._owed.add(Settlement(hold, amounts, tuple(claims), group, note))
            self._breaker.owes(self)
            self._tell_rest(_A_STEP, self.patience)
        return answer

    def renew(self, holds: Iterable[tuple[str, str]], lease: int) -> None:
        kept = list(holds)
        if self._meanwhile is not None:
            self._meanwhile.store.renew(kept, lease)
        if self._reachable():
            try:
                self.store.renew(kept, lease)
            except StoreUnavailable as fault:
                self._breaker.failed(fault)

    def once(self, account: str, mark: str, group: str = "") -> bool:
        if self._reachable():
            try:
                return self._ours.marked(account, mark, self.store.once(account, mark, group))
            except StoreUnavailable as fault:
                self._breaker.failed(fault)
        return self._ours.marked(account, mark, self._by_itself().store.once(account, mark), alone=True)

    def now(self) -> int:
        """The store's clock, as far as known: asked only before it ever answered."""
        if self.clock is None and not self._offset and self._reachable():
            try:
                self._offset = self.store.now() - _microseconds()
            except StoreUnavailable as fault:
                self._breaker.failed(fault)
        return self._now()

    def states(self, prefix: str = "") -> list[State]:
        return self.store.states(prefix)

    def holds(self) -> list[Hold]:
        return self.store.holds()

    def journal(self, account: str | None = None, newest: int = 1000) -> list[Entry]:
        return self.store.journal(account, newest)

    def top_up(self, account: str, amounts: Amounts) -> Balance:
        return self.store.top_up(account, amounts)

    def reset(self, account: str) -> Balance:
        return self.store.reset(account)

    def close(self) -> None:
        self.finish()
        self.store.close()

    def prepare(self) -> None:
        """There is nothing to let go before a fork."""

    def abandon(self) -> None:
        """As new: what waits in a forked process is its parent's to settle."""
        self.guard = threading.Lock()
        self._breaker.reset()
        self._board = Board()
        self._ours = Ours()
        self._owed = Owed(self.store, self._ours)
        self._meanwhile: Meanwhile | None = None
        self._before = False
        """Whether `_meanwhile` is of an earlier time without the store."""

    def finish(self, timeout: float = LONGEST) -> None:
        """Settle what waits, as far as that can be done in as many seconds."""
        until = time.monotonic() + timeout
        self._breaker.stop(timeout / 2)
        self._owed.finish(until)
        if left := len(self._owed):
            log.warning("%d calls could not be told to the store of their budgets %s in time", left, self.url)

    def _reserve_meanwhile(self, hold: str, out: Out) -> Reservation:
        alone = None if self.on_error == "closed" else self._by_itself()
        answer = alone and alone.reserve(hold, out.amounts, out.claims, out.lease)
        if isinstance(answer, Granted):
            self._ours.granted(hold, out)
        else:
            self._ours.refused(hold, out)
            if out.there:
                self._breaker.owes(self)
        if answer is None:
            raise self._unavailable()
        return answer

    def _extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int, group: str) -> Reservation:
        if self._reachable():
            try:
                answer = self._noted(self.store.extend(hold, amounts, floor, lease, group))
            except StoreUnavailable as fault:
                self._breaker.failed(fault)
            else:
                if isinstance(answer, Gone) and self._meanwhile is not None and self._ours.alone(hold):
                    return self._meanwhile.extend(hold, amounts, floor, lease)
                return answer
        if self.on_error == "closed":
            raise self._unavailable()
        return self._by_itself().extend(hold, amounts, floor, lease)

    def _noted(self, answer: T) -> T:
        self._breaker.worked()
        self._offset = answer.now - _microseconds()
        if isinstance(answer, (Granted, Refused)):
            self._ours.saw(answer.balances)
        return answer

    def _now(self) -> int:
        return self.clock() if self.clock is not None else _microseconds() + self._offset

    def _by_itself(self) -> Meanwhile:
        with self.guard:
            if self._meanwhile is None or self._before:
                self._meanwhile, self._before = Meanwhile(self._now, self._ours), False
            return self._meanwhile

    def _unavailable(self) -> BudgetUnavailable:
        return BudgetUnavailable(store=self.url, reason=self._breaker.reason)

    def _look(self) -> None:
        """See whether the store answers, and tell it what it missed, before anybody asks it for more."""
        patient = getattr(self.store, "patient", None)
        with nullcontext() if patient is None else patient(_IN_BACKGROUND):
            self._offset = self.store.now() - _microseconds()
            # Not what comes meanwhile: of that there might be ever more, and the store away for ever.
            self._owed.tell(len(self._owed))
            self._ours.release(self.store)
            self._ours.tell(self.store)

    def _tell_rest(self, most: float, timeout: float) -> None:
        """Tell what was put with what waits just before the store was back."""
        if len(self._owed) and self._breaker.up:
            try:
                self._owed.tell(most, timeout)
            except StoreUnavailable as fault:
                self._breaker.failed(fault)

    def _changed(self, up: bool, seconds: float) -> None:
        if up:
            self._before = True
            self._tell_rest(len(self._owed), -1)
        self._board.put(back(self.url, seconds) if up else lost(self.url, self.on_error, self._breaker.reason))


def _microseconds() -> int:
    return time.time_ns() // 1000
