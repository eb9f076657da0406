"""What a report sums up, as cubes: sums over the ledger's calls by a few integer keys."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

DAY = 86_400_000_000


def _edges(first: int, last: int, growth: float) -> tuple[int, ...]:
    found = [0, first]
    edge = first
    while edge < last:
        edge = max(edge + 1, int(edge * growth))
        found.append(edge)
    return tuple(found)


LENGTHS = _edges(1, 2_000_000, 1.15)
"""Lower edges of the buckets of output tokens."""
DURATIONS = _edges(1_000, 100_000_000_000, 1.05)
"""Lower edges of the buckets of durations, in microseconds: 1 ms to a day, each 5 % wide."""
WIDTH = 0.05


def bucket_of(value: int, edges: Sequence[int]) -> int:
    """The bucket that a value is counted in."""
    return max(0, bisect_right(edges, value) - 1)


class Ladder(str):
    """SQL for `bucket_of`: a tree of comparisons, as not every SQLite has logarithms."""

    __slots__ = ("edges", "value")
    value: str
    edges: tuple[int, ...]

    def __new__(cls, value: str, edges: tuple[int, ...]) -> Ladder:
        """The bucket of a value, which is SQL too."""
        made = super().__new__(cls, _rungs(value, edges, 0, len(edges)))
        made.value, made.edges = value, edges
        return made


def _rungs(value: str, edges: Sequence[int], low: int, high: int) -> str:
    if high - low <= 1:
        return str(low)
    middle = (low + high) // 2
    left, right = _rungs(value, edges, low, middle), _rungs(value, edges, middle, high)
    return f"CASE WHEN {value} < {edges[middle]} THEN {left} ELSE {right} END"


class Cube(NamedTuple):
    """Sums over calls by keys, which are integers and never null."""

    name: str
    keys: Mapping[str, str]
    sums: Mapping[str, str]
    peaks: Mapping[str, str] = {}
    """Merged by the larger of two."""
    where: str = ""

    def sql(self, keys: Sequence[str], columns: Sequence[str], condition: str) -> str:
        """Sums over the rows of ``facts`` that meet a condition, by some of the keys."""
        names = [f"{self.keys[key]} AS {key}" for key in keys]
        names += [f"sum({self.sums[name]}) AS {name}" for name in columns if name in self.sums]
        names += [f"max({self.peaks[name]}) AS {name}" for name in columns if name in self.peaks]
        where = f"{condition} AND {self.where}" if self.where else condition
        group = f" GROUP BY {', '.join(str(place) for place in range(1, len(keys) + 1))}" if keys else ""
        return f"SELECT {', '.join(names)} FROM facts AS f WHERE {where}{group}"


_READ = "ifnull(f.cache_read, 0)"


def _paid(tokens: str) -> str:
    """What the first tokens of a call's input cost: those read from the cache come first, the rest has one rate.

    Null (which adds nothing) where there are none of them, or no cost is known.
    """
    return (
        f"CASE WHEN {tokens} <= {_READ} THEN f.cost_cache_read * ({tokens}) / {_READ} "
        f"ELSE f.cost_cache_read + (({tokens}) - {_READ}) * (f.cost_input + f.cost_cache_write) "
        f"/ (f.input_tokens - {_READ}) END"
    )


def _dearest(cost: str = "f.cost") -> str:
    """A number that tells the dearest call (to a millionth of a dollar, up to four dollars), of equals the latest."""
    return f"(min(max(ifnull({cost}, 0), 0) / 1000, 4194303) << 40) | f.id"


def row_of(dearest: int) -> int:
    """The ``facts.id`` in what `_dearest` told."""
    return dearest & ((1 << 40) - 1)


STALE = _paid("min(f.stale_tokens, f.input_tokens)")
"""What a call's stale tool results cost: the cheapest of its input tokens."""
LOST = "max(min(f.prefix_cost, f.cost), 0)"
"""What a call's broken prefix cost, never more than the call."""
REPEATED_TOKENS = "ifnull(f.input_tokens, 0) + ifnull(f.output_tokens, 0)"
"""What a call used that repeats another one."""
_DAY_KEY = f"f.time / {DAY} - (f.time < 0 AND f.time % {DAY} <> 0)"
_SPOKE = "f.first_chunk IS NOT NULL AND f.chunks > 1 AND f.duration > f.first_chunk AND f.output_tokens > 0"

SUMS: dict[str, str] = {
    "calls": "1",
    "retries": "f.retries",
    "input_tokens": "f.input_tokens",
    "output_tokens": "f.output_tokens",
    "cache_read": "f.cache_read",
    "cache_write": "f.cache_write",
    "reasoning": "f.reasoning",
    "unpriced": "f.cost IS NULL",
    "cost": "f.cost",
    "cost_input": "f.cost_input",
    "cost_cache_read": "f.cost_cache_read",
    "cost_cache_write": "f.cost_cache_write",
    "cost_output": "f.cost_output",
    "lost": "f.prefix_lost",
    "lost_cost": LOST,
    "stale": "f.stale_tokens",
    "timed": "f.duration IS NOT NULL",
    "duration": "f.duration",
    "spoken": f"CASE WHEN {_SPOKE} THEN f.output_tokens END",
    "speaking": f"CASE WHEN {_SPOKE} THEN f.duration - f.first_chunk END",
}
"""The fields of :class:`~tokeneff.report.Sums`, except those that a call's kind says (failed, cut, sources)."""

