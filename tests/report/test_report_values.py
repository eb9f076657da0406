"""A report against sums done by hand."""

from __future__ import annotations

import json

import pytest
from report_calls import DAY, START, Reported, call, sum_of

from tokeneff.ledger import CallRecord
from tokeneff.report import (
    Break,
    ErrorGroup,
    Finding,
    Latency,
    Part,
    Report,
    ReportError,
    Row,
    Session,
    SlowCall,
    Sums,
    Table,
    Unpriced,
)

TOOLS = {"toolset": "t5", "tools": (("find", 120), ("book", 80)), "in_tools": 200, "in_system": 300}
LATER = {
    **TOOLS,
    "in_user_history": 500,
    "in_assistant_history": 100,
    "in_tool_results": 700,
    "in_attached": 0,
    "in_user": 200,
}
CHAT = {"session": "s1", "tags": (("feature", "chat"),)}


def spoken(text: int = 0, reasoning: int = 0, tool_calls: int = 0) -> dict[str, int]:
    return {"out_text": text, "out_reasoning": reasoning, "out_tool_calls": tool_calls}


A = call(
    **CHAT,
    **TOOLS,
    **spoken(100),
    in_user_history=0,
    in_assistant_history=0,
    in_tool_results=0,
    in_attached=0,
    in_user=500,
    duration=1_000_000,
    prefix_cause="first",
)
B = call(
    **CHAT,
    **LATER,
    **spoken(30, 20),
    time=START + 1_000_000,
    input_tokens=2_000,
    cache_read=1_000,
    output_tokens=50,
    reasoning=20,
    duration=2_000_000,
    first_chunk=500_000,
    chunks=3,
    stream=True,
    prefix_cause="none",
)
C = call(
    **CHAT,
    **LATER,
    **spoken(tool_calls=100),
    time=START + DAY,
    input_tokens=2_000,
    duration=4_000_000,
    called=("find",),
    prefix_cause="system_changed",
    prefix_part="system",
    prefix_detail="system prompt differs at line 3: a timestamp",
    prefix_lost=1_500,
    prefix_cost=4_050_000,
    stale_tokens=100,
)
D = call(
    time=START + DAY,
    session="s2",
    input_tokens=None,
    output_tokens=None,
    usage_source="unknown",
    ending="failed",
    error="rate_limit_exceeded",
    status=429,
    retries=2,
    duration=3_000_000,
)
E = call(
    time=START + DAY + 1,
    session="s2",
    model="llama",
    endpoint="localhost:8000",
    input_tokens=400,
    output_tokens=40,
    usage_source="estimated",
    cost=None,
)

OF_A = Sums(calls=1, provider=1, input_tokens=1_000, output_tokens=100, cost=4_500_000, cost_input=3_000_000)
OF_A = OF_A._replace(cost_output=1_500_000, timed=1, duration=1_000_000)
OF_B = Sums(calls=1, provider=1, input_tokens=2_000, output_tokens=50, cache_read=1_000, reasoning=20, cost=4_050_000)
OF_B = OF_B._replace(cost_input=3_000_000, cost_cache_read=300_000, cost_output=750_000, timed=1, duration=2_000_000)
OF_B = OF_B._replace(spoken=50, speaking=1_500_000)
OF_C = Sums(calls=1, provider=1, input_tokens=2_000, output_tokens=100, cost=7_500_000, cost_input=6_000_000)
OF_C = OF_C._replace(cost_output=1_500_000, lost=1_500, lost_cost=4_050_000, stale=100, timed=1, duration=4_000_000)
OF_D = Sums(calls=1, failed=1, retries=2, unknown=1, unpriced=1, timed=1, duration=3_000_000)
OF_E = Sums(calls=1, estimated=1, input_tokens=400, output_tokens=40, unpriced=1)


def slow(record: CallRecord) -> SlowCall:
    told = (record.provider, record.model, record.session, record.ending, record.retries)
    counts = (record.input_tokens, record.output_tokens, record.cost)
    return SlowCall(record.call_id, record.time, record.duration or 0, record.first_chunk, *told, *counts)


