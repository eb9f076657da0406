"""MLflow: what it tells, through its own API, of a replay sent to it by OTLP."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from backends_replay import OWN, RECORDED_FILES, Sent, recorded, send, summed, until

import tokeneff

pytestmark = pytest.mark.backends

# MLflow's name to ours. It has none for reasoning, which only the span tells.
USAGE = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_input_tokens": "cache_read",
    "cache_creation_input_tokens": "cache_write",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What was sent, and the traces and spans that MLflow has of it; in the order they were made."""

    compat: str | None
    sent: list[Sent]
    usages: list[tokeneff.Usage]
    traces: list[dict[str, Any]]
    spans: list[dict[str, Any]]


def show(url: str, compat: Any, path: Path) -> Shown:
    name = f"replay-{uuid.uuid4().hex}"
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
        made = http.post("/api/2.0/mlflow/experiments/create", json={"name": name}).raise_for_status()
        experiment = made.json()["experiment_id"]
        sent, usages = send(path, name, compat, url, headers={"x-mlflow-experiment-id": experiment})
        place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}

        def ask() -> list[dict[str, Any]]:
            found = http.post("/api/3.0/mlflow/traces/search", json={"locations": [place], "max_results": 100})
            return found.raise_for_status().json().get("traces", [])

        traces = until(ask, lambda traces: len(traces) >= len(sent))
        whole = [
            http.get("/api/3.0/mlflow/traces/get", params={"trace_id": trace["trace_id"]}).raise_for_status().json()
            for trace in traces
        ]
    # One span a trace; its start has nanoseconds, the trace's only milliseconds.
    ordered = sorted(
        (each["trace"] for each in whole), key=lambda trace: int(trace["spans"][0]["start_time_unix_nano"])
    )
    assert [len(trace["spans"]) for trace in ordered] == [1] * len(sent)
    spans = [
        {each["key"]: plain(each["value"]) for each in trace["spans"][0]["attributes"]}
        | {"": trace["spans"][0]["name"]}
        for trace in ordered
    ]
    traces = [trace["trace_info"] for trace in ordered]
    return Shown(compat, sent, usages, traces, spans)


def plain(value: dict[str, Any]) -> Any:
    """A value as OTLP's JSON has it."""
    ((kind, inner),) = value.items() or [("", None)]
    if kind == "array_value":
        return [plain(item) for item in inner.get("values", ())]
    if kind == "kvlist_value":
        return {item["key"]: plain(item["value"]) for item in inner.get("values", ())}
    return int(inner) if kind == "int_value" else inner


@pytest.fixture(scope="module", params=[None, "openinference"], ids=["default", "openinference"])
def shown(request: pytest.FixtureRequest, mlflow_url: str) -> Shown:
    return show(mlflow_url, request.param, OWN)


def counts(trace: dict[str, Any], span: dict[str, Any]) -> dict[str, int]:
    usage = json.loads(trace["trace_metadata"]["mlflow.trace.tokenUsage"])
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    told = {ours: usage.get(theirs, 0) for theirs, ours in USAGE.items()}
    told["reasoning"] = span.get("gen_ai.usage.reasoning.output_tokens", 0)
    return {name: count for name, count in told.items() if count}


def test_counts_of_each_call(shown: Shown) -> None:
    told = [counts(*pair) for pair in zip(shown.traces, shown.spans, strict=True)]
    assert told == [sent.counts for sent in shown.sent]
    assert [span[""] for span in shown.spans] == [f"chat {sent.model}" for sent in shown.sent]
    assert [trace["state"] for trace in shown.traces] == ["OK"] * len(shown.sent)


def test_sums_are_those_of_usage(shown: Shown) -> None:
    usages = [json.loads(trace["trace_metadata"]["mlflow.trace.tokenUsage"]) for trace in shown.traces]
    sums = {ours: sum(usage.get(theirs, 0) for usage in usages) for theirs, ours in USAGE.items()}
    assert sums == {"input_tokens": 11_283, "output_tokens": 1_147, "cache_read": 8_093, "cache_write": 2_281}
    assert {**sums, "reasoning": 832} == summed(shown.sent)
    for name, count in summed(shown.sent).items():
        assert count == sum(getattr(usage.total, name) for usage in shown.usages)


