"""What `tokeneff report` reports on: a ledger's file, or logs read into a ledger in memory."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tokeneff import logs
    from tokeneff.ledger import Ledger
    from tokeneff.logs import Skipped
    from tokeneff.prices import Prices


class Given(NamedTuple):
    """What to report on."""

    ledger: str | Ledger
    name: str
    since: int | None
    """Microseconds since 1970."""
    prices: Prices
    notes: tuple[str, ...] = ()
    """What is to be said of the source, one line each."""


def from_ledger(url: str, since: int | None, prices: Prices) -> Given:
    """A ledger's file."""
    return Given(url, url, since, prices)


def from_logs(
    paths: list[str], claude_code: str | None, codex: str | None, since: int | None, prices: Prices, stack: ExitStack
) -> Given:
    """Logs, read now.

    Raises:
        FileNotFoundError: there are none where they should be.
    """
    from tokeneff import logs
    from tokeneff.ledger import open_ledger

    sources, names = sources_of(paths, claude_code, codex)
    start = None if since is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=since)
    reading = logs.records(sources, since=start, prices=prices)
    ledger = stack.enter_context(open_ledger("memory://"))
    ledger.write(reading)
    return Given(ledger, ", ".join(names), since, prices, tuple(_skipped(reading.skipped)))


def sources_of(
    paths: list[str], claude_code: str | None, codex: str | None
) -> tuple[list[str | logs.Source], list[str]]:
    """Where logs are, and what to call that.

    Raises:
        FileNotFoundError: there are none where they should be.
    """
    from tokeneff import logs

    sources: list[str | logs.Source] = [*paths]
    names = [*paths]
    if claude_code is not None:
        sources.append(logs.claude_code(claude_code or None))
        names.append(f"Claude Code's logs{f' in {claude_code}' if claude_code else ''}")
    if codex is not None:
        sources.append(logs.codex(codex or None))
        names.append(f"Codex's logs{f' in {codex}' if codex else ''}")
    return sources, names


def _skipped(skipped: Skipped) -> list[str]:
    return [
        f"not used: {reason} ({count:,}, as {', '.join(skipped.examples[reason])})"
        for reason, count in sorted(skipped.counts.items(), key=lambda item: -item[1])
    ]
