"""The tables of the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tokeneff.report import _say_trims as trims
from tokeneff.report._say import amount, brief, duration, moment, money, several, share
from tokeneff.report._values import Break, Decided, ErrorGroup, Part, Report, Row, Session, SlowCall, Sums, Unpriced
from tokeneff.report.html._head import spend, tokens
from tokeneff.report.html._markup import Child, Markup, tag
from tokeneff.report.html._table import Column, table

WORDS = {
    "system": "system prompt",
    "tools": "tool schemas",
    "user_history": "user, earlier turns",
    "assistant_history": "assistant, earlier turns",
    "tool_results": "tool results",
    "attached": "attached",
    "user": "user, this turn",
    "text": "text",
    "reasoning": "reasoning",
    "tool_calls": "tool calls",
    "unknown": "not known which",
}
"""The parts of a call, as people call them."""

_WHOLE = 100
"""Rows of a table that is not cut."""
_NARROW = 6
"""Columns of a table that leaves room for another beside it."""


def tables(report: Report, most: int) -> Iterator[Markup]:
    """All tables that have rows, with at most so many each; of longer ones it is said what is left out."""
    whole = report.total
    for grouped in report.tables:
        columns = (Column[Row](grouped.by, lambda row: brief(row.value)), *_sums(whole))
        # Days come in order; of many, the last ones matter.
        rows = grouped.rows[::-1] if grouped.by == "day" else grouped.rows
        yield _section(f"By {grouped.by}", "", columns, rows, most, _rest)
    found = several(report.sessions_count, "session")
    yield _section(f"The most wasteful of {found}", _WASTED, _SESSIONS, report.sessions, most)
    yield _section("Where cached prefixes broke", _BROKEN, _BREAKS, report.breaks, most)
    yield _section("Slowest calls", "", _SLOWEST, report.slowest, most)
    yield _section("Tokens by part", "", _parts(report), [part for part in report.parts if part.tokens], most)
    yield _section("Errors", "", _ERRORS, report.errors, most)
    yield _section("What policies decided", "", _DECISIONS, report.decisions, most)
    if report.trimming is not None:
        yield _section("Trimming", "", _TRIMMING, tuple(trims.told(report.trimming)), _WHOLE)
    yield _section("Calls of unknown cost", "", _UNPRICED, report.unpriced, most)


def _section(
    name: str,
    about: str,
    columns: Sequence[Column[Any]],
    rows: Sequence[Any],
    most: int,
    rest: Callable[[Sequence[Any]], str] | None = None,
) -> Markup:
    if not rows:
        return Markup()
    # One more than the most is shown rather than left out: the line that says so is as long.
    cut = rows[most:] if len(rows) > most + 1 else ()
    left = f"{len(cut):,} more are not shown" + (f"; together {rest(cut)}" if rest else "") if cut else ""
    return tag(
        "section",
        tag("header", tag("h2", name), tag("p", about, class_="soft") if about else None),
        table(columns, rows[: len(rows) - len(cut)], name),
        tag("p", f"{left}.", class_="soft") if left else None,
        class_="tables narrow" if len(columns) <= _NARROW else "tables",
    )


def _rest(rows: Sequence[Row]) -> str:
    sums = Sums()
    for row in rows:
        sums += row.sums
    cost = "of unknown cost" if sums.unpriced == sums.calls else f"{money(sums.cost)}"
    return f"{several(sums.calls, 'call')}, {cost}"


def _sums(whole: Sums) -> tuple[Column[Row], ...]:
    """What is told of any group of calls."""
    return (
        _of("cost", _priced, spend, "≥: some calls of unknown cost are not included"),
        _of(
            "of all",
            lambda sums: _priced(sums) if whole.cost else None,
            lambda sums: share(sums.cost / whole.cost),
            "Share of the known cost of all calls",
        ),
        *_USED,
    )


def _of(
    title: str, value: Callable[[Sums], float | None], shown: Callable[[Sums], Child], hint: str, spare: bool = False
) -> Column[Row]:
    """A column that shows what can be said of a row's sums."""
    return Column(title, lambda row: value(row.sums), lambda row: shown(row.sums), hint, spare=spare)


def _priced(sums: Sums) -> float | None:
    return None if sums.unpriced == sums.calls else sums.cost


def _counted(sums: Sums, count: int) -> float | None:
    return None if sums.unknown == sums.calls else count


def _bad(number: int) -> Child:
    return tag("span", f"{number:,}", class_="bad") if number else "0"


