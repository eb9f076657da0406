"""A report for a terminal, or a pipe: at most 100 columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from tokeneff.report import _say_trims as trims
from tokeneff.report._say import amount, brief, duration, moment, money, several, share
from tokeneff.report._values import Finding, Latency, Report, Sums, Table

if TYPE_CHECKING:
    from rich.table import Table as Grid

    from tokeneff.cli._output import Output

_WIDTH = 100
_ROWS = 20
"""Of a table; --json has them all."""
_LISTED = 5
_MONEY = "green"


def show(report: Report, out: Output) -> None:
    """Print the report: totals, tables, what stands out, and last what to do."""
    from rich.text import Text

    width = min(_WIDTH, out.result.width)
    out.show(Text(_title(report), style="bold"))
    out.show()
    for grid in (_facts(report), *grids(report)):
        out.result.print(grid, width=width)
        out.show()
    _advise(report.findings, out, width)


def _title(report: Report) -> str:
    period = f"{moment(report.first or 0)} to {moment(report.last or 0)}"
    return f"tokeneff report on {clean(report.source, 200)}\n{period}"


def _facts(report: Report) -> Grid:
    return _pairs(_lines(report))


def _pairs(lines: Iterable[tuple[str, str]], title: str | None = None) -> Grid:
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left", title_style="bold", show_header=False, box=None, pad_edge=False)
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in lines:
        grid.add_row(Text(f"  {name}"), Text(value))
    return grid


def _lines(report: Report) -> Iterator[tuple[str, str]]:
    total = report.total
    yield "spent", _spent(total)
    kinds = {
        "input": total.cost_input,
        "cache reads": total.cost_cache_read,
        "cache writes": total.cost_cache_write,
        "output": total.cost_output,
    }
    if any(kinds.values()):
        yield "", " · ".join(f"{name} {money(cost)}" for name, cost in kinds.items() if cost)
    cut = f", {total.cut:,} broken off" if total.cut else ""
    ended = f"{total.failed:,} failed{cut}, {several(total.retries, 'retry', 'retries')}"
    yield "calls", f"{total.calls:,} in {several(report.sessions_count, 'session')}: {ended}"
    yield "tokens in", _tokens(total, total.input_tokens) + _cached(total)
    yield (
        "tokens out",
        _tokens(total, total.output_tokens)
        + (f", {amount(total.reasoning)} of them reasoning" if total.reasoning else ""),
    )
    yield (
        "counted by",
        f"the provider {total.provider:,} · our estimate {total.estimated:,} · unknown {total.unknown:,}",
    )
    if total.lost:
        yield "broken caches", f"{money(total.lost_cost)} for {amount(total.lost)} tokens that were sent before"
    if report.latency.calls:
        yield "duration", _latency(report.latency)
    if report.first_chunk.calls:
        speed = total.tokens_per_second
        yield "first chunk", _latency(report.first_chunk) + (f"; then {speed:,.0f} tokens/s" if speed else "")


def _spent(sums: Sums) -> str:
    if sums.unpriced == sums.calls:
        return f"unknown: no price or no count for {several(sums.calls, 'call')}"
    rest = f", and {several(sums.unpriced, 'call')} whose cost is unknown" if sums.unpriced else ""
    return money(sums.cost) + rest


def _tokens(sums: Sums, count: int) -> str:
    if sums.unknown == sums.calls:
        return "unknown"
    return ("at least " if sums.unknown else "~" if sums.estimated else "") + amount(count)


def _cached(sums: Sums) -> str:
    written = f", {amount(sums.cache_write)} written to it" if sums.cache_write else ""
    return f", {share(sums.cache_share)} read from the cache{written}" if sums.cache_share is not None else ""


def _latency(latency: Latency) -> str:
    shares = [
        f"{name} {duration(value)}" for name, value in zip(("median", "p90", "p99"), latency[1:4], strict=True) if value
    ]
    return f"{', '.join(shares)} (each within {latency.error:.1%}), longest {duration(latency.max or 0)}"


def grids(report: Report) -> Iterator[Grid]:
    """The tables, without those that would be empty."""
    total = report.total
    if total.unpriced < total.calls or any(part.tokens for part in report.parts):
        parts = (
            (f"{part.side} {part.name.replace('_', ' ')}", f"{part.tokens:,}", _part(total, part.cost))
            for part in report.parts
            if part.tokens or part.cost
        )
        yield _grid("tokens by part", ("part", "tokens", "dollars"), parts)
    for table in report.tables:
        yield _grid(f"by {table.by}", _COLUMNS, _rows(table), more=len(table.rows) - _ROWS)
    if report.unpriced:
        rows = (
            (row.model, row.provider, row.why, f"{row.calls:,}", amount(row.input_tokens), amount(row.output_tokens))
            for row in report.unpriced[:_ROWS]
        )
        yield _grid("cost unknown", ("model", "provider", "why", "calls", "tokens in", "out"), rows, texts=3)
    breaks = [cause for cause in report.breaks if cause.tokens]
    if breaks:
        rows = (
            (cause.cause.replace("_", " "), cause.detail, f"{cause.calls:,}", amount(cause.tokens), _known(cause.cost))
            for cause in breaks[:_LISTED]
        )
        more = len(breaks) - _LISTED
        yield _grid("what broke the cache", ("cause", "where", "calls", "tokens", "cost"), rows, texts=2, more=more)
    yield from _calls(report)
    if report.trimming is not None:
        yield _pairs(((name, clean(value, 400)) for name, value in trims.told(report.trimming)), "trimming")


def _calls(report: Report) -> Iterator[Grid]:
    if report.sessions:
        rows = (
            (row.session, row.model, f"{row.sums.calls:,}", _spent_short(row.sums), money(row.wasted))
            for row in report.sessions[:_LISTED]
        )
        yield _grid("most wasteful sessions", ("session", "model", "calls", "spent", "wasted"), rows, texts=2)
    if report.slowest:
        rows = (
            (
                row.call_id,
                row.model,
                row.ending,
                duration(row.duration),
                _known(row.output_tokens, amount),
                _known(row.cost),
            )
            for row in report.slowest[:_LISTED]
        )
        yield _grid("slowest calls", ("call", "model", "ending", "took", "tokens out", "cost"), rows, texts=3)
    if report.errors:
        rows = (
            (row.error, str(row.status or ""), f"{row.calls:,}", f"{row.retries:,}", money(row.cost), row.example)
            for row in report.errors[:_LISTED]
        )
        more = len(report.errors) - _LISTED
        yield _grid("errors", ("error", "status", "calls", "retries", "cost", "as call"), rows, more=more)
    if report.decisions:
        rows = (
            (row.policy, row.decision, f"{row.calls:,}", _saved(row.saved, row.unknown, row.calls))
            for row in report.decisions
        )
        yield _grid("what policies saved, net", ("policy", "decision", "calls", "saved"), rows, texts=2)


_COLUMNS = ("", "calls", "failed", "tokens in", "cached", "out", "cost")


def _rows(table: Table) -> Iterator[tuple[str, ...]]:
    for value, sums in table.rows[:_ROWS]:
        cached = "" if sums.cache_share is None else share(sums.cache_share)
        counts = (_mark(sums) + amount(sums.input_tokens), cached, _mark(sums) + amount(sums.output_tokens))
        yield value or "(none)", f"{sums.calls:,}", f"{sums.failed:,}", *counts, _spent_short(sums)


def _mark(sums: Sums) -> str:
    return "≥" if sums.unknown else "~" if sums.estimated else ""


def _spent_short(sums: Sums) -> str:
    if sums.unpriced == sums.calls:
        return "unknown"
    return ("≥" if sums.unpriced else "") + money(sums.cost)


def _part(total: Sums, cost: int) -> str:
    return "unknown" if total.unpriced == total.calls else money(cost)


def _saved(saved: int, unknown: int, calls: int) -> str:
    return "unknown" if unknown == calls else money(saved) + (f", {unknown:,} unknown" if unknown else "")


def _known(value: int | None, say: Callable[[int], str] = money) -> str:
    return "unknown" if value is None else say(value)


def _grid(title: str, names: Iterable[str], rows: Iterable[tuple[str, ...]], *, texts: int = 1, more: int = 0) -> Grid:
    """A table whose first columns are texts, cut where they are too long, and whose others are numbers."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    cells = [[clean(value) for value in row] for row in rows]
    for place, name in enumerate(names):
        text = place < texts
        widest = max((len(row[place]) for row in cells), default=0)
        least = None if text else max(widest, len(name))  # texts are cut where need be, numbers never
        grid.add_column(name, justify="left" if text else "right", no_wrap=True, overflow="ellipsis", min_width=least)
    for row in cells:
        grid.add_row(*(Text(value, style="cyan" if place == 0 else "") for place, value in enumerate(row)))
    if more > 0:
        grid.caption = f"… and {more:,} more (--json has them)"
        grid.caption_justify = "left"
    return grid


