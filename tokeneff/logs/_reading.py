"""Logs to records, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Self

from tokeneff.logs import _claude, _codex, _traces
from tokeneff.logs._sources import Readable, Source, files, source_of
from tokeneff.logs._values import Logged, Skipped

if TYPE_CHECKING:
    import os

    from tokeneff.ledger import CallRecord
    from tokeneff.prices import Prices

_SECOND = 1_000_000


class Reading:
    """The records of logs, to be iterated over once, and what could not be used of them.

    reading = tokeneff.logs.records("trace.jsonl")
    spent = sum(record.cost or 0 for record in reading)
    print(reading.skipped.counts)
    """

    def __init__(self, records: Iterator[CallRecord], skipped: Skipped) -> None:
        self.skipped = skipped
        """Lines that were not used, by reason; whole once the records have been read."""
        self._records = records

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> CallRecord:
        return next(self._records)


def records(
    source: Readable | Iterable[Readable],
    *,
    since: datetime | timedelta | float | None = None,
    prices: Prices | str | os.PathLike[str] | None = None,
) -> Reading:
    """Read logs that other programs wrote as records of a ledger: what each call was made of, and cost, and why.

        for record in tokeneff.logs.records(tokeneff.logs.claude_code(), since=timedelta(days=7)):
            print(record.model, record.input_tokens, record.cache_read, record.cost)

    Each call counts once, however many lines, copies and continued sessions it is written in. Tokens are the provider's
    where the log has them, and else estimated, which ``usage_source`` says. Costs are those of the API; to who uses a
    subscription they are a measure, not a bill. A time without a zone is UTC. Claude Code's logs hold neither system
    prompt nor tool schemas: what the provider counted beyond the messages is accounted for as such.

    Args:
        source: a file or folder (recorded traces, Claude Code's or Codex's logs: each file is looked at), or
            :func:`claude_code` or :func:`codex`, or several of these. Files are read twice, and held in memory one
            session at a time.
        since: leave out calls before this: a moment, seconds since 1970, or how long ago. What went before in the same
            session is read all the same, so that prompts are compared with what they repeat.
        prices: prices, or the path of a file of them; ``None``: those of ``TOKENEFF_PRICES`` and the price list.

    Raises:
        FileNotFoundError: there is no such file or folder.
        TypeError: ``since`` is none of these.
        PricesError: the file of prices is not one.
    """
    from tokeneff.prices import Prices

    sources = [source_of(one) for one in ([source] if _is_one(source) else source)]  # pyright: ignore
    skipped = Skipped()
    known = prices if isinstance(prices, Prices) else Prices(None if prices is None else Path(prices))
    return Reading(_records(sources, skipped, _moment(since), known), skipped)


def _is_one(source: object) -> bool:
    return isinstance(source, str | Source) or hasattr(source, "__fspath__")


def _moment(since: datetime | timedelta | float | None) -> int | None:
    if since is None:
        return None
    if isinstance(since, datetime):
        return round(since.timestamp() * _SECOND)
    if isinstance(since, timedelta):
        return round((time() - since.total_seconds()) * _SECOND)
    if isinstance(since, bool) or not isinstance(since, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"since is a datetime, a timedelta or seconds since 1970, not {type(since).__name__}")
    return round(since * _SECOND)


def _records(sources: list[Source], skipped: Skipped, since: int | None, prices: Prices) -> Iterator[CallRecord]:
    from tokeneff.logs._accounting import Accountant
    from tokeneff.logs._counting import SessionCounter

    counter, counted = SessionCounter(), set[str]()
    accountant = Accountant(counter, prices)
    for session in sessions(sources, skipped, since):
        counter.begin()
        for call in session:
            if call.call_id in counted:
                continue
            counted.add(call.call_id)
            record = accountant.record(call)
            if since is None or record.time >= since:
                yield record


def sessions(sources: Iterable[Source], skipped: Skipped, since: int | None) -> Iterator[Iterator[Logged]]:
    """Yield the calls of one session after another, of all sources."""
    for source in sources:
        found = files(source)
        yield from _claude.logged(found["claude-code"], skipped, since)
        yield from _codex.logged(found["codex"], skipped, since)
        for path in found["trace"]:
            yield from _traces.logged(path, skipped)
