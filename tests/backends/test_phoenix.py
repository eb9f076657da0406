"""Phoenix: what it tells of a replay equals what was sent."""

from __future__ import annotations

from typing import Any

import pytest
from backends_phoenix import Shown, compact, messages, show
from backends_replay import OWN, RECORDED_FILES, Sent, grouped, recorded, summed

pytestmark = pytest.mark.backends

# What it does not read from the GenAI conventions' newest names; compat="openinference" tells it.
LOST = {None: {"cache_write", "reasoning"}, "openinference": set[str]()}


@pytest.fixture(scope="module", params=[None, "openinference"], ids=["default", "openinference"])
def shown(request: pytest.FixtureRequest, phoenix_url: str) -> Shown:
    return show(phoenix_url, request.param, OWN)


def counts(span: dict[str, Any], attributes: dict[str, Any]) -> dict[str, int]:
    """The counts of a span that are not zero, under our names."""
    assert span["tokenCountTotal"] == span["tokenCountPrompt"] + span["tokenCountCompletion"]
    details = span["tokenPromptDetails"]
    told = {
        "input_tokens": span["tokenCountPrompt"],
        "output_tokens": span["tokenCountCompletion"],
        "cache_read": details["cacheRead"],
        "cache_write": details["cacheWrite"],
        "reasoning": attributes.get("llm.token_count.completion_details.reasoning"),
    }
    return {name: count for name, count in told.items() if count}


def expected(sent: Sent, compat: str | None) -> dict[str, int]:
    return {name: count for name, count in sent.counts.items() if name not in LOST[compat]}


def told(shown: Shown) -> list[dict[str, int]]:
    found = [counts(*pair) for pair in zip(shown.spans, shown.attributes, strict=True)]
    lost = LOST[shown.compat]
    return [{name: count for name, count in each.items() if name not in lost} for each in found]


def test_counts_of_each_call(shown: Shown) -> None:
    assert told(shown) == [expected(sent, shown.compat) for sent in shown.sent]
    assert [span["name"] for span in shown.spans] == [f"chat {sent.model}" for sent in shown.sent]


def test_totals_of_the_project_are_those_of_usage(shown: Shown) -> None:
    sums = summed(shown.sent)
    assert shown.project["traceCount"] == len(shown.sent)
    assert shown.project["tokenCountPrompt"] == sums["input_tokens"] == 11_283
    assert shown.project["tokenCountCompletion"] == sums["output_tokens"] == 1_147
    assert shown.project["tokenCountTotal"] == 12_430
    assert sums["input_tokens"] == sum(usage.total.input_tokens for usage in shown.usages)
    assert sums["output_tokens"] == sum(usage.total.output_tokens for usage in shown.usages)


def test_prices_know_the_parts(shown: Shown) -> None:
    priced = [
        {entry["tokenType"]: entry["value"]["tokens"] for entry in span["costDetailSummaryEntries"]}
        for span in shown.spans
    ]
    for sent, parts in zip(shown.sent, priced, strict=True):
        wanted = expected(sent, shown.compat)
        for kind in {"cache_read", "cache_write", "reasoning"} - LOST[shown.compat]:
            assert parts.get(kind) == wanted.get(kind), sent
        if not LOST[shown.compat]:
            assert sum(parts.values()) == wanted["input_tokens"] + wanted["output_tokens"]


def test_sessions_and_users(shown: Shown) -> None:
    found = {edge["node"]["sessionId"]: edge["node"] for edge in shown.project["sessions"]["edges"]}
    wanted = grouped(shown.sent, lambda sent: sent.session)
    assert found.keys() == wanted.keys()
    for session, calls in wanted.items():
        sums, node = summed(calls), found[session]
        assert (node["numTraces"], node["userId"]) == (len(calls), calls[0].user)
        assert (node["tokenUsage"]["prompt"], node["tokenUsage"]["completion"]) == (
            sums["input_tokens"],
            sums["output_tokens"],
        )
    assert [span["userId"] for span in shown.spans] == [sent.user for sent in shown.sent]


def test_tags(shown: Shown) -> None:
    features = [sent.feature for sent in shown.sent]
    assert [attributes["tokeneff.tag.feature"] for attributes in shown.attributes] == features
    if shown.compat is not None:
        assert [span["metadata"] for span in shown.spans] == [f'{{"feature": "{feature}"}}' for feature in features]


def calls(*named: tuple[str, str, str]) -> dict[str, str]:
    return {
        f"tool_calls.{number}.tool_call.{field}": value
        for number, (id_, name, arguments) in enumerate(named)
        for field, value in (("id", id_), ("function.name", name), ("function.arguments", arguments))
    }


