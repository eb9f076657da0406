"""Reports as they could be, of any size, made without a ledger."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby
from random import Random

from tokeneff.ledger import CallRecord, Ledger
from tokeneff.report import (
    Break,
    Decided,
    ErrorGroup,
    Finding,
    Latency,
    Part,
    Report,
    Row,
    Session,
    SlowCall,
    Sums,
    Table,
    Unpriced,
)
from tokeneff.report._series import series

BEGIN = 1_762_300_800_000_000
HOUR = 3_600_000_000
MODELS = (
    "claude-sonnet-4-5",
    "gpt-5.1",
    "gemini-3-pro-preview",
    "gpt-4.1-mini",
    "claude-haiku-4-5",
    "o4-mini",
    "text-embedding-3-small",
    "mistral-large-2512",
    "qwen3-coder:30b",
    "llama-3.3-70b",
    "deepseek-v3.2",
)
INPUT = ("system", "tools", "user_history", "assistant_history", "tool_results", "attached", "user")
OUTPUT = ("text", "reasoning", "tool_calls")


def records(calls: int = 1500, days: float = 21, models: Sequence[str] = MODELS, seed: int = 1) -> list[CallRecord]:
    """Calls as a team would make them: more of them by day, most of them by few models, some that fail."""
    random = Random(seed)
    made = [_record(random, number, int(random.random() * days * 24 * HOUR), models) for number in range(calls)]
    return sorted(made, key=lambda record: record.time)


def connection(rows: Iterable[CallRecord]) -> sqlite3.Connection:
    """A ledger of these calls."""
    with Ledger("memory://") as ledger:
        ledger.write(rows)
        return ledger.connect()


def report(rows: Sequence[CallRecord], *, charts: bool = True) -> Report:
    """What a report could say of these calls; its findings are made up."""
    times = [row.time for row in rows]
    durations = sorted(row.duration for row in rows if row.duration is not None)
    firsts = sorted(row.first_chunk for row in rows if row.first_chunk is not None)
    total = sums(rows)
    return Report(
        source="sqlite:///tokeneff.db",
        now=BEGIN + 24 * 30 * HOUR,
        since=None,
        first=min(times, default=None),
        last=max(times, default=None),
        total=total,
        latency=_latency(durations),
        first_chunk=_latency(firsts),
        parts=_parts(rows),
        tables=(_table("model", rows), _table("feature", rows)),
        sessions_count=len({row.session for row in rows}),
        sessions=_sessions(rows)[:10],
        breaks=tuple(_breaks(rows)),
        slowest=tuple(_slow(row) for row in sorted(rows, key=lambda row: -(row.duration or 0))[:10]),
        errors=tuple(_errors(rows)),
        decisions=(Decided("cache", "hit", 120, 1_234_567_000, 3),) if rows else (),
        unpriced=tuple(_unpriced(rows)),
        findings=tuple(_findings(total, rows[-1])) if rows else (),
        series=series(connection(rows)) if charts else None,
    )


def sums(rows: Sequence[CallRecord]) -> Sums:
    """What these calls used and cost."""

    def over(name: str) -> int:
        return sum(getattr(row, name) or 0 for row in rows)

    return Sums(
        calls=len(rows),
        failed=sum(row.ending == "failed" for row in rows),
        cut=sum(row.ending == "broken_off" for row in rows),
        retries=over("retries"),
        provider=sum(row.usage_source == "provider" for row in rows),
        estimated=sum(row.usage_source == "estimated" for row in rows),
        unknown=sum(row.usage_source == "unknown" for row in rows),
        unpriced=sum(row.cost is None for row in rows),
        lost=over("prefix_lost"),
        lost_cost=over("prefix_cost"),
        stale=over("stale_tokens"),
        timed=len(rows),
        spoken=sum(row.output_tokens or 0 for row in rows if row.first_chunk is not None),
        speaking=sum((row.duration or 0) - row.first_chunk for row in rows if row.first_chunk is not None),
        **{
            name: over(name)
            for name in (
                *("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning", "duration"),
                *("cost", "cost_input", "cost_cache_read", "cost_cache_write", "cost_output"),
            )
        },
    )


def _record(random: Random, number: int, offset: int, models: Sequence[str]) -> CallRecord:
    rank = min(int(random.expovariate(0.55)), len(models) - 1)
    daylight = int(HOUR * 24 * (0.5 + 0.3 * math.sin(random.random() * 6.28))) if offset > 48 * HOUR else 0
    time = BEGIN + (offset - offset % (24 * HOUR) + daylight if daylight else offset)
    first = int(random.lognormvariate(13, 0.5)) if random.random() < 0.5 else None
    record = CallRecord(
        call_id=f"call-{number:06d}",
        time=time,
        duration=int(random.lognormvariate(14.5, 0.9)) + (first or 0),
        first_chunk=first,
        provider=("anthropic", "openai", "gcp.gemini", "ollama")[rank % 4],
        request_model=models[rank],
        model=models[rank],
        session=f"session-{random.randrange(60):02d}",
        stream=first is not None,
        tags=(("feature", random.choice(("search", "chat", "summaries", "agent"))),),
        prefix_cause=random.choice(("none", "none", "none", "system_changed", "expired", "tools_reordered")),
    )
    if random.random() < 0.02:
        return record._replace(ending="failed", error="RateLimitError", status=429, retries=2, first_chunk=None)
    return _counted(random, record, rank)


def _counted(random: Random, record: CallRecord, rank: int) -> CallRecord:
    sent, written = int(random.lognormvariate(8.5, 1)), int(random.lognormvariate(6, 1))
    read = int(sent * random.betavariate(5, 2)) if random.random() < 0.6 else 0
    shares = [random.random() * size for size in (0.5, 0.9, 0.2, 1.2, 2, 0.1, 0.3)]
    parts = [int(sent * share / sum(shares)) for share in shares]
    parts[-1] += sent - sum(parts)
    lost = int(read * 0.2) if record.prefix_cause not in ("", "none") else 0
    costs = [(sent - read) * 3000 // (rank + 1), read * 300 // (rank + 1), 0, written * 15000 // (rank + 1)]
    priced = not record.model.startswith(("qwen", "llama"))
    return record._replace(
        usage_source="estimated" if random.random() < 0.04 else "provider",
        input_tokens=sent,
        output_tokens=written,
        cache_read=read,
        cache_write=0,
        reasoning=written // 3,
        price_confidence="unknown" if not priced else "assumed" if rank == 1 else "listed",
        **{f"in_{name}": part for name, part in zip(INPUT, parts, strict=True)},
        out_text=written - 2 * (written // 3),
        out_reasoning=written // 3,
        out_tool_calls=written // 3,
        cost=sum(costs) if priced else None,
        **dict(zip(("cost_input", "cost_cache_read", "cost_cache_write", "cost_output"), costs, strict=True))
        if priced
        else {},
        prefix_repeated=min(sent, read + lost),
        prefix_lost=lost,
        prefix_cost=lost * 2700 // (rank + 1) if priced else None,
    )


def _latency(ordered: Sequence[int]) -> Latency:
    if not ordered:
        return Latency()
    at = [ordered[min(len(ordered) - 1, len(ordered) * share // 100)] for share in (50, 90, 99)]
    return Latency(len(ordered), *at, max=ordered[-1])


def _parts(rows: Sequence[CallRecord]) -> tuple[Part, ...]:
    sides = (("input", "in_", INPUT), ("output", "out_", OUTPUT))
    return tuple(
        Part(side, name, sum(getattr(row, prefix + name) or 0 for row in rows), 1_000_000)
        for side, prefix, names in sides
        for name in names
    )


def _table(by: str, rows: Sequence[CallRecord]) -> Table:
    key = (lambda row: row.model) if by == "model" else (lambda row: dict(row.tags).get(by, ""))
    groups = [Row(name, sums(list(group))) for name, group in groupby(sorted(rows, key=key), key)]
    return Table(by, tuple(sorted(groups, key=lambda row: -row.sums.cost)))


def _sessions(rows: Sequence[CallRecord]) -> tuple[Session, ...]:
    made: list[Session] = []
    for name, found in groupby(sorted(rows, key=lambda row: (row.session, row.time)), lambda row: row.session):
        group = list(found)
        total = sums(group)
        made.append(Session(name, group[0].model, group[0].time, group[-1].time, total, total.cost // 7))
    return tuple(sorted(made, key=lambda session: -session.wasted))


def _breaks(rows: Sequence[CallRecord]) -> Iterable[Break]:
    details = {"system_changed": ("system", "system prompt differs at line 3: a timestamp")}
    lost = sorted((row for row in rows if row.prefix_lost), key=lambda row: row.prefix_cause)
    for cause, found in groupby(lost, lambda row: row.prefix_cause):
        group = list(found)
        total = sums(group)
        part, detail = details.get(cause, ("", ""))
        yield Break(cause, part, detail, len(group), total.lost, total.lost_cost, group[0].call_id)


def _slow(row: CallRecord) -> SlowCall:
    return SlowCall(**{name: getattr(row, name) for name in SlowCall._fields})


def _errors(rows: Sequence[CallRecord]) -> Iterable[ErrorGroup]:
    failed = sorted((row for row in rows if row.error), key=lambda row: row.error)
    for error, found in groupby(failed, lambda row: row.error):
        group = list(found)
        yield ErrorGroup(error, group[0].status, len(group), sums(group).retries, 0, len(group), group[0].call_id)


def _unpriced(rows: Sequence[CallRecord]) -> Iterable[Unpriced]:
    without = sorted((row for row in rows if row.cost is None), key=lambda row: (row.model, row.provider))
    for (model, provider), found in groupby(without, lambda row: (row.model, row.provider)):
        total = sums(list(found))
        why = "no price" if total.input_tokens else "no count"
        yield Unpriced(provider, model, why, total.calls, total.input_tokens, total.output_tokens)


def _findings(total: Sums, row: CallRecord) -> Iterable[Finding]:
    told = (
        (
            *("uncached_prefix", "A timestamp at line 3 of the system prompt keeps 18.4k tokens from the cache", 5),
            "Move what changes with each request (a timestamp, a request id) behind what stays the same, into the "
            "last user message.",
            "Tokens of the longest common prefix with the session's previous request that were not read from the "
            "cache, at the price of input less that of a cached read.",
        ),
        (
            *("unused_tools", "11 of 14 tool schemas are sent with every request and were never called", 9),
            "Leave out get_weather, list_flights, book_hotel and 8 more where they are not needed.",
            "Tokens of schemas that no reply of this toolset called, at what these calls paid for their input.",
        ),
        (
            *("failed_calls", "Calls that failed were paid for", 30),
            "Look at the errors below.",
            "Cost of calls that ended as failed.",
        ),
        (
            *("oversized_model", "claude-sonnet-4-5 writes replies of 12 tokens in the median", 60),
            "Try a smaller model of the same provider on these calls.",
            "The same tokens at the prices of claude-haiku-4-5.",
        ),
    )
    for number, (kind, title, part, action, how) in enumerate(told):
        evidence = "what-if" if kind == "oversized_model" else "measured"
        yield Finding(
            kind,
            title,
            evidence,
            total.cost // part,
            total.cost,
            total.calls // (number + 1),
            total.input_tokens // part,
            row.call_id,
            row.session,
            how,
            action,
        )
