"""Calls over time: every bucket's sums and percentiles are those of the calls in it."""

from __future__ import annotations

from math import ceil
from typing import Any

import made_reports as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff.ledger import CallRecord
from tokeneff.report._cubes import INPUT_PARTS, OUTPUT_PARTS
from tokeneff.report._series import OTHER, UNSPLIT, Series, series

MINUTE = 60_000_000
DAY = 1440 * MINUTE

_TOKENS = st.none() | st.integers(0, 10**7)
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "time": st.integers(made.BEGIN, made.BEGIN + 40 * DAY)
    | st.integers(made.BEGIN, made.BEGIN + 5 * MINUTE)
    | st.integers(0, 2**52),
    "model": st.sampled_from(["", *(f"model {number}" for number in range(12))]),
    "request_model": st.sampled_from(["", "asked"]),
    "duration": st.none() | st.integers(0, 10**9),
    "first_chunk": st.none() | st.integers(0, 10**8),
    "ending": st.sampled_from(["read", "failed", "refused", "dropped"]),
    "input_tokens": _TOKENS,
    "output_tokens": _TOKENS,
    "cache_read": _TOKENS,
    "prefix_lost": st.integers(0, 10**6),
    "usage_source": st.sampled_from(["provider", "estimated", "unknown"]),
    "cost": st.none() | st.integers(0, 10**12),
    "price_confidence": st.sampled_from(["listed", "assumed", "estimated", "unknown"]),
    "in_user": _TOKENS,
    "in_tools": _TOKENS,
    "out_text": _TOKENS,
}
_RECORDS = st.lists(st.fixed_dictionaries(_FIELDS), max_size=30).map(
    lambda found: [CallRecord(call_id=f"call {number}", **fields) for number, fields in enumerate(found)]
)


def added(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def name_of(row: CallRecord) -> str:
    return row.model or row.request_model or row.operation


def near(found: int | None, exact: int | None) -> None:
    """Within 2.5 %, or half a millisecond."""
    if exact is None or found is None:
        assert found is exact
    else:
        assert abs(found - exact) <= max(exact * 0.026, 500)


def check(rows: list[CallRecord], found: Series) -> None:
    """Compare with what is counted the slow way."""
    assert found.buckets <= 90
    groups: list[list[CallRecord]] = [[] for _ in range(found.buckets)]
    for row in rows:
        groups[(row.time - found.start) // found.step].append(row)
    assert groups[0]
    assert groups[-1]
    names = [model.name for model in found.models]
    for index, group in enumerate(groups):
        assert found.calls[index] == len(group)
        assert found.errors[index] == sum(row.ending in ("failed", "refused") for row in group)
        assert found.unpriced[index] == sum(row.cost is None for row in group)
        assert found.uncounted[index] == sum(row.usage_source == "unknown" for row in group)
        for model in found.models:
            own = [
                row for row in group if (name_of(row) == model.name or model.name == OTHER != name_of(row) not in names)
            ]
            assert model.calls[index] == len(own)
            assert model.cost[index] == (added([row.cost for row in own]) if own else 0)
            tokens = added([row.input_tokens for row in own] + [row.output_tokens for row in own]) or 0
            nobody = own and all(row.usage_source == "unknown" for row in own)
            assert model.tokens[index] == (None if nobody else tokens)
        for part in INPUT_PARTS:
            sent = added([getattr(row, f"in_{part}") for row in group])
            assert (found.input.get(part, (None,) * 90)[index] or 0) == (sent or 0)
        whole = [row.input_tokens for row in group if row.in_user is None]
        assert (found.input.get(UNSPLIT, (0,) * 90)[index] or 0) == (added(whole) or 0)
        for name, column in (("cache_read", found.cache_read), ("input_tokens", found.input_tokens)):
            assert column[index] == (added([getattr(row, name) for row in group]) or 0)
        assert found.lost[index] == sum(row.prefix_lost for row in group)
        for name in ("duration", "first_chunk"):
            ordered = sorted(getattr(row, name) for row in group if getattr(row, name) is not None)
            for share, values in getattr(found, name).items():
                near(values[index], ordered[ceil(int(share[1:]) * len(ordered) / 100) - 1] if ordered else None)
    every = [row.duration for row in rows if row.duration is not None]
    assert sum(calls for _, _, calls in found.durations) == len(every)
    for low, high, calls in found.durations:
        assert calls <= sum(low * 0.974 - 500 <= value < high * 1.026 + 500 for value in every)
    for name, (calls, cost) in found.confidence.items():
        own = [row for row in rows if row.price_confidence == name]
        assert (calls, cost) == (len(own), added([row.cost for row in own]) or 0)


@settings(max_examples=60, deadline=None)
@given(_RECORDS)
def test_a_series_is_of_the_calls_that_there_are(rows: list[CallRecord]) -> None:
    found = series(made.connection(rows))
    if found is None:
        assert rows == []
    else:
        check(rows, found)


def test_parts_of_a_side_sum_to_its_tokens() -> None:
    rows = made.records(500)
    found = series(made.connection(rows))
    assert found is not None
    assert list(found.input) == list(INPUT_PARTS)
    assert list(found.output) == list(OUTPUT_PARTS)
    sent = sum(value or 0 for values in found.input.values() for value in values)
    assert sent == sum(row.input_tokens or 0 for row in rows)


def test_calls_from_before_are_left_out() -> None:
    rows = made.records(300, days=10)
    since = made.BEGIN + 5 * DAY
    found = series(made.connection(rows), since)
    assert found is not None
    check([row for row in rows if row.time >= since], found)
    assert series(made.connection(rows), rows[-1].time + 1) is None


def test_of_many_models_the_dearest_are_told_apart() -> None:
    rows = [
        CallRecord(call_id=str(number), time=made.BEGIN, model=f"model {number}", cost=number or None)
        for number in range(9)
    ]
    found = series(made.connection(rows))
    assert found is not None
    assert [model.name for model in found.models] == [f"model {number}" for number in range(8, 1, -1)] + [OTHER]
    assert found.models[-1].cost == (1,)
    fewer = series(made.connection(rows[1:]))
    assert fewer is not None
    assert [model.name for model in fewer.models] == [f"model {number}" for number in range(8, 0, -1)]


STEPS = {
    0: MINUTE,
    80 * MINUTE: MINUTE,
    200 * MINUTE: 5 * MINUTE,
    DAY: 60 * MINUTE,
    10 * DAY: 180 * MINUTE,
    30 * DAY: DAY,
    80 * DAY: DAY,
    400 * DAY: 7 * DAY,
    2_000 * DAY: 28 * DAY,
    10_000 * DAY: 364 * DAY,
}


@pytest.mark.parametrize("length", STEPS)
def test_steps_are_as_short_as_ninety_buckets_allow(length: int) -> None:
    step = STEPS[length]
    rows = [CallRecord(call_id=str(end), time=made.BEGIN + end * length) for end in (0, 1)]
    found = series(made.connection(rows))
    assert found is not None
    assert found.step == step
    assert found.start <= made.BEGIN < found.start + step
    assert found.start % step == (4 * DAY if step >= 7 * DAY else 0) % step  # weeks begin on Mondays
