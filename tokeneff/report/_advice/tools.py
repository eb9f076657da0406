"""Tool schemas that are sent along and never called."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

from tokeneff.report._advice._words import listed
from tokeneff.report._cubes import TOOLS, row_of
from tokeneff.report._reading import Reading
from tokeneff.report._say import several
from tokeneff.report._values import Finding

_FEWEST = 10
"""Calls with a set of tools, below which a tool may well be called by the next one."""


class _Sent(NamedTuple):
    """Calls with one set of tools as we counted them once: the counts of the same schemas drift as counting learns."""

    tools: dict[str, int]
    calls: int
    tokens: int
    cost: int
    paid: int
    dearest: int

    def share(self, of: int, names: Collection[str]) -> int:
        """Of an amount, the share of some of the tools."""
        whole = sum(self.tools.values())
        return of * sum(size for name, size in self.tools.items() if name in names) // whole if whole else 0


def find(reading: Reading) -> Iterator[Finding]:
    """A finding for each set of tools some of which were never called."""
    sets: dict[str, list[_Sent]] = {}
    called: dict[str, set[int]] = {}
    columns = ("calls", "tokens", "cost", "paid", "dearest")
    for toolset_id, called_id, *values in reading.cells(TOOLS, ("toolset_id", "called_id"), columns):
        digest, tools = reading.toolset(toolset_id)
        sets.setdefault(digest, []).append(_Sent(dict(tools), *values))
        called.setdefault(digest, set()).add(called_id)
    texts = reading.texts([called_id for ids in called.values() for called_id in ids])
    for digest, sent in sets.items():
        used = {name for called_id in called[digest] for name in json.loads(texts.get(called_id, "[]"))}
        yield from _idle(reading, sent, used)


def _idle(reading: Reading, sent: list[_Sent], used: set[str]) -> Iterator[Finding]:
    tools = sent[0].tools
    idle = sorted((name for name in tools if name not in used), key=lambda name: (-tools[name], name))
    calls, cost = sum(cell.calls for cell in sent), sum(cell.cost for cell in sent)
    if calls < _FEWEST or not idle:
        return
    call_id, session = reading.call(row_of(max(cell.dearest for cell in sent)))
    which = f"{len(idle):,} of {several(len(tools), 'tool')}"
    yield Finding(
        kind="unused_tools",
        title=f"{which} never called in {several(calls, 'call')}: {listed(idle)}",
        evidence="measured",
        saves=min(sum(cell.share(cell.paid, idle) for cell in sent), cost),
        spent=cost,
        calls=calls,
        tokens=sum(cell.share(cell.tokens, idle) for cell in sent),
        call_id=call_id,
        session=session,
        how="their share (by our token count) of what the tool schemas cost in these calls, each call's cached tokens "
        "taken to be the first of its prompt, where tools are",
        action="leave them out, or offer them only where they can be used (the cache is rebuilt once)",
    )
