"""What a report says of trimming, read from the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from tokeneff.report._confidence import Spent, method_of, saved
from tokeneff.report._reading import Reading
from tokeneff.report._trim_values import Arm, Compared, Interval, Trimmed

_SUMS = """SELECT sum(t.trim = 'trimmed'), sum(t.trim = 'whole'), sum(t.trim = 'refused'), sum(t.trim = 'held out'),
        sum(CASE WHEN t.trim = 'trimmed' THEN t.trim_tokens END),
        sum(t.trim = 'trimmed' AND t.trim_tokens_source <> 'provider'),
        sum(CASE WHEN t.trim <> 'held out' AND t.trim_realised IS NOT NULL THEN t.trim_expected END),
        sum(CASE WHEN t.trim <> 'held out' THEN t.trim_realised END),
        sum(CASE WHEN t.trim <> 'held out' AND t.trim_realised IS NOT NULL THEN t.trim_untrimmed END),
        sum(t.trim <> 'held out' AND t.trim_realised IS NOT NULL AND t.trim_source = 'simulated'),
        sum(t.trim = 'trimmed' AND t.trim_realised IS NULL),
        sum(t.trim_gain)
    FROM trims AS t CROSS JOIN facts AS f ON f.id = t.id WHERE {}"""
# In order of the conversations, so that the same calls give the same intervals.
_CONVERSATIONS = """SELECT max(t.trim = 'held out'), max(t.trim <> 'held out'), count(*), sum(f.cost),
        sum(f.cost IS NULL), sum(CASE WHEN t.trim <> 'held out' THEN t.trim_realised END),
        sum(CASE WHEN t.trim_baseline IS NOT NULL
            THEN ifnull(f.cost_input, 0) + ifnull(f.cost_cache_read, 0) + ifnull(f.cost_cache_write, 0) END),
        sum(t.trim_baseline)
    FROM trims AS t CROSS JOIN facts AS f ON f.id = t.id WHERE {} AND t.trim_conversation <> ''
    GROUP BY t.trim_conversation ORDER BY t.trim_conversation"""
_EDITS = """SELECT t.trim_conversation, t.trim_edits FROM trims AS t CROSS JOIN facts AS f ON f.id = t.id
    WHERE {} AND t.trim_edits <> '[]' GROUP BY t.trim_conversation, t.trim_edits"""


class _Conversation(NamedTuple):
    held_out: int
    trimmed: int
    calls: int
    cost: int | None
    unknown: int
    realised: int | None
    input: int | None
    baseline: int | None


def trims(reading: Reading) -> Trimmed | None:
    """What trimming did; ``None`` where no call was looked at for it."""
    sums = [value or 0 for value in _rows(reading, _SUMS)[0]]
    trimmed, whole, refused, held_out, *rest = sums
    if not trimmed + whole + refused + held_out:
        return None
    conversations = list(map(_Conversation._make, _rows(reading, _CONVERSATIONS)))
    tokens, estimated, predicted, realised, untrimmed, simulated, unknown, gain = rest
    return Trimmed(
        trimmed,
        whole,
        refused,
        held_out,
        sum(one.trimmed for one in conversations),
        sum((one.realised or 0) < 0 for one in conversations),
        _edits(_rows(reading, _EDITS)),
        tokens,
        estimated,
        predicted,
        realised,
        untrimmed,
        simulated,
        unknown,
        gain,
        _compared(conversations) if held_out else None,
    )


def _rows(reading: Reading, sql: str) -> list[Any]:
    return reading.connection.execute(sql.format(reading.condition)).fetchall()


def _edits(rows: Iterable[tuple[bytes | str, str]]) -> tuple[tuple[str, int], ...]:
    """What was decided stays, so the call that has most edits has all that its conversation was given."""
    found: dict[tuple[bytes | str, str], int] = {}
    for conversation, text in rows:
        for kind, count in json.loads(text):
            found[conversation, kind] = max(found.get((conversation, kind), 0), count)
    sums: dict[str, int] = {}
    for (_, kind), count in found.items():
        sums[kind] = sums.get(kind, 0) + count
    return tuple(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _compared(conversations: Iterable[_Conversation]) -> Compared:
    """Those whose cost is known, by what chance had in store for them."""
    # Only while some are held out has a conversation a baseline, whichever kind it is of.
    told = [one for one in conversations if one.baseline is not None]
    sound = [one for one in told if not one.unknown and not (one.held_out and one.trimmed)]
    ours, theirs = ([one for one in sound if one.held_out == kind] for kind in (0, 1))
    each, share = saved(_spent(ours), _spent(theirs))
    money = None if each is None else Interval(*(round(value * 1e9) for value in each))
    method = method_of(len(ours), len(theirs))
    return Compared(_arm(ours), _arm(theirs), len(told) - len(sound), money, share, method)


def _spent(conversations: Iterable[_Conversation]) -> list[Spent]:
    return [Spent(one.cost or 0, one.input or 0, one.baseline or 0) for one in conversations]


def _arm(conversations: Iterable[_Conversation]) -> Arm:
    found = list(conversations)
    spent = _spent(found)
    sums = [sum(column) for column in zip(*spent, strict=True)] or [0, 0, 0]
    return Arm(len(found), sum(one.calls for one in found), *sums)
