"""Replies that are far longer than their like, and replies that were cut off by the limit."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._advice._replies import Cell, Group, cells, groups
from tokeneff.report._cubes import row_of
from tokeneff.report._reading import Reading
from tokeneff.report._say import several
from tokeneff.report._sums import merge
from tokeneff.report._values import Finding

_TIMES = 4
"""So many times the median is over-long."""
_LEAST = 500
"""Tokens, below which no reply is over-long."""
_CUT = frozenset(("length", "max_tokens", "max_output_tokens", "MAX_TOKENS"))
_BY_DESIGN = 16
"""A limit of fewer tokens than this is meant to cut: a label, a yes or no."""


def find(reading: Reading) -> Iterator[Finding]:
    """A finding for each group with over-long replies, and one over all replies that were cut off."""
    for group in groups(reading):
        yield from _long(reading, group)
    yield from _cut(reading)


def _long(reading: Reading, group: Group) -> Iterator[Finding]:
    median = group.quantile(0.5).high - 1
    limit = max(_LEAST, _TIMES * median, _fence(group))
    long = [cell for cell in group.cells if cell.low > limit]
    saves = sum(_beyond(cell, limit) for cell in long)
    if not saves:
        return
    call_id, session = reading.call(row_of(max(cell.dearest for cell in long)))
    calls = sum(cell.calls for cell in long)
    yield Finding(
        kind="long_outputs",
        title=f"{several(calls, 'reply', 'replies')} of {group.name} far longer than the rest: "
        f"over {limit:,} tokens, where the median is {median:,}",
        evidence="what-if",
        saves=saves,
        spent=sum(cell.cost for cell in long),
        calls=calls,
        tokens=sum(cell.output_tokens - cell.calls * limit for cell in long),
        call_id=call_id,
        session=session,
        how=f"among {several(group.calls, 'reply', 'replies')} of one model and system prompt: output beyond {limit:,} "
        f"tokens, at what a token of these replies' output cost; {limit:,} is the largest of {_LEAST}, {_TIMES} times "
        "the median, and Tukey's upper fence over the lengths' logarithms",
        action=f"ask for brevity, or set max_tokens; a limit of {limit:,} would have passed all the others",
    )


def _fence(group: Group) -> int:
    """Above the upper quartile by one and a half times the distance of the quartiles, on a scale of logarithms: lengths
    of replies spread over orders of magnitude without any of them being odd (Tukey, Exploratory Data Analysis, 1977).
    """
    low, high = max(1, group.quantile(0.25).low), max(1, group.quantile(0.75).high - 1)
    return int(high * (high / low) ** 1.5)


def _beyond(cell: Cell, limit: int) -> int:
    return cell.cost_output * (cell.output_tokens - cell.calls * limit) // cell.output_tokens


def _cut(reading: Reading) -> Iterator[Finding]:
    sums = [0] * 5
    for _, _, cell in cells(reading):
        if not _CUT.isdisjoint(cell.finish.split(",")) and cell.low >= _BY_DESIGN:
            merge(sums, [cell.calls, cell.output_tokens, cell.cost, cell.cost_output, cell.dearest])
    calls, tokens, cost, cost_output, dearest = sums
    if not calls:
        return
    call_id, session = reading.call(row_of(dearest))
    yield Finding(
        kind="cut_outputs",
        title=f"{several(calls, 'reply', 'replies')} cut off by the output limit",
        evidence="measured",
        saves=cost_output,
        spent=cost,
        calls=calls,
        tokens=tokens,
        call_id=call_id,
        session=session,
        how="what the output of replies that ended at the limit cost; those of fewer than "
        f"{_BY_DESIGN} tokens are left out (their limit is there to cut them)",
        action="raise max_tokens where the whole reply is needed, or ask for a shorter one",
    )