SUPPORT = [
    {"role": "system", "content": "You help with orders. Be brief."},
    {"role": "user", "content": "Where are my orders A17 and B20? – Ada"},
    {
        "role": "assistant",
        **calls(("call_1", "find_order", '{"order":"A17"}'), ("call_2", "find_order", '{"order":"B20"}')),
    },
    {"role": "tool", "tool_call_id": "call_1", "content": '{"state":"sent","day":"2026-03-02"}'},
    {"role": "tool", "tool_call_id": "call_2", "content": '{"state":"lost"}'},
    {"role": "assistant", "content": "A17 was sent on 2 March; B20 is lost. Shall I pay B20 back?"},
    {"role": "user", "content": "Yes, please."},
    {"role": "assistant", "content": "At once.", **calls(("call_3", "refund", '{"order":"B20","cents":1999}'))},
    {"role": "tool", "tool_call_id": "call_3", "content": "paid"},
    {"role": "assistant", "content": "Done: 19.99 € are on their way."},
]
THOUGHT = {
    "role": "assistant",
    "contents.0.message_content.type": "reasoning",
    "contents.0.message_content.text": "Ask for the weather of both.",
    "contents.1.message_content.type": "text",
    "contents.1.message_content.text": "Let me see.",
    **calls(("toolu_1", "weather", '{"place":"Oslo"}'), ("toolu_2", "weather", '{"place":"Rome"}')),
}
TRIP = [
    {"role": "system", "content": "You plan journeys."},
    {"role": "user", "content": "Oslo or Rome this weekend?"},
    THOUGHT,
    {"role": "tool", "tool_call_id": "toolu_1", "content": "rain, 4 °C"},
    {"role": "tool", "tool_call_id": "toolu_2", "content": "sun, 18 °C"},
    {"role": "assistant", "content": "Rome: sun and 18 °C."},
    {"role": "user", "content": "What shall I pack?"},
    {"role": "assistant", "content": "A light jacket."},
]


def test_messages_of_chat_completions(shown: Shown) -> None:
    for number, length in enumerate([2, 5, 7, 9]):
        attributes = shown.attributes[number]
        assert compact(messages(attributes, "input")) == SUPPORT[:length]
        assert compact(messages(attributes, "output")) == [SUPPORT[length]]


def test_messages_of_anthropic(shown: Shown) -> None:
    for number, length in enumerate([2, 5, 7]):
        attributes = shown.attributes[6 + number]
        wanted = TRIP[:length]
        found = compact(messages(attributes, "input"))
        if shown.compat is None and length > 2:
            # It shows one result of a message that has two.
            found, wanted = found[:3] + found[4:], wanted[:3] + wanted[5:]
        assert found == wanted
        assert compact(messages(attributes, "output")) == [TRIP[length]]


def test_messages_of_responses(shown: Shown) -> None:
    assert messages(shown.attributes[9], "input") == [
        {"role": "system", "content": "Plan in one line."},
        {"role": "user", "content": "How do I sweep stairs?"},
    ]
    assert messages(shown.attributes[9], "output") == [
        {
            "role": "assistant",
            "contents.0.message_content.type": "reasoning",
            "contents.0.message_content.text": "Dirt falls down.",
            "contents.1.message_content.type": "text",
            "contents.1.message_content.text": "Top step first.",
        }
    ]


def test_list_of_spans_reads_as_what_was_said(shown: Shown) -> None:
    if shown.compat is None:
        assert [span["input"] for span in shown.spans] == [None] * len(shown.spans)
        return
    said = [(span["input"]["value"], span["output"]["value"]) for span in shown.spans]
    assert said[1:] == [
        ('{"state":"lost"}', "A17 was sent on 2 March; B20 is lost. Shall I pay B20 back?"),
        ("Yes, please.", "At once."),
        ("paid", "Done: 19.99 € are on their way."),
        ("How many trailing zeros has 100!?", "24"),
        ("And 1000!?", "249"),
        ("Oslo or Rome this weekend?", "Let me see."),
        (said[7][0], "Rome: sun and 18 °C."),
        ("What shall I pack?", "A light jacket."),
        ("How do I sweep stairs?", "Top step first."),
    ]
    assert said[0][0] == "Where are my orders A17 and B20? – Ada"


@pytest.fixture
def recorded_shown(request: pytest.FixtureRequest, phoenix_url: str) -> Shown:
    return show(phoenix_url, "openinference", recorded(request.param))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of models that the SDKs know to be old
@pytest.mark.parametrize("recorded_shown", RECORDED_FILES, indirect=True)
def test_recorded_conversations(recorded_shown: Shown) -> None:
    shown = recorded_shown
    assert told(shown) == [expected(sent, shown.compat) for sent in shown.sent]
    found = {edge["node"]["sessionId"]: edge["node"]["numTraces"] for edge in shown.project["sessions"]["edges"]}
    assert found == {session: len(calls) for session, calls in grouped(shown.sent, lambda sent: sent.session).items()}
    assert all(messages(attributes, "input") and messages(attributes, "output") for attributes in shown.attributes)