def test_sessions_users_and_tags(shown: Shown) -> None:
    told = [
        (
            trace["trace_metadata"]["mlflow.trace.session"],
            trace["trace_metadata"]["mlflow.trace.user"],
            span["tokeneff.tag.feature"],
        )
        for trace, span in zip(shown.traces, shown.spans, strict=True)
    ]
    assert told == [(sent.session, sent.user, sent.feature) for sent in shown.sent]


def said(role: str, *parts: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"role": role, "parts": list(parts), **({"finish_reason": finish} if finish else {})}


def text(content: str) -> dict[str, Any]:
    return {"type": "text", "content": content}


def thought(content: str) -> dict[str, Any]:
    return {"type": "reasoning", "content": content}


def call(id_: str, name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": id_, "name": name, "arguments": arguments}


def result(id_: str, response: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": id_, "response": response}


SUPPORT = [
    said("system", text("You help with orders. Be brief.")),
    said("user", text("Where are my orders A17 and B20? – Ada")),
    said("assistant", call("call_1", "find_order", order="A17"), call("call_2", "find_order", order="B20")),
    said("tool", result("call_1", '{"state":"sent","day":"2026-03-02"}')),
    said("tool", result("call_2", '{"state":"lost"}')),
    said("assistant", text("A17 was sent on 2 March; B20 is lost. Shall I pay B20 back?")),
    said("user", text("Yes, please.")),
    said("assistant", text("At once."), call("call_3", "refund", order="B20", cents=1999)),
    said("tool", result("call_3", "paid")),
]
TRIP = [
    said("user", text("Oslo or Rome this weekend?")),
    said(
        "assistant",
        thought("Ask for the weather of both."),
        text("Let me see."),
        call("toolu_1", "weather", place="Oslo"),
        call("toolu_2", "weather", place="Rome"),
    ),
    said("user", result("toolu_1", "rain, 4 °C"), result("toolu_2", "sun, 18 °C")),
    said("assistant", text("Rome: sun and 18 °C.")),
    said("user", text("What shall I pack?")),
]


def test_messages(shown: Shown) -> None:
    inputs = [span["mlflow.spanInputs"] for span in shown.spans]
    outputs = [span["mlflow.spanOutputs"] for span in shown.spans]
    if shown.compat is not None:  # it prefers OpenInference's short values; the messages are among the attributes
        assert inputs[2:4] == ["Yes, please.", "paid"]
        assert outputs[1:3] == ["A17 was sent on 2 March; B20 is lost. Shall I pay B20 back?", "At once."]
        inputs = [span["gen_ai.input.messages"] for span in shown.spans]
        outputs = [span["gen_ai.output.messages"] for span in shown.spans]
    assert inputs[:4] == [SUPPORT[:length] for length in (2, 5, 7, 9)]
    assert inputs[6:9] == [TRIP[:length] for length in (1, 3, 5)]
    assert inputs[9] == [said("user", text("How do I sweep stairs?"))]
    assert shown.spans[9]["gen_ai.system_instructions"] == [text("Plan in one line.")]
    assert [output[0] for output in outputs] == [
        {**SUPPORT[2], "finish_reason": "tool_call"},
        {**SUPPORT[5], "finish_reason": "stop"},
        {**SUPPORT[7], "finish_reason": "tool_call"},
        said("assistant", text("Done: 19.99 € are on their way."), finish="stop"),
        said("assistant", thought("20 multiples of 5 and 4 of 25."), text("24"), finish="stop"),
        said("assistant", thought("200 + 40 + 8 + 1."), text("249"), finish="stop"),
        {**TRIP[1], "finish_reason": "tool_call"},
        {**TRIP[3], "finish_reason": "stop"},
        said("assistant", text("A light jacket."), finish="stop"),
        said("assistant", thought("Dirt falls down."), text("Top step first."), finish="stop"),
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of models that the SDKs know to be old
@pytest.mark.parametrize("name", RECORDED_FILES)
def test_recorded_conversations(mlflow_url: str, name: str) -> None:
    shown = show(mlflow_url, None, recorded(name))
    assert [counts(*pair) for pair in zip(shown.traces, shown.spans, strict=True)] == [
        sent.counts for sent in shown.sent
    ]
    sessions = [trace["trace_metadata"]["mlflow.trace.session"] for trace in shown.traces]
    assert sessions == [sent.session for sent in shown.sent]
    assert all(span["mlflow.spanInputs"] and span["mlflow.spanOutputs"] for span in shown.spans)
