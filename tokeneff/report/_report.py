"""A report on a ledger."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, TypeAlias

from tokeneff.report import _lists as lists
from tokeneff.report._advice import findings, identical, ranked
from tokeneff.report._reading import Reading, seal
from tokeneff.report._sums import latencies, parts_of
from tokeneff.report._tables import checked, table
from tokeneff.report._trim_values import Trimmed
from tokeneff.report._trims import trims
from tokeneff.report._values import Decided, Finding, Latency, Report, Session, SlowCall

if TYPE_CHECKING:
    from tokeneff.ledger import Ledger
    from tokeneff.prices import Prices
    from tokeneff.report._series import Series


def report(
    source: str | Ledger | sqlite3.Connection,
    *,
    by: Iterable[str] = ("model",),
    since: int | None = None,
    prices: Prices | None = None,
    now: int | None = None,
    series: bool = False,
) -> Report:
    """Where tokens, money and time went, and what to do about it.

    Example::

        found = tokeneff.report.report("sqlite:///tokeneff.db", by=["model", "feature"])
        for finding in found.findings:
            print(f"${finding.saves / 1e9:.2f}", finding.title, finding.action, sep=": ")

    Args:
        source: a ledger's URL, a ledger, or a connection to one.
        by: what to make a table by, each: a field (model, provider, endpoint, day, session, ending …) or a tag's name;
            ``tag:model`` is the tag where there is a field of that name.
        since: microseconds since 1970; calls that began earlier are left out.
        prices: what the cost of another model is computed by; the usual ones if not given.
        now: microseconds since 1970, the report's date.
        series: whether to add what charts over time need.

    Raises:
        LedgerError: there is no such ledger. ReportError: ``by`` names what is neither a field nor a tag.

    Percentiles come from buckets 5 % wide, so each is within 2.5 % of the exact one; every sum is exact. Days are UTC.
    """
    with ExitStack() as stack:
        reading = Reading(_opened(source, stack), since)
        names = checked(reading, by)
        beside = _Beside(source, reading, stack)
        values, total = lists.totals(reading)
        tables = tuple(table(reading, name) for name in names)
        found = tuple(findings(reading, prices))
        breaks, errors = lists.breaks(reading), lists.errors(reading)
        (count, sessions), (latency, first_chunk), slowest, decisions, identical, trimming = beside.done()
        return Report(
            source=_name(source),
            now=time.time_ns() // 1000 if now is None else now,
            since=since,
            first=-values["first"] if total.calls else None,
            last=values["last"] if total.calls else None,
            total=total,
            latency=latency,
            first_chunk=first_chunk,
            parts=parts_of(values),
            tables=tables,
            sessions_count=count,
            sessions=sessions,
            breaks=breaks,
            slowest=slowest,
            errors=errors,
            decisions=decisions,
            unpriced=lists.unpriced(reading),
            findings=ranked((*found, *identical)),
            series=_series(reading) if series else None,
            trimming=trimming,
        )


class _Beside:
    """What is read in another thread meanwhile, where SQLite sums up a file: a connection uses one core."""

    def __init__(self, source: object, reading: Reading, stack: ExitStack) -> None:
        self._reading = reading
        self._work = None
        if isinstance(source, str) and reading.calls is None:
            self._reading = Reading(_connected(source, stack), reading.since, reading.upto)
            pool = stack.enter_context(ThreadPoolExecutor(1, "tokeneff-report"))
            self._work = pool.submit(self._read)

    def done(self) -> _Found:
        return self._read() if self._work is None else self._work.result()

    def _read(self) -> _Found:
        reading = self._reading
        return (
            lists.sessions(reading),
            latencies(reading),
            lists.slowest(reading),
            lists.decisions(reading),
            tuple(identical.find(reading)),
            trims(reading),
        )


_Found: TypeAlias = tuple[
    tuple[int, tuple[Session, ...]],
    tuple[Latency, Latency],
    tuple[SlowCall, ...],
    tuple[Decided, ...],
    tuple[Finding, ...],
    Trimmed | None,
]


def _opened(source: str | Ledger | sqlite3.Connection, stack: ExitStack) -> sqlite3.Connection:
    if isinstance(source, sqlite3.Connection):
        return source
    connection = _connected(source, stack)
    if isinstance(source, str):
        seal(connection, source)
    return connection


def _connected(source: str | Ledger, stack: ExitStack) -> sqlite3.Connection:
    from tokeneff.ledger import connect_readonly

    connection = connect_readonly(source) if isinstance(source, str) else source.connect()
    return stack.enter_context(closing(connection))


def _name(source: str | Ledger | sqlite3.Connection) -> str:
    if isinstance(source, str):
        return source
    return "connection" if isinstance(source, sqlite3.Connection) else "ledger"


def _series(reading: Reading) -> Series | None:
    from tokeneff.report._series import series

    return series(reading)
