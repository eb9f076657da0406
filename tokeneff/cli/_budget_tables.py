"""Accounts, holds and journals of budgets: as tables for people, as JSON values for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tokeneff.cli._report_text import clean
from tokeneff.report._say import duration, money, several, share

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from tokeneff.stores import Amounts, Balance, Entry, Hold, State

_BAR = 12
_MARKS = ("█", "▒", "░")
_PLAIN_MARKS = ("#", "+", ".")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000


# -- for machines: money in nano-dollars, times as ISO 8601


def state_json(state: State, now: int) -> dict[str, Any]:
    """One account."""
    return {
        "account": state.balance.account,
        "budget": state.budget,
        "scope": state.scope,
        "window": state.window,
        "start": iso(state.start) if state.start else None,
        "resets": iso(state.end) if state.end else None,
        "over": bool(state.end and state.end <= now),
        "used": iso(state.used) if state.used else None,
        "units": balance_json(state.balance),
    }


def balance_json(balance: Balance) -> dict[str, dict[str, int | None]]:
    """What each unit of an account stands at; without a limit, nothing is ``left``."""
    return {
        unit: {"limit": limit, "topped_up": topped, "spent": spent, "held": held, "left": left(limit, spent, held)}
        for unit, limit, topped, spent, held in zip(
            balance.spent._fields, balance.limits, balance.topped, balance.spent, balance.held, strict=True
        )
    }


def hold_json(hold: Hold) -> dict[str, Any]:
    """One hold."""
    return {
        "id": hold.id,
        "accounts": list(hold.accounts),
        "amounts": hold.amounts._asdict(),
        "floor": hold.floor._asdict(),
        "since": iso(hold.since),
        "expires": iso(hold.expires),
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """One line of the journal."""
    changes = {"held": entry.held._asdict(), "spent": entry.spent._asdict()}
    return {**entry._asdict(), "at": iso(entry.at), "accounts": list(entry.accounts), **changes}


def iso(micros: int) -> str:
    """A moment, in UTC."""
    try:
        return (_EPOCH + timedelta(microseconds=micros)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{micros} us"


def left(limit: int | None, spent: int, held: int) -> int | None:
    """What is left of a limit."""
    return None if limit is None else limit - spent - held


# -- for people


def states_table(states: Sequence[State], now: int, *, plain: bool, windows: bool = False) -> Table:
    """Where accounts stand: a line for each unit that has a limit.

    Args:
        states: the accounts. now: the store's clock, in microseconds since 1970.
        plain: whether bars are of ASCII.
        windows: whether each account's window is told, where it has one.
    """
    from rich.text import Text

    scopes, windows = any(state.scope for state in states), windows and any(state.window for state in states)
    names = ["budget", *(["scope"] if scopes else []), *(["window"] if windows else [])]
    table = _table([*names, ""], ["used", "spent", "held", "left", "limit"], ["resets"])
    for state in states:
        about = [Text(clean(state.budget or state.balance.account, 120), style="cyan")]
        about += [Text(clean(state.scope, 200))] if scopes else []
        about += [Text(clean(state.window))] if windows else []
        ends = Text(_resets(state, now))
        for cells in _units(state.balance, plain) or [["", "", "", "", "", "no limit"]]:
            table.add_row(*about, *cells, ends)
            about, ends = [Text("") for _ in about], Text("")
    return table


def _units(balance: Balance, plain: bool) -> list[list[Any]]:
    rows: list[list[Any]] = []
    units = zip(balance.spent._fields, balance.limits, balance.spent, balance.held, strict=True)
    for unit, limit, spent, held in units:
        if limit is None:
            continue
        rest = limit - spent - held
        used = _share(spent + held, limit)
        told = [said(unit, value) for value in (spent, held, rest)]
        rows.append([_bar(limit, spent, held, plain), used, *told, said(unit, limit, named=True)])
    return rows


def _share(used: int, limit: int) -> str:
    if limit <= 0:
        return "100 %"
    return "<0.1 %" if 0 < used * 1000 < limit else share(used / limit)


def _bar(limit: int, spent: int, held: int, plain: bool) -> Text:
    """How much of a limit is spent, and held; nothing but nothing at all is drawn as nothing."""
    from rich.text import Text

    marks = _PLAIN_MARKS if plain else _MARKS
    most = max(limit, spent + held, 1)
    full = min(_BAR, -(-_BAR * spent // most)) if spent > 0 else 0
    waiting = min(_BAR - full, -(-_BAR * held // most)) if held > 0 else 0
    part = (spent + held) / most if limit > 0 else 1.0
    style = "green" if part < 0.5 else "yellow" if part < 0.8 else "red"
    bar = Text(marks[0] * full, style=style)
    return bar.append(marks[1] * waiting, style).append(marks[2] * (_BAR - full - waiting), "dim")


def _resets(state: State, now: int) -> str:
    if state.span:
        return state.window or "rolls"
    if not state.end:
        return "never"
    if state.end <= now:
        return "is over"
    try:
        when = _EPOCH + timedelta(microseconds=state.end)
    except OverflowError:
        return "never"
    day = f"{when.day} {when:%b} " if state.end - now >= _DAY else ""
    minutes = max(60_000_000, (state.end - now) // 60_000_000 * 60_000_000)
    return f"in {duration(minutes)} ({day}{when:%H:%M} UTC)"


def holds_table(holds: Sequence[Hold], now: int) -> Table:
    """What is held now."""
    from rich.text import Text

    table = _table(["hold"], ["age", "lease left", "held"], ["accounts"])
    for hold in holds:
        rest = hold.expires - now
        table.add_row(
            Text(clean(hold.id), style="cyan"),
            duration(max(0, now - hold.since)),
            duration(rest) if rest > 0 else "over",
            listed(hold.amounts),
            Text("\n".join(clean(account, 200) for account in hold.accounts)),
        )
    return table


def journal_table(entries: Sequence[Entry]) -> Table:
    """What was done, the newest last."""
    from rich.text import Text

    table = _table(["at (UTC)", "step", "hold"], ["held", "spent"], ["accounts"])
    for entry in entries:
        accounts = [*entry.accounts, *([f"({entry.note})"] if entry.note else [])]
        table.add_row(
            iso(entry.at)[:23].replace("T", " ").removesuffix("Z"),
            Text(entry.step, style="cyan"),
            Text(clean(entry.hold)),
            listed(entry.held, signed=True),
            listed(entry.spent, signed=True),
            Text("\n".join(clean(line, 200) for line in accounts)),
        )
    return table


def listed(amounts: Amounts, *, signed: bool = False) -> str:
    """Amounts that are not 0, one a line."""
    told: list[str] = []
    for unit, value in zip(amounts._fields, amounts, strict=True):
        if value:
            told.append(("+" if signed and value > 0 else "") + said(unit, value, named=True))
    return "\n".join(told)


def said(unit: str, value: int, *, named: bool = False) -> str:
    """An amount: ``$1.50``, ``12,000``, or with its unit's name ``12,000 tokens``."""
    if unit == "usd":
        return money(value)
    text = several(abs(value), unit.removesuffix("s")) if named else f"{abs(value):,}"
    return f"−{text}" if value < 0 else text


def _table(texts: Iterable[str], numbers: Iterable[str], last: Iterable[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in _columns(texts, numbers, last):
        number = justify == "right"
        whole = number or name in ("", "hold", "at (UTC)", "step")
        table.add_column(name, justify=justify, no_wrap=whole, overflow="fold")
    return table


def _columns(texts: Iterable[str], numbers: Iterable[str], last: Iterable[str]) -> Iterator[tuple[str, Any]]:
    yield from ((name, "left") for name in texts)
    yield from ((name, "right") for name in numbers)
    yield from ((name, "left") for name in last)
