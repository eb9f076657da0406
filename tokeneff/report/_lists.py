"""Calls and sessions that stand out: the slowest, the most wasteful, those that failed, and those nobody has priced."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from heapq import nsmallest
from typing import Literal

from tokeneff.report._advice._words import merged
from tokeneff.report._cubes import CALLS, LOST, PREFIXES, SESSIONS, STALE, SUMS, UNSORTED, Cube, row_of
from tokeneff.report._reading import Reading, text_of
from tokeneff.report._sums import CUT, FAILED, merge, sums_of
from tokeneff.report._values import Break, Decided, ErrorGroup, Session, SlowCall, Sums, Unpriced

_LISTED = 10


def slowest(reading: Reading) -> tuple[SlowCall, ...]:
    """The calls that took longest."""
    sql = f"""SELECT d.call_id, f.time, f.duration, f.first_chunk, f.kind_id, ifnull(t.text, ''), f.retries,
            f.input_tokens, f.output_tokens, f.cost
        FROM facts AS f JOIN details AS d ON d.id = f.id LEFT JOIN texts AS t ON t.id = f.session_id
        WHERE f.id IN ({", ".join(map(str, reading.slowest(_LISTED)))}) ORDER BY f.duration DESC, f.id"""
    found: list[SlowCall] = []
    for call_id, time, duration, first, kind_id, session, retries, *rest in reading.connection.execute(sql):
        kind = reading.kinds[kind_id]
        told = (kind.provider, kind.name, session, kind.ending, retries)
        found.append(SlowCall(text_of(call_id), time, duration, first, *told, *rest))
    return tuple(found)


def sessions(reading: Reading) -> tuple[int, tuple[Session, ...]]:
    """How many sessions there are, and the most wasteful ones."""
    unread = [str(key) for key, kind in reading.kinds.items() if kind.ending in FAILED | CUT]
    wasted = f"CASE WHEN f.kind_id IN ({', '.join(unread)}) THEN f.cost ELSE ifnull({LOST}, 0) + ifnull({STALE}, 0) END"
    cube = Cube(
        "wasted",
        {"session_id": "f.session_id"},
        {"wasted": f"min(f.cost, {wasted})"},
        where="f.session_id IS NOT NULL",
    )
    found = list(reading.cells(cube, ("session_id",)))
    worst = nsmallest(_LISTED, found, key=lambda row: (-row[1], row[0]))
    return len(found), tuple(_sessions(reading, {session: amount for session, amount in worst if amount > 0}))


def _sessions(reading: Reading, wasted: Mapping[int, int]) -> Iterator[Session]:
    columns = (*SUMS, *SESSIONS.peaks)
    totals = dict.fromkeys(wasted, Sums())
    firsts: dict[int, tuple[int, int]] = {}
    times: dict[int, tuple[int, int]] = {}
    rows = reading.cells(SESSIONS, ("session_id", "kind_id"), columns, ("session_id", tuple(wasted)))
    for session, kind_id, *values in rows:
        told = dict(zip(columns, values, strict=True))
        totals[session] += sums_of(reading.kinds[kind_id], told)
        firsts[session] = max(firsts.get(session, (told["first_id"], kind_id)), (told["first_id"], kind_id))
        first, last = times.get(session, (told["first"], told["last"]))
        times[session] = max(first, told["first"]), max(last, told["last"])
    names = reading.texts(list(wasted))
    for session, amount in wasted.items():
        first, last = times[session]
        model = reading.kinds[firsts[session][1]].name
        yield Session(names.get(session, ""), model, -first, last, totals[session], amount)


def breaks(reading: Reading) -> tuple[Break, ...]:
    """Why cached prefixes ended, the dearest cause first."""
    sql = "SELECT id, prefix_cause, prefix_part, prefix_detail FROM prefixes"
    rows = list(reading.connection.execute(sql))
    told = merged(row[3] for row in rows)
    causes: dict[int, tuple[str, str, str]] = {row[0]: (row[1], row[2], told[row[3]]) for row in rows}
    found: dict[tuple[str, str, str], list[int]] = {}
    columns = ("calls", "tokens", "known", "lost_cost", "dearest")
    for prefix_id, *values in reading.cells(PREFIXES, ("prefix_id",), columns):
        merge(found.setdefault(causes[prefix_id], [0] * len(columns)), values)
    made = (
        Break(*key, calls, tokens, cost if known else None, reading.call(row_of(dearest))[0])
        for key, (calls, tokens, known, cost, dearest) in found.items()
    )
    return tuple(sorted(made, key=lambda cause: (-(cause.cost or 0), -cause.tokens, cause[:3])))


def errors(reading: Reading) -> tuple[ErrorGroup, ...]:
    """What calls failed with, the most frequent first."""
    found: dict[tuple[str, int | None], list[int]] = {}
    columns = ("calls", "retries", "cost", "unpriced", "dearest")
    for kind_id, *values in reading.cells(CALLS, ("kind_id",), columns):
        kind = reading.kinds[kind_id]
        if kind.ending in FAILED or kind.error:
            merge(found.setdefault((kind.error or kind.ending, kind.status), [0] * len(columns)), values)
    ordered = sorted(found.items(), key=lambda item: (-item[1][0], item[0][0], item[0][1] or 0))
    return tuple(
        ErrorGroup(*key, calls, retries, cost, unknown, reading.call(row_of(dearest))[0])
        for key, (calls, retries, cost, unknown, dearest) in ordered
    )


def unpriced(reading: Reading) -> tuple[Unpriced, ...]:
    """Calls whose cost is not known, by model and by what is missing."""
    found: dict[tuple[str, str, Literal["no price", "no count"]], list[int]] = {}
    columns = ("unpriced", "uncounted", "unpriced_input", "unpriced_output", "uncounted_input", "uncounted_output")
    for kind_id, calls, uncounted, *tokens in reading.cells(CALLS, ("kind_id",), columns):
        kind = reading.kinds[kind_id]
        counts: dict[Literal["no price", "no count"], tuple[int, int, int]] = {
            "no count": (uncounted, tokens[2], tokens[3]),
            "no price": (calls - uncounted, tokens[0] - tokens[2], tokens[1] - tokens[3]),
        }
        for why, values in counts.items():
            known = found.setdefault((kind.provider, kind.name, why), [0, 0, 0])
            known[:] = [old + new for old, new in zip(known, values, strict=True)]
    rows = [Unpriced(*key, *values) for key, values in found.items() if values[0]]
    return tuple(sorted(rows, key=lambda row: (-row.calls, row[:3])))


def decisions(reading: Reading) -> tuple[Decided, ...]:
    """What policies decided, those that saved most first."""
    # A cross join keeps the order: few calls have decisions.
    sql = f"""SELECT t.text, s.calls FROM (SELECT d.decisions_id AS id, count(*) AS calls FROM details AS d
        CROSS JOIN facts AS f ON f.id = d.id
        WHERE d.decisions_id IS NOT NULL AND {reading.condition} GROUP BY 1) AS s JOIN texts AS t ON t.id = s.id"""
    found: dict[tuple[str, str], list[int]] = {}
    for text, calls in reading.connection.execute(sql):
        for policy, decision, saved in json.loads(text):
            known = found.setdefault((policy, decision), [0, 0, 0])
            known[0] += calls
            known[1 if saved is not None else 2] += calls * saved if saved is not None else calls
    rows = [Decided(*key, *values) for key, values in found.items()]
    return tuple(sorted(rows, key=lambda row: (-row.saved, row[:2])))


def totals(reading: Reading) -> tuple[Mapping[str, int], Sums]:
    """The columns of the calls' cube over all calls, and the sums."""
    columns = tuple(name for name in (*CALLS.sums, *CALLS.peaks) if name not in UNSORTED)
    values: dict[str, int] = dict.fromkeys(CALLS.sums, 0)
    values.update(dict.fromkeys(CALLS.peaks, -(1 << 62)))
    total = Sums()
    for kind_id, *row in reading.cells(CALLS, ("kind_id",), columns):
        told = dict(zip(columns, row, strict=True))
        total += sums_of(reading.kinds[kind_id], told)
        for name, value in told.items():
            values[name] = values[name] + value if name in CALLS.sums else max(values[name], value)
    parts = sorted(UNSORTED)
    for row in reading.cells(CALLS, (), parts):
        values.update(zip(parts, row, strict=True))
    return values, total
