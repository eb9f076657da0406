"""The doctor sees what is installed and set, hides secrets, and says what is wrong and what to do."""

from __future__ import annotations

import socket
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Run


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_nothing_set_is_nothing_wrong(run: Run) -> None:
    ran = run("doctor", "--json")
    report = ran.json
    assert (ran.code, ran.err, report["problems"]) == (0, "", [])
    assert report["versions"]["openai"] == metadata.version("openai")
    assert [(sdk["name"], sdk["state"]) for sdk in report["sdks"]] == [
        ("openai", "supported"),
        ("anthropic", "supported"),
    ]
    assert report["environment"] == {}
    assert [(c["configured"], c["listening"]) for c in report["collectors"]] == [(False, None), (False, None)]
    assert report["content_capture"] == "off"
    assert report["installed"] is False


def test_tables_say_what_json_says(run: Run) -> None:
    ran = run("doctor")
    assert ran.code == 0
    for said in ("python", "openai", metadata.version("openai"), "supported", "not recorded", "Nothing is wrong."):
        assert said in ran.out


def test_secrets_are_masked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://ada:verysecret@localhost:1/v1?token=verysecret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer verysecret,x-tenant=verysecret")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("TOKENEFF_ANYTHING", "1")
    for ran in (run("doctor"), run("doctor", "--json")):
        assert "verysecret" not in ran.out + ran.err
    assert ran.json["environment"] == {
        "OPENAI_API_KEY": "**** (13 characters)",
        "OPENAI_BASE_URL": "http://****@localhost:1/v1?****",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=****,x-tenant=****",
        "OTEL_SERVICE_NAME": "shop",
        "TOKENEFF_ANYTHING": "1",
    }


def test_a_collector_that_listens(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", place)
        ran = run("doctor", "--json")
    assert ran.code == 0
    assert ran.json["collectors"] == [
        {"signal": kind, "endpoint": f"{place}/v1/{kind}", "configured": True, "listening": True}
        for kind in ("traces", "metrics")
    ]
    assert f"spans: after tokeneff.configure_otel(), to {place}/v1/traces, OTLP over HTTP" in ran.json["sent"]


def test_a_collector_that_does_not_listen_is_an_error(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", place)
    ran = run("doctor")
    assert ran.code == 1
    assert f"error: nothing listens at {place}" in ran.out
    assert "start the collector" in ran.out


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1, "grpc"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318", 1, "no scheme"),
        ("OTEL_SDK_DISABLED", "true", 0, "no span and no metric is recorded"),
        ("OTEL_TRACES_SAMPLER", "always_off", 0, "no trace"),
        ("OTEL_TRACES_EXPORTER", "console", 0, "OTLP only"),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "maybe", 0, "SPAN_ONLY"),
    ],
)
def test_what_is_wrong_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, code: int, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    ran = run("doctor", "--json")
    problems: list[dict[str, Any]] = ran.json["problems"]
    assert ran.code == code
    assert [problem["level"] for problem in problems] == ["error" if code else "warning"]
    assert said in problems[0]["what"] + problems[0]["do"]
    assert problems[0]["do"]


@pytest.mark.parametrize(
    ("value", "state"), [("span_only", "on spans"), ("true", "on spans"), ("EVENT_ONLY", "on events"), ("false", "off")]
)
def test_content_capture_is_reported(run: Run, monkeypatch: pytest.MonkeyPatch, value: str, state: str) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    ran = run("doctor", "--json")
    assert (ran.json["content_capture"], ran.json["problems"]) == (state, [])
    told = "not recorded" if state == "off" else f"recorded {state}"
    assert f"prompts and replies: {told}" in ran.json["sent"]


def test_both_exporters_off(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    ran = run("doctor", "--json")
    assert (ran.code, ran.json["collectors"]) == (0, [])
    assert ran.json["sent"][0] == "spans and metrics: nowhere; the environment turns both exporters off"


@pytest.mark.parametrize(
    ("versions", "code", "said"),
    [
        ({}, 1, "neither openai nor anthropic is installed"),
        ({"openai": "0.28.1"}, 1, "openai 0.28.1 is older than"),
        ({"openai": "9.0.0"}, 0, "openai 9.0.0 is newer than what"),
        ({"openai": "2.1.0", "openlit": "1.45"}, 0, "OpenLIT"),
    ],
)
def test_what_is_installed_is_judged(
    run: Run, monkeypatch: pytest.MonkeyPatch, versions: dict[str, str], code: int, said: str
) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in ("openai", "anthropic", "openlit"):
            if name not in versions:
                raise metadata.PackageNotFoundError(name)
            return versions[name]
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    ran = run("doctor", "--json")
    assert ran.code == code
    assert said in str(ran.json["problems"])


def test_a_peer_that_steps_back_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "5.2" if name == "logfire" else real(name))
    ran = run("doctor", "--json")
    assert {"package": "logfire", "name": "Logfire", "version": "5.2", "steps_back": "it"} in ran.json["peers"]
    assert ran.json["problems"] == []
