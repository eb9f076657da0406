"""Replies that are far longer than their like, and replies that were cut off by the limit."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._advice._replies import Cell, Group, groups
from tokeneff.report._advice._words import many
from tokeneff.report._cubes import LENGTHS, REPLIES, row_of
from tokeneff.report._reading import Reading
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
    limit = max(_LEAST, _TIMES * median)
    long = [cell for cell in group.cells if cell.low > limit]
    saves = sum(_beyond(cell, limit) for cell in long)
    if not saves:
        return
    call_id, session = reading.call(row_of(max(cell.dearest for cell in long)))
    calls = sum(cell.calls for cell in long)
    yield Finding(
        kind="long_outputs",
        title=f"{many(calls, 'reply')} of {group.name} far longer than the rest: "
        f"over {limit:,} tokens, where the median is {median:,}",
        evidence="what-if",
        saves=saves,
        spent=sum(cell.cost for cell in long),
        calls=calls,
        tokens=sum(cell.output_tokens - cell.calls * limit for cell in long),
        call_id=call_id,
        session=session,
        how=f"among {many(group.calls, 'reply')} of one model and system prompt: output beyond {limit:,} tokens (the "
        f"larger of {_LEAST} and {_TIMES} times the median) at what a token of these replies' output cost",
        action=f"ask for brevity, or set max_tokens; a limit of {limit:,} would have passed all the others",
    )


def _beyond(cell: Cell, limit: int) -> int:
    return cell.cost_output * (cell.output_tokens - cell.calls * limit) // cell.output_tokens


def _cut(reading: Reading) -> Iterator[Finding]:
    columns = ("calls", "output_tokens", "cost", "cost_output", "dearest")
    sums = [0] * len(columns)
    for kind_id, bucket, *values in reading.cells(REPLIES, ("kind_id", "bucket"), columns):
        kind = reading.kinds[kind_id]
        if kind.ending == "read" and not _CUT.isdisjoint(kind.finish.split(",")) and LENGTHS[bucket] >= _BY_DESIGN:
            sums = [*(old + new for old, new in zip(sums[:4], values[:4], strict=True)), max(sums[4], values[4])]
    calls, tokens, cost, cost_output, dearest = sums
    if not calls:
        return
    call_id, session = reading.call(row_of(dearest))
    yield Finding(
        kind="cut_outputs",
        title=f"{many(calls, 'reply')} cut off by the output limit",
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
