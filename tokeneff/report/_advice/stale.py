"""Tool results that are sent again and again after nothing refers to them any more."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._cubes import CALLS, STALE_COST, row_of
from tokeneff.report._reading import Reading
from tokeneff.report._values import Finding


def find(reading: Reading) -> Iterator[Finding]:
    """One finding over all calls."""
    columns = ("stale", STALE_COST, "stale_calls", "stale_spent", "stalest")
    for tokens, saves, calls, spent, stalest in reading.cells(CALLS, (), columns):
        if saves <= 0:
            continue
        call_id, session = reading.call(row_of(stalest))
        yield Finding(
            kind="stale_results",
            title="tool results that nothing refers to again are sent with every later request",
            evidence="measured",
            saves=min(saves, spent),
            spent=spent,
            calls=calls,
            tokens=tokens,
            call_id=call_id,
            session=session,
            how="tokens of earlier turns' tool results of which no identifier was used since, at what was paid for the "
            "cheapest of each call's input tokens (those read from the cache, then the rest)",
            action="replace old tool results by a line that says what they were (in large steps: each cut breaks the "
            "cache once)",
        )
