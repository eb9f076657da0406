"""Tool schemas that are sent along and never called."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tokeneff.report._advice._words import listed, many
from tokeneff.report._cubes import TOOLS, row_of
from tokeneff.report._reading import Reading
from tokeneff.report._values import Finding

_FEWEST = 10
"""Calls with a set of tools, below which a tool may well be called by the next one."""


def find(reading: Reading) -> Iterator[Finding]:
    """A finding for each set of tools some of which were never called."""
    sets: dict[int, list[int]] = {}
    called: dict[int, set[int]] = {}
    columns = ("calls", "tokens", "cost", "paid", "dearest")
    for toolset_id, called_id, *values in reading.cells(TOOLS, ("toolset_id", "called_id"), columns):
        known = sets.setdefault(toolset_id, [0] * len(columns))
        known[:] = [*(old + new for old, new in zip(known[:4], values[:4], strict=True)), max(known[4], values[4])]
        called.setdefault(toolset_id, set()).add(called_id)
    texts = reading.texts([called_id for ids in called.values() for called_id in ids])
    for toolset_id, (calls, tokens, cost, paid, dearest) in sets.items():
        names = {name for called_id in called[toolset_id] for name in json.loads(texts.get(called_id, "[]"))}
        sent = reading.toolset(toolset_id)
        idle = sorted(((name, size) for name, size in sent if name not in names), key=lambda tool: (-tool[1], tool[0]))
        size, all_sizes = sum(size for _, size in idle), sum(size for _, size in sent)
        if calls < _FEWEST or not size:
            continue
        which = listed([name for name, _ in idle])
        yield Finding(
            kind="unused_tools",
            title=f"{len(idle):,} of {many(len(sent), 'tool')} never called in {many(calls, 'call')}: {which}",
            evidence="measured",
            saves=min(paid * size // all_sizes, cost),
            spent=cost,
            calls=calls,
            tokens=tokens * size // all_sizes,
            **_example(reading, dearest),
            how="their share (by our token count) of what the tool schemas cost in these calls, each call's cached "
            "tokens taken to be the first of its prompt, where tools are",
            action="leave them out, or offer them only where they can be used (the cache is rebuilt once)",
        )


def _example(reading: Reading, dearest: int) -> dict[str, str]:
    call_id, session = reading.call(row_of(dearest))
    return {"call_id": call_id, "session": session}
