"""Budgets in the memory of this process: for its threads and event loops, and gone with it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence

from tokeneff._forking import watch
from tokeneff._masked import masked
from tokeneff.errors import StoreError
from tokeneff.stores import _rules as rules
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
    Stale,
    State,
    Step,
    topped,
)
from tokeneff.stores._memory_rows import Account, Ended, Held, unclaimed
from tokeneff.stores._rules import ZERO, minus, most, plus

JOURNAL = 10_000
"""Entries that are remembered."""


def opened(url: str) -> MemoryStore:
    """The store of a URL: ``memory://`` is one for the whole process, ``memory://name`` another for each name.

    However often a client is wrapped, its budgets are the same.

    >>> opened("memory://") is opened("memory://")
    True
    """
    scheme, _, name = url.partition("://")
    if scheme != "memory" or "?" in name:
        raise StoreError(f"there is no store {masked(url)!r}: write memory://, or memory://name for one of its own")
    return _named.setdefault(url, MemoryStore(url))


class MemoryStore:
    """A store in memory, its own even where others are of the same URL.

    >>> from tokeneff.stores import Amounts, Claim, Limits
    >>> store = MemoryStore()
    >>> claim = Claim("all", Limits(usd=10_000_000_000))
    >>> store.reserve("call-1", Amounts(usd=20_000_000), [claim], lease=60_000_000).balances[0].held.usd
    20000000

    Remembered are the newest entries of the journal, windows until a day after their end, what has no window until
    nobody claimed it for 90 days if it is a session's, ids until a day after they were settled. A forked child begins
    with what there was, and from then on the two know nothing of each other.

    Args:
        url: what it says it was opened by. journal: how many entries it remembers.
    """

    instant = True

    def __init__(self, url: str = "memory://", *, journal: int = JOURNAL) -> None:
        self.url = url
        self.clock: Callable[[], int] | None = None
        self.guard = threading.Lock()
        self._accounts: OrderedDict[str, Account] = OrderedDict()
        self._holds: dict[str, Held] = {}
        self._ended: OrderedDict[str, Ended] = OrderedDict()
        self._journal: deque[Entry] = deque(maxlen=journal)
        self._marks: dict[str, dict[str, int]] = {}
        self._seq = 0
        self._first = 0
        """No lease ends before; 0: there are none."""
        watch(self)

    def reserve(self, hold: str, amounts: Amounts, claims: Sequence[Claim], lease: int, group: str = "") -> Reservation:
        with self.guard:
            now = self._begin()
            if hold in self._holds:
                balances = self._balances(claims, now)
                return Granted(now, balances, rules.watched(claims, rules.unfit(claims, balances, ZERO)))
            if hold in self._ended:
                return Gone(now)
            if rules.outside(claims, now):
                return Stale(now)
            for claim in claims:
                self._claimed(claim, now)
            before = self._balances(claims, now)
            over = rules.unfit(claims, before, amounts)
            if against := rules.enforced(claims, over):
                return Refused(now, before, over, self._frees(against, now))
            self._holds[hold] = Held(tuple(claims), amounts, ZERO, now, now + lease)
            self._ends(now + lease)
            self._change("reserve", now, hold, claims, amounts, ZERO)
            self._forget(now)
            return Granted(now, self._balances(claims, now), over)

    def extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int, group: str = "") -> Reservation:
        with self.guard:
            now = self._begin()
            held = self._holds.get(hold)
            if held is None:
                return Gone(now)
            held.floor, held.expires = floor, now + lease
            self._ends(now + lease)
            claims, more = held.claims, minus(most(held.amounts, amounts), held.amounts)
            before = self._balances(claims, now)
            over = rules.unfit(claims, before, more, grows=True)
            if against := rules.enforced(claims, over):
                return Refused(now, before, over, self._frees(against, now))
            held.amounts = plus(held.amounts, more)
            self._change("extend", now, hold, claims, more, ZERO)
            return Granted(now, self._balances(claims, now), over)

    def settle(
        self, hold: str, amounts: Amounts, claims: Sequence[Claim], group: str = "", note: str = ""
    ) -> Granted | Gone:
        with self.guard:
            now = self._begin()
            held, ended = self._holds.pop(hold, None), self._ended.get(hold)
            if held is not None:
                claims = held.claims
                self._change("settle", now, hold, claims, minus(ZERO, held.amounts), amounts, note)
            elif ended is None or ended.charged == ZERO:
                claims = claims if ended is None else ended.claims
                for claim in claims if amounts != ZERO else ():
                    self._seen(claim, now)
                self._change("settle", now, hold, claims, ZERO, amounts, note)
            elif ended.charged is None:
                return Gone(now)
            else:
                claims = ended.claims
                self._put_right(hold, ended, amounts, now, note)
            self._end(hold, Ended(now))
            return Granted(now, self._balances(claims, now))

    def renew(self, holds: Iterable[tuple[str, str]], lease: int) -> None:
        with self.guard:
            now = self._begin()
            for hold, _ in holds:
                held = self._holds.get(hold)
                if held is not None:
                    held.expires = now + lease
                    self._ends(now + lease)

    def once(self, account: str, mark: str, group: str = "") -> bool:
        with self.guard:
            now = self._begin()
            found, marks = self._accounts.get(account), self._marks.setdefault(account, {})
            span = found.claim.span if found is not None else 0
            if mark in marks and not (span and marks[mark] + span <= now):
                return False
            marks[mark] = now
            return True

    def now(self) -> int:
        return time.time_ns() // 1000 if self.clock is None else self.clock()

    def states(self, prefix: str = "") -> list[State]:
        with self.guard:
            now = self._begin()
            return [
                found.state(now)
                for name, found in sorted(self._accounts.items())
                if name.startswith(prefix) and found.listed(now)
            ]

    def holds(self) -> list[Hold]:
        with self.guard:
            self._begin()
            return sorted((held.told(name) for name, held in self._holds.items()), key=lambda hold: hold.since)

    def journal(self, account: str | None = None, newest: int = 1000) -> list[Entry]:
        with self.guard:
            self._begin()
            entries = [entry for entry in self._journal if account is None or account in entry.accounts]
            return entries[max(len(entries) - newest, 0) :]

    def top_up(self, account: str, amounts: Amounts) -> Balance:
        with self.guard:
            now = self._begin()
            found = self._accounts.setdefault(account, unclaimed(account, now))
            found.topped = plus(found.topped, amounts)
            if note := topped(amounts):
                self._enter(now, "top-up", "", (account,), ZERO, ZERO, note)
            return found.balance(now)

    def reset(self, account: str) -> Balance:
        with self.guard:
            now = self._begin()
            self._marks.pop(account, None)
            found = self._accounts.get(account)
            if found is None:
                return Balance(account)
            spent = found.in_window(now)
            if spent != ZERO:
                self._enter(now, "reset", "", (account,), ZERO, minus(ZERO, spent))
            found.reset, found.spent = self._seq, ZERO
            found.buckets.clear()
            return found.balance(now)

    def close(self) -> None:
        """What it has stays."""

    def prepare(self) -> None:
        """Before a fork: nothing."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = threading.Lock()

    def _begin(self) -> int:
        """The time of a step, before which leases that are over are reclaimed."""
        now = self.now()
        if self._first and self._first <= now:
            late = sorted((held.expires, hold) for hold, held in self._holds.items() if held.expires <= now)
            for _, hold in late:
                held = self._holds.pop(hold)
                charged = most(held.amounts, held.floor)
                self._change("expire", now, hold, held.claims, minus(ZERO, held.amounts), charged)
                self._end(hold, Ended(now, held.claims, charged, self._seq))
            self._first = min((held.expires for held in self._holds.values()), default=0)
        return now

    def _ends(self, moment: int) -> None:
        self._first = min(self._first or moment, moment)

    def _claimed(self, claim: Claim, now: int) -> None:
        found = self._accounts.get(claim.account)
        if found is None:
            self._accounts[claim.account] = Account(claim, now)
        else:
            found.claim, found.used = claim, now
            found.forget(now)

    def _seen(self, claim: Claim, now: int) -> None:
        """An account is spent in that may have been made by a top-up, which does not know its window."""
        found = self._accounts.setdefault(claim.account, Account(claim, now))
        found.claim = claim._replace(limits=found.claim.limits)

    def _balances(self, claims: Sequence[Claim], now: int) -> tuple[Balance, ...]:
        accounts = self._accounts
        return tuple((accounts.get(claim.account) or Account(claim, now)).balance(now) for claim in claims)

    def _frees(self, against: Iterable[Claim], now: int) -> int:
        return max(self._accounts[claim.account].frees(now) for claim in against)

    def _change(
        self, step: Step, now: int, hold: str, claims: Sequence[Claim], held: Amounts, spent: Amounts, note: str = ""
    ) -> None:
        if held == spent == ZERO:
            return
        for claim in claims:
            found = self._accounts.setdefault(claim.account, Account(claim, now))
            found.held = plus(found.held, held)
            found.spend(spent, now)
        self._enter(now, step, hold, tuple(claim.account for claim in claims), held, spent, note)

    def _put_right(self, hold: str, ended: Ended, amounts: Amounts, now: int, note: str) -> None:
        change = minus(amounts, ended.charged or ZERO)
        known = [self._accounts[claim.account] for claim in ended.claims if claim.account in self._accounts]
        touched = [found for found in known if found.reset < ended.seq]
        if change == ZERO or not touched:
            return
        for found in touched:
            found.put_right(change, ended.at)
        self._enter(now, "adjust", hold, tuple(found.claim.account for found in touched), ZERO, change, note)

    def _enter(
        self, now: int, step: Step, hold: str, accounts: tuple[str, ...], held: Amounts, spent: Amounts, note: str = ""
    ) -> None:
        self._seq += 1
        self._journal.append(Entry(self._seq, now, step, hold, accounts, held, spent, note))

    def _end(self, hold: str, ended: Ended) -> None:
        self._ended[hold] = ended
        self._ended.move_to_end(hold)

    def _forget(self, now: int) -> None:
        """A little of what nobody will ask for, with each call that adds to it."""
        for _ in range(2):
            hold, ended = next(iter(self._ended.items()), ("", None))
            if ended is not None and ended.at + rules.SETTLED_KEPT <= now:
                del self._ended[hold]
            name, found = self._accounts.popitem(last=False) if self._accounts else ("", None)
            if found is not None and found.of_use(now):
                self._accounts[name] = found
            else:
                self._marks.pop(name, None)


_named: dict[str, MemoryStore] = {}
