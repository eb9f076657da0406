"""A large model for replies of a few tokens."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from tokeneff.report._advice._replies import Group, groups
from tokeneff.report._cubes import row_of
from tokeneff.report._reading import Reading
from tokeneff.report._values import Finding

if TYPE_CHECKING:
    from tokeneff.prices import Prices

_TINY = 64
"""Tokens: replies shorter than this are tiny."""
_SHARE = 0.95
"""So many of a group's replies have to be."""


def find(reading: Reading, prices: Prices | None) -> Iterator[Finding]:
    """A finding for each group of calls nearly all of whose replies are tiny, and not thought about."""
    for group in groups(reading):
        if group.quantile(_SHARE).high > _TINY or any(cell.thought for cell in group.cells):
            continue
        yield from _cheaper(reading, group, prices)


def _cheaper(reading: Reading, group: Group, prices: Prices | None) -> Iterator[Finding]:
    from tokeneff.prices import Prices
    from tokeneff.prices._siblings import cheaper

    kind, cells = group.kind, group.cells
    spent = sum(cell.cost for cell in cells)
    known = Prices() if prices is None else prices
    for sibling in cheaper(kind.name):
        would = _would_cost(group, sibling, known)
        if would is not None and would < spent:
            break
    else:
        return
    call_id, session = reading.call(row_of(max(cell.dearest for cell in cells)))
    yield Finding(
        kind="oversized_model",
        title=f"{group.calls:,} replies of {group.name} have a few tokens each; {sibling} might do",
        evidence="what-if",
        saves=spent - would,
        spent=spent,
        calls=group.calls,
        tokens=sum(cell.input_tokens + cell.output_tokens for cell in cells),
        call_id=call_id,
        session=session,
        how=f"of one model and system prompt, at least {_SHARE:.0%} of the replies have fewer than {_TINY} tokens, "
        f"none reasons or calls a tool: what they cost, less the same tokens at {sibling}'s list price",
        action=f"try {sibling} on a sample of these requests, and compare the replies",
    )


def _would_cost(group: Group, model: str, prices: Prices) -> int | None:
    sums = [sum(column) for column in zip(*(cell[4:8] for cell in group.cells), strict=True)]
    sent, read, written, out = sums
    kind = group.kind
    rates = prices.rates(model, kind.provider, kind.endpoint.partition(":")[0], None, sent // group.calls)
    if rates is None or rates.output is None:
        return None
    cost: Fraction = (sent - read - written) * rates.input + read * rates.cache_read
    cost += written * rates.cache_write + out * rates.output
    return int(cost) + 1
