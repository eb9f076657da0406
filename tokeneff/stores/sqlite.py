"""Budgets in a SQLite file: for all processes of a machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from sqlite3 import Connection

from tokeneff._sqlite.urls import file_of
from tokeneff.errors import StoreError
from tokeneff.stores import _rules as rules
from tokeneff.stores import _sqlite_rows as rows
from tokeneff.stores._contract import (
    Amounts,
    Balance,
    Claim,
    Entry,
    Gone,
    Granted,
    Hold,
    Limits,
    Refused,
    Reservation,
    Stale,
    State,
    topped,
)
from tokeneff.stores._opening import FORMS
from tokeneff.stores._rules import ZERO, minus, most, plus
from tokeneff.stores._sqlite_file import File
from tokeneff.stores._sqlite_pruning import EVERY, prune
from tokeneff.stores._sqlite_schema import BUDGETS

PATIENCE = 5.0
"""Seconds that a step waits for others, where nobody says otherwise."""


def opened(url: str) -> SqliteStore:
    """The store of a URL: ``sqlite:///relative.db`` or ``sqlite:////absolute/path.db``."""
    return SqliteStore(url)


class SqliteStore:
    """A store in a file, which is made if it is not there.

    >>> from tempfile import mkdtemp
    >>> store = SqliteStore(f"sqlite:///{mkdtemp()}/budgets.db")
    >>> granted = store.reserve("call-1", Amounts(usd=20_000_000), [Claim("all", Limits())], lease=60_000_000)
    >>> granted.balances[0].held.usd
    20000000

    What is promised: each step is taken wholly or not at all, whatever process is killed whenever. When the machine
    itself goes down, the last steps may be lost, and the file stays whole. (On a network's file system, and on Windows
    with a SQLite before 3.51.3, no step is lost either, for each is waited for to be on disk.) Only tokeneff may write
    to the file, or checkpoint it (as Litestream does); others may read it. Ids are kept there for a day after they were
    settled, the journal for 35 days, calendar windows for 35 days after their end, rolling windows for a day or four
    times their span after they were last claimed, sessions for 90 days after that, and everything else for ever.

    Args:
        url: of the file. patience: seconds that a step waits for others at most; may be set later, too.

    Raises:
        StoreError: the file cannot become a store; the text says why and what to write.
    """

    instant = False

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self.url = url
        self.patience = patience
        self.clock: Callable[[], int] | None = None
        if not url.startswith("sqlite://"):
            raise StoreError(f"store {url!r} is no file: write sqlite:///budgets.db")
        self._file = File(file_of(url, "store", FORMS, StoreError), BUDGETS)
        self._file.check(min(patience, 0.25))
        self._steps = 0
        self._pruned = ""

    def reserve(self, hold: str, amounts: Amounts, claims: Sequence[Claim], lease: int, group: str = "") -> Reservation:
        text = rows.written(tuple(claims))
        with self._step() as (db, now):
            known = rows.call_of(db, hold)
            if known is not None:
                if known.state != rows.HELD:
                    return Gone(now)
                found = rows.balances(db, claims, now)
                return Granted(now, found, rules.watched(claims, rules.unfit(claims, found, ZERO)))
            if rules.outside(claims, now):
                return Stale(now)
            before = rows.claimed(db, claims, now)
            over = rules.unfit(claims, before, amounts)
            if against := rules.enforced(claims, over):
                rows.use(db, claims, now)
                return Refused(now, before, over, rows.frees(db, against, now))
            rows.insert(db, hold, amounts, text, now, lease)
            rows.change(db, "reserve", now, hold, claims, amounts, ZERO)
        return Granted(now, _holding(before, amounts), over)

    def extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int, group: str = "") -> Reservation:
        with self._step() as (db, now):
            call = rows.call_of(db, hold)
            if call is None or call.state != rows.HELD:
                return Gone(now)
            claims, wanted = call.claims, most(call.amounts, amounts)
            more = minus(wanted, call.amounts)
            before = rows.balances(db, claims, now)
            over = rules.unfit(claims, before, more, grows=True)
            against = rules.enforced(claims, over)
            db.execute(
                """UPDATE calls SET due = ?, usd = ?, tokens = ?, requests = ?, floor_usd = ?, floor_tokens = ?,
                floor_requests = ? WHERE id = ?""",
                (now + lease, *(call.amounts if against else wanted), *floor, hold),
            )
            if against:
                return Refused(now, before, over, rows.frees(db, against, now))
            rows.change(db, "extend", now, hold, claims, more, ZERO)
        return Granted(now, _holding(before, more), over)

    def settle(
        self, hold: str, amounts: Amounts, claims: Sequence[Claim], group: str = "", note: str = ""
    ) -> Granted | Gone:
        with self._step() as (db, now):
            call = rows.call_of(db, hold)
            if call is None or (call.state == rows.EXPIRED and call.amounts == ZERO):
                claims = claims if call is None else call.claims
                if amounts != ZERO:
                    rows.see(db, claims, now)
                rows.change(db, "settle", now, hold, claims, ZERO, amounts, note)
            elif call.state == rows.HELD:
                claims = call.claims
                rows.change(db, "settle", now, hold, claims, minus(ZERO, call.amounts), amounts, note)
            elif call.state == rows.EXPIRED:
                claims = call.claims
                rows.put_right(db, call, amounts, now, note)
            else:
                return Gone(now)
            rows.end(db, hold, now)
            return Granted(now, rows.balances(db, claims, now))

    def renew(self, holds: Iterable[tuple[str, str]], lease: int) -> None:
        with self._step() as (db, now):
            given = [(now + lease, hold) for hold, _ in holds]
            db.executemany("UPDATE calls SET due = ? WHERE id = ? AND state = 0", given)

    def once(self, account: str, mark: str, group: str = "") -> bool:
        with self._step() as (db, now):
            told = db.execute("SELECT at FROM marks WHERE account = ? AND mark = ?", (account, mark)).fetchone()
            if told is not None:
                span = db.execute("SELECT span FROM accounts WHERE name = ?", (account,)).fetchone()
                if span is None or not span[0] or told[0] + span[0] > now:
                    return False
            db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?)", (account, mark, now))
            return True

    def now(self) -> int:
        return time.time_ns() // 1000 if self.clock is None else self.clock()

    def states(self, prefix: str = "") -> list[State]:
        with self._step() as (db, now):
            return rows.states(db, prefix, now)

    def holds(self) -> list[Hold]:
        with self._step() as (db, _):
            return [
                Hold(
                    call.id,
                    tuple(claim.account for claim in call.claims),
                    *(call.amounts, call.floor, call.since, call.due),
                )
                for call in rows.held(db)
            ]

    def journal(self, account: str | None = None, newest: int = 1000) -> list[Entry]:
        with self._step() as (db, _):
            return rows.journal(db, account, newest)

    def top_up(self, account: str, amounts: Amounts) -> Balance:
        with self._step() as (db, now):
            rows.make(db, account, now)
            db.execute(
                """UPDATE accounts SET topped_usd = topped_usd + ?, topped_tokens = topped_tokens + ?,
                topped_requests = topped_requests + ? WHERE name = ?""",
                (*amounts, account),
            )
            if note := topped(amounts):
                rows.enter(db, "top-up", now, "", (account,), ZERO, ZERO, note)
            return self._balance(db, account, now)

    def reset(self, account: str) -> Balance:
        with self._step() as (db, now):
            spent = self._balance(db, account, now).spent
            if spent != ZERO:
                rows.enter(db, "reset", now, "", (account,), ZERO, minus(ZERO, spent))
            db.execute(
                """UPDATE accounts SET spent_usd = 0, spent_tokens = 0, spent_requests = 0,
                reset = (SELECT ifnull(max(seq), 0) FROM journal) WHERE name = ?""",
                (account,),
            )
            db.execute("DELETE FROM spent WHERE account = ?", (account,))
            db.execute("DELETE FROM marks WHERE account = ?", (account,))
            return self._balance(db, account, now)

    def close(self) -> None:
        """Let the file go. Using the store again opens it again."""
        self._file.close()

    def __reduce__(self) -> tuple[object, ...]:
        return SqliteStore, (self.url,), {"patience": self.patience}

    @contextmanager
    def _step(self) -> Generator[tuple[Connection, int]]:
        with self._file.step(self.patience) as db:
            now = self.now()
            for call in rows.late(db, now):
                rows.expire(db, call, now)
            yield db, now
            self._steps += 1
            if self._steps % EVERY == 0:
                self._pruned = prune(db, now, self._pruned)

    def _balance(self, db: Connection, account: str, now: int) -> Balance:
        found = db.execute("SELECT span, bucket FROM accounts WHERE name = ?", (account,)).fetchone()
        span, bucket = found or (0, 0)
        return rows.balances(db, [Claim(account, Limits(), span=span, bucket=bucket)], now)[0]


def _holding(before: Iterable[Balance], more: Amounts) -> tuple[Balance, ...]:
    return tuple(balance._replace(held=plus(balance.held, more)) for balance in before)
