"""Each finding where it belongs, with its dollars by hand, and not where it nearly does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from report_calls import START, Reported, call

from tokeneff.ledger import CallRecord
from tokeneff.report import Finding
from tokeneff.report._advice._words import listed, merged

STAMP = "system prompt differs at line 3: a timestamp"


def found(reported: Reported, records: Sequence[CallRecord], kind: str) -> list[Finding]:
    return [finding for finding in reported(*records).findings if finding.kind == kind]


def broken(cause: str = "system_changed", detail: str = STAMP, lost: int = 800, **told: object) -> CallRecord:
    return call(prefix_cause=cause, prefix_detail=detail, prefix_lost=lost, prefix_cost=lost * 2_700, **told)


def test_broken_prefixes_by_what_broke_them(reported: Reported) -> None:
    dear = broken(lost=900, session="dear")
    records = [
        broken(),
        dear,
        broken("missed", "the provider read 0 of 45688 repeated tokens", 100),
        broken("missed", "the provider read 128 of 23,840 repeated tokens", 200),
        broken("system_changed", "system prompt differs at line 4: a timestamp", 10),
    ]
    findings = found(reported, records, "uncached_prefix")
    assert [(finding.saves, finding.calls, finding.tokens) for finding in findings] == [
        (1_700 * 2_700, 2, 1_700),
        (300 * 2_700, 2, 300),
        (10 * 2_700, 1, 10),
    ]
    assert [STAMP in findings[0].title, "read 0–128 of 23,840–45688 repeated" in findings[1].title] == [True, True]
    assert (findings[0].call_id, findings[0].session) == (dear.call_id, "dear")
    assert findings[0].spent == sum(record.cost or 0 for record in records[:2])
    assert "out of the system prompt" in findings[0].action


@pytest.mark.parametrize(
    "record",
    [
        broken("none", "", 0),
        call(prefix_cause="edited", prefix_lost=500),
        broken(cost=None, input_tokens=None)._replace(prefix_cost=None),
    ],
    ids=["whole", "no price", "no cost"],
)
def test_prefixes_that_cost_nothing_known(reported: Reported, record: CallRecord) -> None:
    assert found(reported, [record], "uncached_prefix") == []


def test_more_causes_than_fit_are_one_more_finding(reported: Reported) -> None:
    records = [broken(detail=f"system prompt differs at line {line}: a date", lost=100 * line) for line in range(1, 9)]
    findings = found(reported, records, "uncached_prefix")
    assert [finding.saves // 2_700 for finding in findings] == [800, 700, 600, 600, 500, 400]
    assert sum(finding.saves for finding in findings) == 3_600 * 2_700
    assert [finding.calls for finding in findings if "3 other causes" in finding.title] == [3]


def test_a_prefix_never_costs_more_than_its_call(reported: Reported) -> None:
    record = broken()._replace(prefix_cost=10**12)
    (finding,) = found(reported, [record], "uncached_prefix")
    assert finding.saves == finding.spent == record.cost


SCHEMAS = (("find", 300), ("book", 100))


def with_tools(*called: str, calls: int = 1, **told: object) -> list[CallRecord]:
    given = {"toolset": "t", "tools": SCHEMAS, "in_tools": 440, "in_system": 0, "in_user": 560, **told}
    return [call(called=called, **given) for _ in range(calls)]


def test_tools_never_called(reported: Reported) -> None:
    records = [*with_tools(calls=8), *with_tools("find", calls=1), *with_tools("find", calls=1, cache_read=600)]
    (finding,) = found(reported, records, "unused_tools")
    # A quarter of 440 tokens: nine times at 3,000, once at 300.
    assert (finding.saves, finding.tokens, finding.calls) == ((9 * 440 * 3_000 + 440 * 300) // 4, 1_100, 10)
    assert finding.title == "1 of 2 tools never called in 10 calls: book"
    drifted = [record._replace(tools=(("find", 303), ("book", 101))) for record in records]
    (merged,) = found(reported, [*records[:5], *drifted[5:]], "unused_tools")
    assert (merged.saves, merged.calls) == (finding.saves, 10)


def test_the_largest_of_the_tools_never_called_is_named_first(reported: Reported) -> None:
    (finding,) = found(reported, with_tools(calls=10), "unused_tools")
    assert finding.title == "2 of 2 tools never called in 10 calls: find, book"


def test_tools_that_may_be_called_yet_or_were(reported: Reported) -> None:
    assert found(reported, with_tools("find", calls=9), "unused_tools") == []
    assert found(reported, [*with_tools("find", calls=20), *with_tools("find", "book")], "unused_tools") == []
    assert found(reported, [call() for _ in range(20)], "unused_tools") == []


def test_stale_results_at_the_cheapest_rate(reported: Reported) -> None:
    read = call(stale_tokens=500, cache_read=600)
    partly = call(stale_tokens=500, cache_read=200)
    (finding,) = found(reported, [read, partly, call()], "stale_results")
    assert finding.saves == 500 * 300 + 200 * 300 + 300 * 3_000
    assert (finding.calls, finding.tokens, finding.call_id) == (2, 1_000, partly.call_id)
    assert finding.spent == (read.cost or 0) + (partly.cost or 0)
    assert found(reported, [call(), call(stale_tokens=500, cost=None)], "stale_results") == []


def test_identical_requests(reported: Reported) -> None:
    records = [call(request_hash="aa", output_tokens=tokens) for tokens in (100, 300, 200)]
    others = [
        call(request_hash="bb"),
        call(request_hash="bb", ending="failed"),
        call(request_hash=""),
        call(request_hash=""),
    ]
    (finding,) = found(reported, [*records, *others], "identical_requests")
    assert finding.saves == (records[0].cost or 0) + (records[2].cost or 0)
    assert (finding.calls, finding.tokens, finding.evidence) == (3, 2_300, "measured")
    assert finding.title == "1 request sent and answered 3 times in all"
    assert found(reported, others, "identical_requests") == []
    assert found(reported, [call(request_hash="cc", cost=None) for _ in "ab"], "identical_requests") == []


def replies(*lengths: int, **told: object) -> list[CallRecord]:
    return [call(output_tokens=length, **told) for length in lengths]


def test_over_long_replies(reported: Reported) -> None:
    usual = replies(*[100] * 25, system_hash="5y5")
    (finding,) = found(reported, [*usual, *replies(3_000, system_hash="5y5")], "long_outputs")
    # 100 is in the bucket up to 105 or so; four times that is under 500, and so is the fence.
    assert (finding.saves, finding.tokens, finding.calls) == (2_500 * 15_000, 2_500, 1)
    assert (finding.evidence, "gpt-4o with system prompt 5y5" in finding.title) == ("what-if", True)


def test_replies_that_are_long_as_their_like_are(reported: Reported) -> None:
    assert found(reported, [*replies(*[100] * 18), *replies(3_000)], "long_outputs") == [], "too few to tell"
    assert found(reported, [*replies(*[100] * 25), *replies(490)], "long_outputs") == [], "short all the same"
    spread = [10, 30, 100, 300, 1_000, 3_000] * 5
    assert found(reported, replies(*spread), "long_outputs") == [], "spread over orders of magnitude"
    assert found(reported, [*replies(*[2_000] * 25), *replies(3_000)], "long_outputs") == [], "not four times as long"


def test_replies_cut_by_the_limit(reported: Reported) -> None:
    cut = replies(4_000, finish="length") + replies(1_000, finish="max_tokens")
    (finding,) = found(reported, [*cut, *replies(100, finish="stop")], "cut_outputs")
    assert (finding.saves, finding.calls, finding.call_id) == (5_000 * 15_000, 2, cut[0].call_id)
    assert found(reported, replies(1, 5, 10, finish="length"), "cut_outputs") == [], "meant to be cut"
    assert found(reported, replies(4_000, finish="stop"), "cut_outputs") == []


def test_calls_paid_for_and_not_read(reported: Reported) -> None:
    failed, dropped = call(ending="failed", retries=2, session="f"), call(ending="dropped", output_tokens=5)
    unknown = call(ending="failed", input_tokens=None, output_tokens=None)
    findings = found(reported, [failed, unknown, dropped, call()], "failed_calls")
    assert [(finding.saves, finding.spent, finding.calls) for finding in findings] == [
        (failed.cost, failed.cost, 2),
        (dropped.cost, dropped.cost, 1),
    ]
    assert (findings[0].call_id, findings[0].session) == (failed.call_id, "f")
    assert "of 1 the cost is not known" in findings[0].title
    assert found(reported, [unknown, call()], "failed_calls") == []


def tiny(**told: object) -> list[CallRecord]:
    return [call(output_tokens=4, time=START + number, system_hash="c1a55", **told) for number in range(30)]


def test_an_oversized_model(reported: Reported) -> None:
    (finding,) = found(reported, tiny(), "oversized_model")
    spent = 30 * (1_000 * 3_000 + 4 * 15_000)
    # gpt-4o-mini: $0.15 and $0.60 a million; and a nano-dollar for rounding.
    assert (finding.spent, finding.saves) == (spent, spent - 30 * (1_000 * 150 + 4 * 600) - 1)
    assert (finding.evidence, finding.calls, "gpt-4o-mini" in finding.title) == ("what-if", 30, True)


def test_models_that_are_not_oversized(reported: Reported) -> None:
    long = [call(output_tokens=400, system_hash="c1a55") for _ in range(3)]
    for records in (
        tiny()[:19],
        [*tiny(), *long],
        tiny(reasoning=3),
        tiny(out_text=0, out_reasoning=0, out_tool_calls=4),
        tiny(called=("find",)),
        tiny(model="gpt-4o-mini"),
        tiny(model="nobody-knows-it"),
    ):
        assert found(reported, records, "oversized_model") == []


def test_words() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abcdefg")) == "a, b, c, d, e and 2 more"
    several = ["message 12 differs, o200k, 7.5 minutes", "message 9 differs, o200k, 1,200 minutes"]
    told = "message 9–12 differs, o200k, 7.5–1,200 minutes"
    assert merged([STAMP, *several, ""]) == {STAMP: STAMP, several[0]: told, several[1]: told, "": ""}


def test_no_tools_cost_more_than_their_calls(reported: Reported) -> None:
    (finding,) = found(reported, [record._replace(cost=7) for record in with_tools(calls=10)], "unused_tools")
    assert finding.saves == finding.spent == 70


def test_what_is_written_to_the_cache_is_paid_for_at_the_smaller_model_too(reported: Reported) -> None:
    told = {"provider": "anthropic", "endpoint": "api.anthropic.com", "model": "claude-opus-4-5"}
    (plain,), (written,) = (found(reported, tiny(**told, cache_write=some), "oversized_model") for some in (0, 800))
    assert "claude-haiku-4-5" in written.title
    # At $1.25 a million instead of $1.
    assert (written.spent - written.saves) - (plain.spent - plain.saves) == 30 * 800 * 250
    assert written.spent - plain.spent == 30 * 800 * 750


def test_stale_results_cost_no_more_than_their_calls(reported: Reported) -> None:
    (finding,) = found(reported, [call(stale_tokens=500)._replace(cost=7)], "stale_results")
    assert finding.saves == finding.spent == 7


@pytest.mark.parametrize(("length", "kinds"), [(15, 0), (16, 1)])
def test_a_limit_of_a_few_tokens_is_meant_to_cut(reported: Reported, length: int, kinds: int) -> None:
    assert len(found(reported, replies(length, finish="length"), "cut_outputs")) == kinds


def test_rare_system_prompts_are_one_group_of_their_model(reported: Reported) -> None:
    records = [record._replace(system_hash=f"{number // 10}") for number, record in enumerate(tiny())]
    (finding,) = found(reported, records, "oversized_model")
    assert (finding.calls, finding.title.startswith("30 replies of gpt-4o have")) == (30, True)


def test_replies_are_compared_with_those_of_their_own_endpoint(reported: Reported) -> None:
    records = [record._replace(endpoint=f"{number % 3}.example.com") for number, record in enumerate(tiny())]
    assert found(reported, records, "oversized_model") == []


def test_replies_that_were_not_read_are_not_among_the_long_ones(reported: Reported) -> None:
    assert found(reported, [*replies(*[100] * 25), *replies(3_000, ending="dropped")], "long_outputs") == []