def _advise(findings: tuple[Finding, ...], out: Output, width: int) -> None:
    from rich.table import Table
    from rich.text import Text

    if not findings:
        out.show("[bold]what to do[/]: nothing was found that would save money")
        return
    out.show("[bold]what to do[/], by dollars over the period (findings may overlap: do not add them up)")
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, finding in enumerate(findings, 1):
        kind = "what-if" if finding.evidence == "what-if" else "wasted"
        head = Text(f"{money(finding.saves)} {kind}  ", f"bold {_MONEY}").append(
            clean(finding.title, 300), "bold default"
        )
        grid.add_row("", "")
        grid.add_row(Text(f"{number:>2}."), head)
        for text, style in _told(finding):
            grid.add_row("", Text(text, style=style))
    out.result.print(grid, width=width)


def _told(finding: Finding) -> Iterator[tuple[str, str]]:
    yield f"-> {clean(finding.action, 300)}", ""
    facts = f"{several(finding.calls, 'call')} for {money(finding.spent)}, {amount(finding.tokens)} tokens"
    session = f" of session {clean(finding.session)}" if finding.session else ""
    yield f"{facts}; as {clean(finding.call_id)}{session}", "dim"
    yield f"how: {finding.how}", "dim"


def clean(text: str, most: int = 60) -> str:
    """A name from outside, as a terminal may be given it."""
    return brief("".join(char if char.isprintable() else "�" for char in text), most)
