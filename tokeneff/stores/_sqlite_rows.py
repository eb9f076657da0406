"""What a step reads of the tables, and writes to them; each function is for use within a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from sqlite3 import Connection
from typing import Any, NamedTuple

from tokeneff.stores import _rules as rules
from tokeneff.stores._contract import Amounts, Balance, Claim, Entry, Limits, State, Step
from tokeneff.stores._rules import ZERO, minus, most

HELD, EXPIRED, SETTLED = range(3)

_BALANCE = """name, spent_usd, spent_tokens, spent_requests, held_usd, held_tokens, held_requests,
    limit_usd, limit_tokens, limit_requests, topped_usd, topped_tokens, topped_requests"""
_ABOUT = """budget, scope, window, start, "end", span, bucket, limit_usd, limit_tokens, limit_requests"""
_ADD = """INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, ?, 0)
    ON CONFLICT (name) DO """
_SEE = f"""{_ADD} UPDATE SET budget = excluded.budget, scope = excluded.scope, window = excluded.window,
    start = excluded.start, "end" = excluded."end", span = excluded.span, bucket = excluded.bucket"""
_CLAIM = f"""{_SEE},
    limit_usd = excluded.limit_usd, limit_tokens = excluded.limit_tokens, limit_requests = excluded.limit_requests,
    used = excluded.used"""
_MAKE = f"{_ADD} NOTHING"
_HOLD = """UPDATE accounts SET held_usd = held_usd + ?, held_tokens = held_tokens + ?,
    held_requests = held_requests + ? WHERE name = ?"""
_CLAIM_AND_HOLD = _HOLD.replace(" WHERE", ", used = ? WHERE")
_SPEND = """UPDATE accounts SET spent_usd = spent_usd + ?, spent_tokens = spent_tokens + ?,
    spent_requests = spent_requests + ? WHERE name = ?"""
_BOTH = """UPDATE accounts SET held_usd = held_usd + ?, held_tokens = held_tokens + ?,
    held_requests = held_requests + ?, spent_usd = spent_usd + ?, spent_tokens = spent_tokens + ?,
    spent_requests = spent_requests + ? WHERE name = ?"""
_ROLL = """INSERT INTO spent VALUES (?, ?, ?, ?, ?) ON CONFLICT (account, began)
    DO UPDATE SET usd = usd + excluded.usd, tokens = tokens + excluded.tokens,
    requests = requests + excluded.requests"""
_PUT_RIGHT = (
    "UPDATE spent SET usd = usd + ?, tokens = tokens + ?, requests = requests + ? WHERE account = ? AND began = ?"
)
_ENTER = "INSERT INTO journal VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Call(NamedTuple):
    """A row of ``calls``."""

    id: str
    state: int
    due: int
    since: int
    amounts: Amounts
    floor: Amounts
    seq: int
    claims: tuple[Claim, ...]


@lru_cache(maxsize=1024)
def written(claims: tuple[Claim, ...]) -> str:
    """Claims as a column keeps them."""
    return json.dumps(claims, separators=(",", ":"))


@lru_cache(maxsize=1024)
def read(text: str | None) -> tuple[Claim, ...]:
    """And back."""
    return tuple(Claim(name, Limits(*limits), *rest) for name, limits, *rest in json.loads(text or "[]"))


@lru_cache(maxsize=1024)
def _names(accounts: tuple[str, ...]) -> str:
    return json.dumps(accounts, separators=(",", ":"))


def call_of(db: Connection, hold: str) -> Call | None:
    """The call of an id, if it is known."""
    row = db.execute("SELECT * FROM calls WHERE id = ?", (hold,)).fetchone()
    return _call(row) if row is not None else None


def late(db: Connection, now: int) -> list[Call]:
    """Holds whose lease is over."""
    rows = db.execute("SELECT * FROM calls WHERE state = 0 AND due <= ? ORDER BY due, id", (now,)).fetchall()
    return [_call(row) for row in rows]


def held(db: Connection) -> list[Call]:
    """Holds that are there."""
    return [_call(row) for row in db.execute("SELECT * FROM calls WHERE state = 0 ORDER BY since, id")]


def _call(row: Sequence[Any]) -> Call:
    return Call(row[0], row[1], row[2], row[3], Amounts(*row[4:7]), Amounts(*row[7:10]), row[10], read(row[11]))


def insert(db: Connection, hold: str, amounts: Amounts, claims: str, now: int, lease: int) -> None:
    """A hold."""
    db.execute(
        "INSERT INTO calls VALUES (?, 0, ?, ?, ?, ?, ?, 0, 0, 0, 0, ?)", (hold, now + lease, now, *amounts, claims)
    )


def end(db: Connection, hold: str, now: int) -> None:
    """The id of a call that is over, whether or not it was there."""
    db.execute(
        """INSERT INTO calls VALUES (?, 2, ?, 0, 0, 0, 0, 0, 0, 0, 0, NULL)
        ON CONFLICT (id) DO UPDATE SET state = 2, due = excluded.due, claims = NULL""",
        (hold, now),
    )


def expire(db: Connection, call: Call, now: int) -> None:
    """Charge a hold whose lease is over."""
    charged = most(call.amounts, call.floor)
    seq = change(db, "expire", now, call.id, call.claims, minus(ZERO, call.amounts), charged)
    db.execute(
        "UPDATE calls SET state = 1, due = ?, usd = ?, tokens = ?, requests = ?, seq = ? WHERE id = ?",
        (now, *charged, seq, call.id),
    )


def claimed(db: Connection, claims: Sequence[Claim], now: int) -> tuple[Balance, ...]:
    """Where the claims' accounts stand, which are then as they are claimed now (but for ``used``)."""
    found = {row[0]: row for row in _accounts(db, f"{_BALANCE}, {_ABOUT}", claims)}
    changed = [claim for claim in claims if claim.account not in found or found[claim.account][13:] != _about(claim)]
    if changed:
        db.executemany(_CLAIM, [_account(claim, now) for claim in changed])
        return balances(db, claims, now)
    return tuple(_rolled(db, claim, balance_of(found[claim.account]), now) for claim in claims)


