"""Replies by their length, in groups of calls that do the same work: the same model and system prompt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tokeneff.report._cubes import LENGTHS, REPLIES
from tokeneff.report._reading import Kind, Reading

FEWEST = 20
"""Calls of a group, below which nothing is said of it. Rarer system prompts are one group for each model."""
_COLUMNS = (
    "calls",
    "input_tokens",
    "cache_read",
    "cache_write",
    "output_tokens",
    "cost",
    "cost_output",
    "thought",
    "dearest",
)


class Cell(NamedTuple):
    """Replies of about one length."""

    low: int
    """Each has at least so many tokens."""
    high: int
    """And fewer than so many."""
    finish: str
    calls: int
    input_tokens: int
    cache_read: int
    cache_write: int
    output_tokens: int
    cost: int
    cost_output: int
    thought: int
    """Calls with reasoning or tool calls."""
    dearest: int


class Group(NamedTuple):
    """Calls of one model with one system prompt, that were answered and whose cost is known; shortest reply first."""

    kind: Kind
    system: str
    cells: tuple[Cell, ...]

    @property
    def calls(self) -> int:
        """How many."""
        return sum(cell.calls for cell in self.cells)

    def quantile(self, share: float) -> Cell:
        """The cell that holds the reply of this rank."""
        left = share * self.calls
        for cell in self.cells:
            left -= cell.calls
            if left <= 0:
                return cell
        return self.cells[-1]

    @property
    def name(self) -> str:
        """Which calls these are, in words."""
        return f"{self.kind.name}{f' with system prompt {self.system[:8]}' if self.system else ''}"


def cells(reading: Reading) -> Iterator[tuple[Kind, int, Cell]]:
    """Calls that were answered and whose cost is known: their kind, the id of their system prompt, and sums."""
    highs: tuple[int, ...] = (*LENGTHS[1:], 1 << 62)
    for kind_id, system_id, bucket, *values in reading.cells(REPLIES, ("kind_id", "system_id", "bucket"), _COLUMNS):
        kind = reading.kinds[kind_id]
        if kind.ending == "read":
            yield kind, system_id, Cell(LENGTHS[bucket], highs[bucket], kind.finish, *values)


def groups(reading: Reading) -> Iterator[Group]:
    """All groups of enough calls."""
    models: dict[tuple[str, str, str], dict[int, list[tuple[Kind, Cell]]]] = {}
    for kind, system_id, cell in cells(reading):
        systems = models.setdefault((kind.provider, kind.endpoint, kind.name), {})
        systems.setdefault(system_id, []).append((kind, cell))
    for systems in models.values():
        rare = [system for system, found in systems.items() if sum(cell.calls for _, cell in found) < FEWEST]
        pooled = [pair for system in rare for pair in systems.pop(system)]
        names = reading.texts(list(systems))
        for system, found in [*systems.items(), (-1, pooled)] if pooled else systems.items():
            ordered = tuple(sorted((cell for _, cell in found), key=lambda cell: cell.low))
            group = Group(found[0][0], names.get(system, ""), ordered)
            if group.calls >= FEWEST:
                yield group