# Tools are the first 200 tokens: at 3,000 in A and C, at 300 in B; with the system prompt 500, likewise. Before the
# user's new words come 500 tokens in A, 1,800 in B (1,000 read, 800 not) and in C: 1.5 + 2.7 + 5.4 million.
# Of these the history's 2,600 tokens have 9.6 - 3.15 = 6.45 million, shared out by tokens.
BY_HAND = Report(
    source="ledger",
    now=0,
    since=None,
    first=START,
    last=START + DAY + 1,
    total=OF_A + OF_B + OF_C + OF_D + OF_E,
    latency=Latency(),
    first_chunk=Latency(),
    parts=(
        Part("input", "tools", 600, 1_260_000),
        Part("input", "system", 900, 3_150_000 - 1_260_000),
        Part("input", "user_history", 1_000, 2_480_769),
        Part("input", "assistant_history", 200, 496_153),
        Part("input", "tool_results", 1_400, 3_473_078),
        Part("input", "attached", 0, 0),
        Part("input", "user", 900, 2_700_000),
        Part("input", "unknown", 400, 0),
        Part("output", "text", 130, 1_950_000),
        Part("output", "reasoning", 20, 300_000),
        Part("output", "tool_calls", 100, 1_500_000),
        Part("output", "unknown", 40, 0),
    ),
    tables=(
        Table("model", (Row("gpt-4o", OF_A + OF_B + OF_C + OF_D), Row("llama", OF_E))),
        Table("day", (Row("2023-11-14", OF_A + OF_B), Row("2023-11-15", OF_C + OF_D + OF_E))),
        Table("feature", (Row("chat", OF_A + OF_B + OF_C), Row("", OF_D + OF_E))),
        Table("session", (Row("s1", OF_A + OF_B + OF_C), Row("s2", OF_D + OF_E))),
        Table("ending", (Row("read", OF_A + OF_B + OF_C + OF_E), Row("failed", OF_D))),
    ),
    sessions_count=2,
    sessions=(Session("s1", "gpt-4o", START, START + DAY, OF_A + OF_B + OF_C, 4_050_000 + 300_000),),
    breaks=(Break("system_changed", "system", C.prefix_detail, 1, 1_500, 4_050_000, C.call_id),),
    slowest=(slow(C), slow(D), slow(B), slow(A)),
    errors=(ErrorGroup("rate_limit_exceeded", 429, 1, 2, 0, 1, D.call_id),),
    decisions=(),
    unpriced=(Unpriced("openai", "gpt-4o", "no count", 1, 0, 0), Unpriced("openai", "llama", "no price", 1, 400, 40)),
    findings=(
        Finding(
            kind="uncached_prefix",
            title="repeated prompts not read from the cache: the system prompt changes within a session "
            "(system prompt differs at line 3: a timestamp)",
            evidence="measured",
            saves=4_050_000,
            spent=7_500_000,
            calls=1,
            tokens=1_500,
            call_id=C.call_id,
            session="s1",
            how="",
            action="",
        ),
        Finding(
            kind="stale_results",
            title="tool results that nothing refers to again are sent with every later request",
            evidence="measured",
            saves=300_000,
            spent=7_500_000,
            calls=1,
            tokens=100,
            call_id=C.call_id,
            session="s1",
            how="",
            action="",
        ),
    ),
)


def without_prose(found: Report) -> Report:
    findings = tuple(finding._replace(how="", action="") for finding in found.findings)
    return found._replace(findings=findings, latency=Latency(), first_chunk=Latency())


def test_a_ledger_done_by_hand(reported: Reported) -> None:
    found = reported(A, B, C, D, E, by=("model", "day", "feature", "session", "ending"))
    assert without_prose(found) == BY_HAND
    assert all(finding.how and finding.action for finding in found.findings)
    assert found.total.cache_share == 1_000 / 5_400
    assert found.total.tokens_per_second == 50 / 1.5


def test_since(reported: Reported) -> None:
    for since, expected in ((START + 1, OF_B + OF_C + OF_D + OF_E), (START + DAY, OF_C + OF_D + OF_E)):
        found = reported(A, B, C, D, E, since=since, by=("day", "user"))
        assert found.total == expected
        assert sum_of(found.tables[0]) == sum_of(found.tables[1]) == expected
    nothing = reported(A, since=START + 1)
    assert (nothing.total, nothing.first, nothing.last, nothing.findings) == (Sums(), None, None, ())
    assert reported() == nothing._replace(since=None)


def test_what_calls_cannot_be_listed_by(reported: Reported) -> None:
    with pytest.raises(
        ReportError, match=r"by 'colour': it is no field \(day, session, .*\) and no tag .*\(feature, user"
    ):
        reported(A, by=("model", "colour"))
    tagged = call(tags=(("colour", "red"), ("model", "mine")))
    tables = reported(tagged, A, by=("colour", "tag:model", "colour")).tables
    assert [(table.by, {row.value for row in table.rows}) for table in tables] == [
        ("colour", {"", "red"}),
        ("tag:model", {"", "mine"}),
    ]


def test_decisions_are_net(reported: Reported) -> None:
    decided = (("cache", "hit", 500), ("trim", "cut", -20))
    found = reported(call(decisions=decided), call(decisions=decided), call(decisions=(("cache", "hit", None),)))
    assert [tuple(row) for row in found.decisions] == [("cache", "hit", 3, 1_000, 1), ("trim", "cut", 2, -40, 0)]


def test_as_json_holds_the_same(reported: Reported) -> None:
    found = reported(A, B, C, D, E, by=("model", "day"))
    told = json.loads(json.dumps(found.as_json()))
    assert told["total"] == found.total._asdict()
    assert told["findings"][0]["saves"] == 4_050_000
    assert told["unpriced"][1]["why"] == "no price"
    assert list(told) == list(Report._fields)


def test_a_table_of_very_many_values_keeps_its_sum(reported: Reported) -> None:
    records = [call(session=f"s{number}", cost=number, cost_output=0) for number in range(1_200)]
    (table,) = reported(*records, by=("session",)).tables
    assert len(table.rows) == 1_001
    assert (table.rows[0].value, table.rows[-1].value) == ("s1199", "(other)")
    assert sum_of(table).cost == sum(range(1_200))