STALE_COST = "stale_cost"
INPUT_PARTS = ("tools", "system", "user_history", "assistant_history", "tool_results", "attached", "user")
OUTPUT_PARTS = ("text", "reasoning", "tool_calls")

CALLS = Cube(
    "calls",
    {"day": _DAY_KEY, "kind_id": "f.kind_id", "tagset_id": "ifnull(f.tagset_id, 0)"},
    {
        **SUMS,
        **{f"in_{part}": f"f.in_{part}" for part in INPUT_PARTS},
        **{f"out_{part}": f"f.out_{part}" for part in OUTPUT_PARTS},
        "in_unknown": "CASE WHEN f.in_user IS NULL THEN f.input_tokens END",
        "out_unknown": "CASE WHEN f.out_text IS NULL THEN f.output_tokens END",
        "paid_tools": _paid("f.in_tools"),
        "paid_system": _paid("(f.in_tools + f.in_system)"),
        "paid_before_user": _paid("(f.input_tokens - f.in_user)"),
        "paid_unknown": "CASE WHEN f.in_user IS NULL THEN f.cost - f.cost_output END",
        "paid_out_unknown": "CASE WHEN f.out_text IS NULL THEN f.cost_output END",
        "uncounted": "f.cost IS NULL AND (f.input_tokens IS NULL OR f.output_tokens IS NULL)",
        "uncounted_input": "CASE WHEN f.cost IS NULL AND f.output_tokens IS NULL THEN f.input_tokens END",
        "uncounted_output": "CASE WHEN f.cost IS NULL AND f.input_tokens IS NULL THEN f.output_tokens END",
        "unpriced_input": "CASE WHEN f.cost IS NULL THEN f.input_tokens END",
        "unpriced_output": "CASE WHEN f.cost IS NULL THEN f.output_tokens END",
        "stale_calls": "f.stale_tokens > 0",
        "stale_spent": "CASE WHEN f.stale_tokens > 0 THEN f.cost END",
        STALE_COST: STALE,
    },
    {
        "dearest": _dearest(),
        "stalest": f"CASE WHEN f.stale_tokens > 0 THEN {_dearest(STALE)} END",
        "first": "-f.time",
        "last": "f.time",
    },
)
UNSORTED = frozenset(name for name in CALLS.sums if name.startswith(("in_", "out_", "paid_")))
"""Columns of the calls' cube that are summed up over all calls at once: groups are made by sorting, which takes longer
than all else, and the longer the more columns there are."""
SESSIONS = Cube(
    "sessions",
    {"day": _DAY_KEY, "session_id": "ifnull(f.session_id, 0)", "kind_id": "f.kind_id"},
    SUMS,
    {"first_id": "-f.id", "first": "-f.time", "last": "f.time"},
)
TOOLS = Cube(
    "tools",
    {"day": _DAY_KEY, "toolset_id": "f.toolset_id", "called_id": "ifnull(f.called_id, 0)"},
    {"calls": "1", "tokens": "f.in_tools", "cost": "f.cost", "paid": _paid("f.in_tools")},
    {"dearest": _dearest()},
    where="f.toolset_id IS NOT NULL",
)
REPLIES = Cube(
    "replies",
    {
        "day": _DAY_KEY,
        "kind_id": "f.kind_id",
        "system_id": "ifnull(f.system_id, 0)",
        "bucket": Ladder("f.output_tokens", LENGTHS),
    },
    {
        "calls": "1",
        "input_tokens": "f.input_tokens",
        "cache_read": "f.cache_read",
        "cache_write": "f.cache_write",
        "output_tokens": "f.output_tokens",
        "cost": "f.cost",
        "cost_output": "f.cost_output",
        "thought": "ifnull(f.reasoning, 0) + ifnull(f.out_tool_calls, 0) > 0 OR f.called_id IS NOT NULL",
    },
    {"dearest": _dearest()},
    where="f.output_tokens IS NOT NULL AND f.cost IS NOT NULL",
)
PREFIXES = Cube(
    "prefixes",
    {"day": _DAY_KEY, "prefix_id": "f.prefix_id"},
    {
        "calls": "1",
        "tokens": "f.prefix_lost",
        "known": "f.prefix_cost IS NOT NULL",
        "lost_cost": LOST,
        "cost": "f.cost",
    },
    {"dearest": _dearest(LOST)},
    where="f.prefix_id IS NOT NULL AND f.prefix_lost > 0",
)
TIMES = Cube(
    "times",
    {"day": _DAY_KEY, "bucket": Ladder("f.duration", DURATIONS)},
    {"calls": "1"},
    {"longest": "f.duration"},
    where="f.duration IS NOT NULL",
)
FIRSTS = Cube(
    "firsts",
    {"day": _DAY_KEY, "bucket": Ladder("f.first_chunk", DURATIONS)},
    {"calls": "1"},
    {"longest": "f.first_chunk"},
    where="f.first_chunk IS NOT NULL",
)
