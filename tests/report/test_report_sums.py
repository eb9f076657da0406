"""Sums and percentiles of a report, against those done the plain way for any records."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_calls import DAY, START, call, sum_of

from tokeneff.ledger import CallRecord, Ledger
from tokeneff.report import Report, Sums, report

tokens = st.none() | st.integers(0, 3_000)
texts = st.sampled_from(["", "a", "b"])


@st.composite
def records(draw: st.DrawFn) -> CallRecord:
    """Any call that providers and adapters could tell of, odd ones included; parts that contradict totals, too."""
    priced = draw(st.booleans())
    costs = [draw(st.integers(0, 10**9)) for _ in range(4)]
    lists = st.lists(st.tuples(texts, st.integers(0, 50)), max_size=3)
    told: dict[str, Any] = {name: draw(tokens) for name in (*_TOKENS, "duration", "first_chunk")}
    if draw(st.booleans()):
        told |= {f"in_{part}": draw(st.integers(0, 900)) for part in _IN}
        told |= {f"out_{part}": draw(st.integers(0, 900)) for part in ("text", "reasoning", "tool_calls")}
    return CallRecord(
        call_id=f"{draw(st.integers(0, 1 << 60)):032x}",
        time=START + draw(st.integers(-3 * DAY, 3 * DAY)),
        model=draw(texts),
        provider=draw(texts),
        session=draw(texts),
        ending=draw(st.sampled_from(["read", "read", "broken_off", "dropped", "cancelled", "failed", "refused"])),
        error=draw(texts),
        finish=draw(st.sampled_from(["", "stop", "length", "stop,length"])),
        retries=draw(st.integers(0, 2)),
        chunks=draw(st.integers(0, 3)),
        usage_source=draw(st.sampled_from(["provider", "estimated", "unknown", "odd"])),
        cost=sum(costs) if priced else None,
        **(dict(zip(_COSTS, costs, strict=True)) if priced else {}),
        prefix_cause=draw(st.sampled_from(["", "first", "none", "missed", "edited"])),
        prefix_detail=draw(texts),
        prefix_lost=draw(st.integers(0, 5_000)),
        prefix_cost=draw(st.none() | st.integers(0, 10**10)),
        stale_tokens=draw(st.integers(0, 5_000)),
        toolset=draw(texts),
        tools=tuple(draw(lists)),
        called=tuple(draw(st.lists(texts, max_size=2))),
        request_hash=draw(texts),
        system_hash=draw(texts),
        tags=tuple(sorted({"user": draw(texts), "x": draw(texts)}.items())),
        **told,
    )


_IN = ("system", "tools", "user_history", "assistant_history", "tool_results", "attached", "user")
_TOKENS = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")
_COSTS = ("cost_input", "cost_cache_read", "cost_cache_write", "cost_output")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(records(), max_size=30, unique_by=lambda record: record.call_id), st.none() | st.integers(-DAY, DAY))
def test_sums_hold_for_any_records(found: list[CallRecord], offset: int | None) -> None:
    copies = [record._replace(call_id=f"{number}-{record.call_id}") for record in found for number in range(7)]
    since = None if offset is None else START + offset
    by = ("model", "provider", "ending", "day", "session", "user", "x", "endpoint", "usage_source")
    with Ledger("memory://") as ledger:
        ledger.write(copies)
        told = report(ledger, by=by, since=since, now=0)
    meant = [record for record in copies if since is None or record.time >= since]
    expected = plainly(meant)
    assert told.total._replace(lost_cost=0, spoken=0, speaking=0) == expected
    for table in told.tables:
        assert sum_of(table) == told.total, table.by
    assert sum(part.cost for part in told.parts) == told.total.cost
    for side in ("input", "output"):
        assert sum(part.cost for part in told.parts if part.side == side) >= 0
    assert sum(group.calls for group in told.unpriced) == told.total.unpriced
    assert told.latency.calls == told.total.timed
    _within_spend(told)


def _within_spend(told: Report) -> None:
    for finding in told.findings:
        assert 0 < finding.saves <= finding.spent <= told.total.cost, finding
        assert 0 < finding.calls <= told.total.calls
    assert [finding.saves for finding in told.findings] == sorted((f.saves for f in told.findings), reverse=True)
    for session in told.sessions:
        assert 0 < session.wasted <= session.sums.cost
    assert told.total.lost_cost <= told.total.cost


def plainly(found: list[CallRecord]) -> Sums:
    sums: dict[str, int] = defaultdict(int)
    for record in found:
        sums["calls"] += 1
        sums["failed"] += record.ending in ("failed", "refused")
        sums["cut"] += record.ending in ("broken_off", "dropped", "cancelled")
        sums["retries"] += record.retries
        sums[record.usage_source if record.usage_source in ("provider", "estimated") else "unknown"] += 1
        sums["unpriced"] += record.cost is None
        sums["lost"] += record.prefix_lost
        sums["stale"] += record.stale_tokens
        sums["timed"] += record.duration is not None
        for name in (*_TOKENS, "cost", *_COSTS, "duration"):
            sums[name] += getattr(record, name) or 0
    return Sums(**sums)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 400_000_000_000), min_size=1, max_size=60))
def test_percentiles_are_within_the_stated_error(durations: list[int]) -> None:
    with Ledger("memory://") as ledger:
        ledger.write(call(duration=duration) for duration in durations)
        latency = report(ledger, now=0).latency
    ordered = sorted(durations)
    assert (latency.calls, latency.max) == (len(ordered), ordered[-1])
    for share, found in ((50, latency.p50), (90, latency.p90), (99, latency.p99)):
        exact = ordered[-(-share * len(ordered) // 100) - 1]
        if 1_000 <= exact < 86_400_000_000:
            assert found is not None
            assert abs(found - exact) <= exact * latency.error + 1