_USED = (
    _of("calls", lambda sums: sums.calls, lambda sums: f"{sums.calls:,}", "All calls"),
    _of("failed", lambda sums: sums.failed, lambda sums: _bad(sums.failed), "Failed or refused"),
    _of(
        "input",
        lambda sums: _counted(sums, sums.input_tokens),
        lambda sums: tokens(sums, sums.input_tokens),
        "Input tokens, cached ones included",
    ),
    _of(
        "from cache",
        lambda sums: sums.cache_share,
        lambda sums: share(sums.cache_share or 0),
        "Share of input tokens that was read from the prompt cache",
    ),
    _of(
        "output",
        lambda sums: _counted(sums, sums.output_tokens),
        lambda sums: tokens(sums, sums.output_tokens),
        "Output tokens, reasoning included",
    ),
    _of(
        "mean time",
        lambda sums: sums.duration / sums.timed if sums.timed else None,
        lambda sums: duration(sums.duration // sums.timed),
        "From the call to its end, retries included",
        spare=True,
    ),
    _of(
        "tokens/s",
        lambda sums: sums.tokens_per_second,
        lambda sums: f"{sums.tokens_per_second or 0:,.0f}",
        "Output tokens a second after the first chunk, over streams",
        spare=True,
    ),
)


def _number(
    title: str, name: str, shown: Callable[[Any], Child], hint: str | None = None, without: str = "unknown"
) -> Column[Any]:
    """A column that shows one field of a row."""
    return Column(
        title,
        lambda row: getattr(row, name),
        lambda row: shown(getattr(row, name)),
        hint,
        without=without,
        spare=without != "unknown",
    )


def _text(title: str, name: str) -> Column[Any]:
    return Column(title, lambda row: brief(str(getattr(row, name)).replace("_", " ")))


def _id(title: str, name: str) -> Column[Any]:
    return Column(title, lambda row: brief(getattr(row, name)), code=True)


def _count(number: int) -> str:
    return f"{number:,}"


def _of_sums(title: str, name: str, shown: Callable[[Any], Child]) -> Column[Session]:
    return Column(title, lambda row: getattr(row.sums, name), lambda row: shown(getattr(row.sums, name)))


def _parts(report: Report) -> tuple[Column[Part], ...]:
    whole = {"input": report.total.input_tokens, "output": report.total.output_tokens}
    return (
        Column("part", lambda part: f"{part.side}: {WORDS.get(part.name, part.name)}"),
        Column("tokens", lambda part: part.tokens, lambda part: amount(part.tokens)),
        Column(
            "of its side",
            lambda part: part.tokens / whole[part.side] if whole[part.side] else None,
            lambda part: share(part.tokens / whole[part.side]),
        ),
        Column(
            "cost",
            lambda part: None if report.total.unpriced == report.total.calls else part.cost,
            lambda part: money(part.cost),
            "Of calls whose cost is known",
        ),
    )


_WASTED = (
    "Wasted: broken prefixes, failed and broken-off calls, and tool results that nothing refers to any more "
    "(at what was paid for them)."
)
_SESSIONS: tuple[Column[Session], ...] = (
    _id("session", "session"),
    Column(
        "wasted", lambda row: None if row.sums.unpriced == row.sums.calls else row.wasted, lambda row: money(row.wasted)
    ),
    Column(
        "cost", lambda row: None if row.sums.unpriced == row.sums.calls else row.sums.cost, lambda row: spend(row.sums)
    ),
    _of_sums("calls", "calls", _count),
    _of_sums("input", "input_tokens", amount),
    _of_sums("output", "output_tokens", amount),
    Column("lasted", lambda row: row.last - row.first, lambda row: duration(row.last - row.first)),
    _text("model", "model"),
    _number("began", "first", moment),
)

_BROKEN = "Tokens that the session had sent before, and that were not read from the cache, by why not."
_BREAKS: tuple[Column[Break], ...] = (
    _text("cause", "cause"),
    _text("in", "part"),
    Column("what", lambda row: brief(row.detail, 200)),
    _number("calls", "calls", _count),
    _number("tokens", "tokens", amount),
    _number("cost", "cost", money, "Beyond a cached read"),
    _id("example", "example"),
)

_SLOWEST: tuple[Column[SlowCall], ...] = (
    _id("call", "call_id"),
    _number("duration", "duration", duration),
    _number("first chunk", "first_chunk", duration, "Of streams", "–"),
    _number("input", "input_tokens", amount),
    _number("output", "output_tokens", amount),
    _number("cost", "cost", money),
    _number("retries", "retries", _count),
    _text("ending", "ending"),
    _text("model", "model"),
    _number("began", "time", moment),
)

_ERRORS: tuple[Column[ErrorGroup], ...] = (
    Column("error", lambda row: brief(row.error, 200)),
    _number("status", "status", str, "HTTP", "–"),
    _number("calls", "calls", _count),
    _number("retries", "retries", _count),
    Column("cost", lambda row: None if row.unpriced == row.calls else row.cost, lambda row: money(row.cost)),
    _id("example", "example"),
)

_DECISIONS: tuple[Column[Decided], ...] = (
    _text("policy", "policy"),
    _text("decision", "decision"),
    _number("calls", "calls", _count),
    Column("saved", lambda row: None if row.unknown == row.calls else row.saved, lambda row: money(row.saved)),
    _number("not known of", "unknown", _count, "Calls of which nobody knows what was saved"),
)

_TRIMMING: tuple[Column[tuple[str, str]], ...] = (
    Column("what", lambda row: row[0]),
    Column("came to", lambda row: brief(row[1], 400)),
)

_UNPRICED: tuple[Column[Unpriced], ...] = (
    Column("model", lambda row: brief(row.model)),
    _text("provider", "provider"),
    _text("why", "why"),
    _number("calls", "calls", _count),
    _number("input", "input_tokens", amount, "What is known of it"),
    _number("output", "output_tokens", amount, "What is known of it"),
)
