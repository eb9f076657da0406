"""Cells of a cube as sums: in total, by part, over the buckets of a duration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tokeneff.report._cubes import (
    DURATIONS,
    FIRSTS,
    INPUT_PARTS,
    OUTPUT_PARTS,
    SUMS,
    TIMES,
    WIDTH,
    Cube,
)
from tokeneff.report._reading import Kind, Reading
from tokeneff.report._values import Latency, Part, Sums

FAILED = frozenset(("failed", "refused"))
CUT = frozenset(("broken_off", "dropped", "cancelled"))
_SOURCES = frozenset(("provider", "estimated"))


def sums_of(kind: Kind, values: Mapping[str, int]) -> Sums:
    """A cell's sums, its calls being of one kind."""
    calls = values["calls"]
    source = kind.usage_source if kind.usage_source in _SOURCES else "unknown"
    told = {
        "failed": calls if kind.ending in FAILED else 0,
        "cut": calls if kind.ending in CUT else 0,
        "provider": 0,
        "estimated": 0,
        "unknown": 0,
        source: calls,
    }
    return Sums(**told, **{name: values[name] for name in SUMS})


def grouped(reading: Reading, cube: Cube, key: str) -> Iterator[tuple[int, Sums]]:
    """Sums by one key of a cube, several for a value where its calls are of several kinds."""
    keys = ("kind_id",) if key == "kind_id" else (key, "kind_id")
    if key != "kind_id":
        cube = cube._replace(keys={**cube.keys, "kind_id": _alike(reading.kinds)})
    for row in reading.cells(cube, keys, tuple(SUMS)):
        group, kind_id, values = row[0], row[len(keys) - 1], row[len(keys) :]
        yield group, sums_of(reading.kinds[kind_id], dict(zip(SUMS, values, strict=True)))


def _alike(kinds: Mapping[int, Kind]) -> str:
    """SQL for one kind instead of all that `sums_of` counts alike: there are far fewer groups so."""
    classes: dict[tuple[bool, bool, str], list[int]] = {}
    for kind_id, kind in kinds.items():
        source = kind.usage_source if kind.usage_source in _SOURCES else ""
        classes.setdefault((kind.ending in FAILED, kind.ending in CUT, source), []).append(kind_id)
    found = "f.kind_id"
    for ids in classes.values():
        found = f"CASE WHEN f.kind_id IN ({', '.join(map(str, ids))}) THEN {ids[0]} ELSE {found} END"
    return found


def added(pairs: Iterable[tuple[Any, Sums]]) -> dict[Any, Sums]:
    """The sums of each group, in the order in which groups first occur."""
    found: dict[Any, Sums] = {}
    for group, sums in pairs:
        known = found.get(group)
        found[group] = sums if known is None else known + sums
    return found


def parts_of(values: Mapping[str, int]) -> tuple[Part, ...]:
    """All calls' tokens and dollars by part; the dollars sum to what was spent.

    In each call, what was read from the cache is the beginning of the prompt: tools, then system prompt, then earlier
    messages, and the rest of the input has one rate. Among earlier messages, and within the output, dollars are shared
    out by tokens.
    """
    cost, out = values["cost"], values["cost_output"]
    tools, system = values["paid_tools"], values["paid_system"] - values["paid_tools"]
    unknown = values["paid_unknown"]
    user = cost - out - unknown - values["paid_before_user"]
    middle = values["paid_before_user"] - values["paid_system"]
    history = ("user_history", "assistant_history", "tool_results", "attached")
    shares = dict(zip(history, shared(middle, [values[f"in_{part}"] for part in history]), strict=True))
    dollars = {"tools": tools, "system": system, "user": user, **shares}
    said = shared(out - values["paid_out_unknown"], [values[f"out_{part}"] for part in OUTPUT_PARTS])
    found = [Part("input", part, values[f"in_{part}"], dollars[part]) for part in INPUT_PARTS]
    found.append(Part("input", "unknown", values["in_unknown"], cost - out - sum(dollars.values())))
    found += [
        Part("output", part, values[f"out_{part}"], share) for part, share in zip(OUTPUT_PARTS, said, strict=True)
    ]
    found.append(Part("output", "unknown", values["out_unknown"], out - sum(said)))
    return tuple(part for part in found if part.name != "unknown" or part.tokens or part.cost)


def shared(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount shared out by weights, in integers that sum to it; nothing where there are no weights."""
    total = sum(weights)
    if not total:
        return [0] * len(weights)
    found = [amount * weight // total for weight in weights]
    found[max(range(len(weights)), key=lambda place: weights[place])] += amount - sum(found)
    return found


def latencies(reading: Reading) -> tuple[Latency, Latency]:
    """From call to end, and from call to first chunk."""
    return _latency(reading, TIMES), _latency(reading, FIRSTS)


def _latency(reading: Reading, cube: Cube) -> Latency:
    counts: dict[int, int] = {}
    longest = 0
    for bucket, calls, peak in reading.cells(cube, ("bucket",)):
        counts[bucket] = calls
        longest = max(longest, peak)
    calls = sum(counts.values())
    if not calls:
        return Latency()
    ordered = sorted(counts.items())
    p50, p90, p99 = (_at(ordered, -(-share * calls // 100), longest) for share in (50, 90, 99))
    return Latency(calls, p50, p90, p99, longest, WIDTH / 2)


def _at(ordered: Sequence[tuple[int, int]], rank: int, longest: int) -> int:
    for bucket, calls in ordered:
        rank -= calls
        if rank <= 0:
            low = DURATIONS[bucket]
            high = DURATIONS[bucket + 1] if bucket + 1 < len(DURATIONS) else longest
            return min((low + high) // 2, longest)
    return longest


def merge(known: list[int], values: Sequence[int]) -> None:
    """Add to sums, the last of which is a peak: of that the larger one stays."""
    known[:] = [*(old + new for old, new in zip(known[:-1], values[:-1], strict=True)), max(known[-1], values[-1])]