def use(db: Connection, claims: Iterable[Claim], now: int) -> None:
    """Accounts were claimed, though not held."""
    db.executemany("UPDATE accounts SET used = ? WHERE name = ?", [(now, claim.account) for claim in claims])


def see(db: Connection, claims: Iterable[Claim], now: int) -> None:
    """Accounts are there, and of the windows that are claimed: a top-up that made them did not know."""
    db.executemany(_SEE, [_account(claim, now) for claim in claims])


def make(db: Connection, account: str, now: int) -> None:
    """An account is there."""
    db.execute(_MAKE, _account(Claim(account, Limits()), now))


def _account(claim: Claim, now: int) -> tuple[object, ...]:
    return claim.account, *_about(claim), now


def _about(claim: Claim) -> tuple[object, ...]:
    return (
        *(claim.budget, claim.scope, claim.window, claim.start, claim.end, claim.span, claim.bucket),
        *claim.limits,
    )


def balances(db: Connection, claims: Sequence[Claim], now: int) -> tuple[Balance, ...]:
    """Where the claims' accounts stand."""
    found = {row[0]: balance_of(row) for row in _accounts(db, _BALANCE, claims)}
    return tuple(_rolled(db, claim, found.get(claim.account) or Balance(claim.account), now) for claim in claims)


def _accounts(db: Connection, columns: str, claims: Sequence[Claim]) -> Iterable[Sequence[Any]]:
    marks = ", ".join("?" * len(claims))
    return db.execute(f"SELECT {columns} FROM accounts WHERE name IN ({marks})", [claim.account for claim in claims])


def balance_of(row: Sequence[Any]) -> Balance:
    """Of a row of `_BALANCE`."""
    topped = Amounts(*row[10:13])
    return Balance(row[0], Amounts(*row[1:4]), Amounts(*row[4:7]), rules.raised(Limits(*row[7:10]), topped), topped)


def _rolled(db: Connection, claim: Claim, balance: Balance, now: int) -> Balance:
    if not claim.span:
        return balance
    return balance._replace(spent=in_window(db, claim.account, claim.span, claim.bucket, now))


def in_window(db: Connection, account: str, span: int, bucket: int, now: int) -> Amounts:
    """What is spent in a rolling window."""
    row = db.execute(
        "SELECT sum(usd), sum(tokens), sum(requests) FROM spent WHERE account = ? AND began > ?",
        (account, now - span - max(bucket, 1)),
    ).fetchone()
    return Amounts(*(value or 0 for value in row))


