"""Advice on recorded traffic."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar, cast

from tokeneff.advise._asked import Asked, Told
from tokeneff.advise._ledger import longest, sessions, strand_of_records
from tokeneff.advise._notes import notes
from tokeneff.advise._plans import limit_of, plans
from tokeneff.advise._strand import Strand
from tokeneff.advise._traffic import size_of, strand_of, threads
from tokeneff.advise._values import Advice
from tokeneff.advise._weighing import Weighing
from tokeneff.ledger import Ledger, connect_readonly
from tokeneff.logs._sources import Source, source_of
from tokeneff.logs._values import Skipped
from tokeneff.prices import Prices

if TYPE_CHECKING:
    import os

Traces: TypeAlias = "str | os.PathLike[str] | Source"
Progress: TypeAlias = "Callable[[int, int], None] | None"
C = TypeVar("C")
_SQLITE = b"SQLite format 3\0"
_DAY = 86_400.0
"""Seconds between two conversations, which are replayed one after another."""


def advise(
    source: Traces | Iterable[Traces] | Ledger | sqlite3.Connection,
    *,
    model: str | None = None,
    prices: Prices | str | os.PathLike[str] | None = None,
    since: int | None = None,
    conversations: int | None = None,
    limit: int | None = None,
    progress: Progress = None,
) -> Advice:
    """What would have become of recorded traffic under other settings: dollars, tokens and risk, the best first.

    Example::

        advice = tokeneff.advise.advise("trace.jsonl")
        print(advice)
        print(advice.best.write)

    Each conversation is sent again, to simulated providers, as recorded and under each setting. Nothing leaves this
    machine. The model's recorded replies stay as they were, whatever is left out of its requests: what is saved is
    saved only if it goes on as well without that, and ``lost`` tells where it may not.

    Args:
        source: recorded traces, Claude Code's or Codex's logs: a file or folder, :func:`tokeneff.logs.claude_code` or
            :func:`tokeneff.logs.codex`, or several of these; or a ledger: its URL or file, the ledger, or a connection
            to it.
        model: as if all requests had been made to this model, at its prices and with its cache's rules.
        prices: prices, or the path of a file of them; ``None``: those of ``TOKENEFF_PRICES`` and the price list.
        since: microseconds since 1970; calls that began earlier are left out.
        conversations: only so many of them, the first ones. limit: only so many calls.
        progress: called with the requests that are done, and those there are.

    Raises:
        FileNotFoundError: there is no such file or folder. LedgerError: there is no such ledger.
        PricesError: the file of prices is not one.
        ValueError: ``conversations`` or ``limit`` is no number above 0.
    """
    for name, number in (("conversations", conversations), ("limit", limit)):
        if number is not None and number < 1:
            raise ValueError(f"{name}={number!r}: write a whole number above 0, or leave it out")
    known = prices if isinstance(prices, Prices) else Prices(None if prices is None else Path(prices))
    asked = Asked(known, model, since, conversations, limit)
    if isinstance(source, sqlite3.Connection):
        return _kept("connection", source, asked, progress)
    url = source.url if isinstance(source, Ledger) else _ledger_in(source)
    if url is None:
        return _logged(_sources(source), asked, progress)
    with closing(source.connect() if isinstance(source, Ledger) else connect_readonly(url)) as connection:
        return _kept(url, connection, asked, progress)


def _ledger_in(source: object) -> str | None:
    """The ledger that is named, by its URL or as a file."""
    if isinstance(source, str) and "://" in source:
        return source
    if not isinstance(source, str) and not hasattr(source, "__fspath__"):
        return None
    path = Path(cast("str", source)).expanduser().absolute()
    if not path.is_file():
        return None
    with suppress(OSError), path.open("rb") as file:
        return f"sqlite:///{path}" if file.read(len(_SQLITE)) == _SQLITE else None
    return None


def _sources(source: Traces | Iterable[Traces] | Ledger) -> list[Source]:
    one = isinstance(source, str | Source) or hasattr(source, "__fspath__")
    return [source_of(each) for each in ([source] if one else source)]  # pyright: ignore


def _logged(sources: Sequence[Source], asked: Asked, progress: Progress) -> Advice:
    sizes = [(size_of(calls), len(calls)) for calls in _first(threads(sources, Skipped(), asked, Told()), asked)]
    skipped, told = Skipped(), Told()
    found = _first(threads(sources, skipped, asked, told), asked)
    weighing = _weighed(sizes, found, partial(strand_of, asked=asked, told=told), asked, told, progress)
    name = ", ".join(str(path) for source in sources for path in source.paths)
    return _advice(name, asked, weighing, told, skipped)


def _kept(name: str, connection: sqlite3.Connection, asked: Asked, progress: Progress) -> Advice:
    sizes = [(longest(calls), len(calls)) for calls in _first(sessions(connection, asked, Told()), asked)]
    told = Told()
    found = _first(sessions(connection, asked, told), asked)
    weighing = _weighed(sizes, found, partial(strand_of_records, asked=asked, told=told), asked, told, progress)
    return _advice(name, asked, weighing, told, Skipped())


def _weighed(
    sizes: Sequence[tuple[int, int]],
    found: Iterable[Sequence[C]],
    strand_of: Callable[[Sequence[C], float], Strand | None],
    asked: Asked,
    told: Told,
    progress: Progress,
) -> Weighing:
    """Every conversation under every plan, one in memory at a time.

    Args:
        sizes: of each, tokens of its longest request, and how many requests it has.
    """
    weighing = Weighing(tuple(plans(limit_of([size for size, _ in sizes]))), asked.prices, told)
    start, done, requests = 0.0, 0, sum(number for _, number in sizes)
    for calls in found:
        strand = strand_of(calls, start)
        if strand is not None:
            weighing.add(strand)
            start = strand.turns[-1].at + _DAY
        done += len(calls)
        if progress is not None:
            progress(done, requests)
    return weighing


def _first(found: Iterable[list[C]], asked: Asked) -> Iterator[list[C]]:
    """As many as were asked for."""
    left = asked.limit
    for calls in islice(found, asked.conversations):
        yield calls if left is None else calls[:left]
        if left is not None:
            left -= len(calls)
            if left <= 0:
                return


def _advice(name: str, asked: Asked, weighing: Weighing, told: Told, skipped: Skipped) -> Advice:
    checks, before = weighing.checks, weighing.before
    tallies = [before, *weighing.worth_telling] if weighing.conversations else []
    choices = [tally.choice(before) for tally in tallies]
    # Of two that cost the same, the one that changes less.
    ordered = sorted(
        enumerate(choices), key=lambda one: (not one[1].sound, one[1].cost, one[1].lost, one[1].changed, one[0])
    )
    any_told = checks.requests > 0
    return Advice(
        source=name,
        models=tuple(model for model, _ in weighing.models.most_common()),
        conversations=weighing.conversations,
        requests=sum(weighing.models.values()),
        told=checks.requests,
        error=sum(weighing.errors) / len(weighing.errors) if weighing.errors else None,
        recorded=checks.recorded if any_told else None,
        simulated=checks.simulated if any_told else None,
        cached_told=checks.cached_told if any_told else None,
        cached_simulated=checks.cached_simulated if any_told else None,
        choices=tuple(choice for _, choice in ordered),
        notes=tuple(notes(asked, weighing, told, skipped)),
    )
