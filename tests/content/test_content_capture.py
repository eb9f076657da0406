"""Whether content is captured, how it is masked, serialised and sent as an event."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider

from tokeneff.telemetry.content import ENVIRONMENT, MODES, Capture, capture_mode, emit_event, masked, to_json


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)


def test_the_argument() -> None:
    assert capture_mode(True) == "SPAN_ONLY"
    assert capture_mode(False) == "NO_CONTENT"
    assert capture_mode() == capture_mode(None) == "NO_CONTENT"
    for mode in MODES:
        assert capture_mode(mode) == capture_mode(mode.lower()) == mode


@pytest.mark.parametrize("wrong", ["everything", "", 1, [True]])
def test_a_wrong_argument(wrong: Any) -> None:
    with pytest.raises(
        ValueError, match=r"capture_content=.*choose True, False, None, or one of NO_CONTENT, SPAN_ONLY"
    ):
        capture_mode(wrong)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        *((mode, mode) for mode in MODES),
        ("span_and_event", "SPAN_AND_EVENT"),
        ("True", "SPAN_ONLY"),
        (" false ", "NO_CONTENT"),
        ("", "NO_CONTENT"),
    ],
)
def test_the_environment(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, told: str, expected: str
) -> None:
    monkeypatch.setenv(ENVIRONMENT, told)
    assert capture_mode() == expected
    assert capture_mode(False) == "NO_CONTENT"
    assert caplog.records == []


def test_a_wrong_environment_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv(ENVIRONMENT, "please")
    assert [capture_mode(), capture_mode()] == ["NO_CONTENT", "NO_CONTENT"]
    assert [record.getMessage() for record in caplog.records] == [
        f"{ENVIRONMENT}='please' captures nothing; choose one of NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT"
    ]


def test_where_content_goes() -> None:
    told = {mode: (Capture(mode).spans, Capture(mode).events, Capture(mode).wanted) for mode in MODES}
    assert told == {
        "NO_CONTENT": (False, False, False),
        "SPAN_ONLY": (True, False, True),
        "EVENT_ONLY": (False, True, True),
        "SPAN_AND_EVENT": (True, True, True),
    }


CONTENT = {"gen_ai.input.messages": [{"role": "user", "parts": []}], "gen_ai.system_instructions": [1]}


def test_a_mask() -> None:
    seen: list[tuple[str, Any]] = []

    def mask(value: Any, kind: str) -> Any:
        seen.append((kind, value))
        return None if kind == "gen_ai.system_instructions" else "***"

    assert masked(mask, CONTENT) == Capture("SPAN_ONLY", mask).masked(CONTENT) == {"gen_ai.input.messages": "***"}
    assert seen == 2 * list(CONTENT.items())
    assert masked(None, CONTENT) == CONTENT


def test_a_mask_that_raises_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def mask(value: Any, kind: str) -> Any:
        if kind == "gen_ai.input.messages":
            raise ValueError(f"cannot mask {value}: secret")
        return value

    with caplog.at_level(logging.DEBUG):
        assert masked(mask, CONTENT) == {"gen_ai.system_instructions": [1]}
        assert masked(mask, CONTENT) == {"gen_ai.system_instructions": [1]}
    (record,) = caplog.records
    assert record.getMessage() == "the mask raised ValueError on gen_ai.input.messages, which is therefore left out"
    assert record.exc_info is None


def test_to_json() -> None:
    assert to_json([{"a": "é", "b": None, "c": (1, 2.5)}]) == '[{"a":"é","b":null,"c":[1,2.5]}]'
    assert to_json({"a": float("nan"), (1,): 2, "b": object()}) == '{"a":"NaN","tuple":2,"b":"object"}'
    assert to_json([float("nan"), float("-inf")]) == '["NaN","-Infinity"]'
    assert to_json("\ud83d\ude00 \ud800") == '"😀 \ufffd"'
    assert json.loads(to_json({"b": b"hi", "s": {1}})) == {"b": "aGk=", "s": [1]}


def test_an_event() -> None:
    exporter = InMemoryLogRecordExporter()
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("chat m")
    scope = trace.set_span_in_context(span)
    content = {"gen_ai.output.messages": [{"role": "assistant", "parts": [{"n": 2**70, "t": "\ud800", "x": None}]}]}
    emit_event(provider.get_logger("tokeneff"), {"gen_ai.operation.name": "chat"}, content, scope)
    (done,) = exporter.get_finished_logs()
    record = done.log_record
    assert record.event_name == "gen_ai.client.inference.operation.details"
    assert record.attributes is not None
    assert json.loads(json.dumps(dict(record.attributes))) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.output.messages": [{"role": "assistant", "parts": [{"n": str(2**70), "t": "\ufffd", "x": None}]}],
    }
    assert (record.trace_id, record.span_id) == (span.get_span_context().trace_id, span.get_span_context().span_id)
    assert record.timestamp


def test_an_event_without_an_sdk() -> None:
    from opentelemetry._logs import NoOpLoggerProvider

    emit_event(NoOpLoggerProvider().get_logger("tokeneff"), {}, CONTENT)


def test_no_sdk_is_imported() -> None:
    code = (
        "import sys, tokeneff.telemetry.content, tokeneff.telemetry.openinference\n"
        "import tokeneff.adapters.openai._content, tokeneff.adapters.anthropic._content\n"
        "from opentelemetry._logs import NoOpLoggerProvider\n"
        "tokeneff.telemetry.content.emit_event(NoOpLoggerProvider().get_logger('t'), {}, {})\n"
        "print([m for m in sys.modules if m in ('openai', 'anthropic', 'pydantic', 'opentelemetry.sdk')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