def frees(db: Connection, claims: Iterable[Claim], now: int) -> int:
    """When room appears by itself at the earliest: see `Refused.frees`."""
    moments = [0]
    for claim in claims:
        if claim.span:
            began: int | None = db.execute(
                "SELECT min(began) FROM spent WHERE account = ? AND began > ? AND (usd OR tokens OR requests)",
                (claim.account, now - claim.span - max(claim.bucket, 1)),
            ).fetchone()[0]
            moments.append(rules.leaves(claim, began) if began is not None else 0)
    return max(moments)


def change(
    db: Connection,
    step: Step,
    now: int,
    hold: str,
    claims: Sequence[Claim],
    held: Amounts,
    spent: Amounts,
    note: str = "",
) -> int:
    """Have accounts hold and spend more, or less, and say so in the journal; returns the entry's number, 0 for none."""
    if held == spent == ZERO:
        return 0
    names = [claim.account for claim in claims]
    flat = [claim.account for claim in claims if not claim.span]
    if step == "reserve":
        db.executemany(_CLAIM_AND_HOLD, [(*held, now, name) for name in names])
    elif spent == ZERO:
        db.executemany(_HOLD, [(*held, name) for name in names])
    elif held == ZERO:
        db.executemany(_SPEND, [(*spent, name) for name in flat])
    else:
        db.executemany(_BOTH, [(*held, *(ZERO if claim.span else spent), claim.account) for claim in claims])
    if spent != ZERO and len(flat) < len(names):
        rows = [(claim.account, rules.bucket(claim, now), *spent) for claim in claims if claim.span]
        db.executemany(_ROLL, rows)
    return enter(db, step, now, hold, tuple(names), held, spent, note)


def put_right(db: Connection, call: Call, amounts: Amounts, now: int, note: str) -> None:
    """Replace what was charged when a lease ran out."""
    more = minus(amounts, call.amounts)
    names = [claim.account for claim in call.claims]
    marks = ", ".join("?" * len(names))
    rows = db.execute(f"SELECT name FROM accounts WHERE name IN ({marks}) AND reset < ?", (*names, call.seq))
    known = {row[0] for row in rows}
    touched = [claim for claim in call.claims if claim.account in known]
    if more == ZERO or not touched:
        return
    db.executemany(_SPEND, [(*more, claim.account) for claim in touched if not claim.span])
    charged = [(*more, claim.account, rules.bucket(claim, call.due)) for claim in touched if claim.span]
    db.executemany(_PUT_RIGHT, charged)
    enter(db, "adjust", now, call.id, tuple([claim.account for claim in touched]), ZERO, more, note)


def enter(
    db: Connection,
    step: Step,
    now: int,
    hold: str,
    accounts: tuple[str, ...],
    held: Amounts,
    spent: Amounts,
    note: str = "",
) -> int:
    """A line of the journal; returns its number."""
    return db.execute(_ENTER, (now, step, hold, _names(accounts), *held, *spent, note)).lastrowid or 0


def journal(db: Connection, account: str | None, newest: int) -> list[Entry]:
    """The newest entries, oldest first."""
    chosen = "" if account is None else "WHERE EXISTS (SELECT 1 FROM json_each(accounts) WHERE value = ?)"
    given = (newest,) if account is None else (account, newest)
    rows = db.execute(f"SELECT * FROM journal {chosen} ORDER BY seq DESC LIMIT ?", given).fetchall()
    return [
        Entry(
            row[0], row[1], row[2], row[3], tuple(json.loads(row[4])), Amounts(*row[5:8]), Amounts(*row[8:11]), row[11]
        )
        for row in reversed(rows)
    ]


def states(db: Connection, prefix: str, now: int) -> list[State]:
    """Accounts for people."""
    rows = db.execute(
        f"""SELECT {_BALANCE}, budget, scope, window, start, "end", span, used, bucket FROM accounts
        WHERE substr(name, 1, ?) = ? AND ("end" = 0 OR "end" + ? > ?) ORDER BY name""",
        (len(prefix), prefix, rules.DAY, now),
    ).fetchall()
    found = [State(balance_of(row), *row[13:20]) for row in rows]
    return [
        state._replace(balance=state.balance._replace(spent=in_window(db, row[0], state.span, row[20], now)))
        if state.span
        else state
        for state, row in zip(found, rows, strict=True)
    ]
