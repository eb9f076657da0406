from __future__ import annotations

import logging
from typing import Any

import pytest

from tokeneff.otel import Settings, Signal, configure_otel, resolve

BOTH = ("http://localhost:4318/v1/traces", "http://localhost:4318/v1/metrics")


def endpoints(settings: Settings) -> tuple[str | None, str | None]:
    return settings.traces and settings.traces.endpoint, settings.metrics and settings.metrics.endpoint


def test_what_holds_when_nothing_is_said() -> None:
    assert resolve() == Settings(
        traces=Signal("traces", BOTH[0], interval=5.0, timeout=10.0, place=BOTH[0]),
        metrics=Signal("metrics", BOTH[1], interval=60.0, timeout=10.0, place=BOTH[1]),
        headers=(),
        queue_size=2048,
        batch_size=512,
        exit_timeout=0.75,
        disabled=False,
    )


@pytest.mark.parametrize(
    ("endpoint", "traces", "metrics"),
    [
        ("http://h:4318", "http://h:4318/v1/traces", "http://h:4318/v1/metrics"),
        ("http://h:4318/", "http://h:4318/v1/traces", "http://h:4318/v1/metrics"),
        (" https://h ", "https://h/v1/traces", "https://h/v1/metrics"),
        ("HTTPS://h", "https://h/v1/traces", "https://h/v1/metrics"),
        ("http://h/api/public/otel", "http://h/api/public/otel/v1/traces", "http://h/api/public/otel/v1/metrics"),
        ("http://h:6006/v1/traces", "http://h:6006/v1/traces", "http://h:6006/v1/metrics"),
        ("http://h/x/v1/metrics/", "http://h/x/v1/traces", "http://h/x/v1/metrics"),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/metrics"),
        ("http://u:p@h?k=1", "http://u:p@h/v1/traces?k=1", "http://u:p@h/v1/metrics?k=1"),
    ],
)
def test_an_endpoint_is_the_base_of_both(endpoint: str, traces: str, metrics: str) -> None:
    assert endpoints(resolve(endpoint)) == (traces, metrics)


def test_an_argument_wins_over_the_signals_variable_and_that_over_the_general_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://general:1/base")
    assert endpoints(resolve()) == ("http://general:1/base/v1/traces", "http://general:1/base/v1/metrics")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:2/as/it/is")
    assert endpoints(resolve()) == ("http://traces:2/as/it/is", "http://general:1/base/v1/metrics")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics:3")
    assert endpoints(resolve()) == ("http://traces:2/as/it/is", "http://metrics:3")
    assert endpoints(resolve("http://argument:4")) == ("http://argument:4/v1/traces", "http://argument:4/v1/metrics")


NUMBERS: dict[str, str] = {
    "OTEL_BSP_SCHEDULE_DELAY": "250",
    "OTEL_METRIC_EXPORT_INTERVAL": "1500",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "4",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "3",
    "OTEL_METRIC_EXPORT_TIMEOUT": "2000",
    "OTEL_BSP_MAX_QUEUE_SIZE": "100",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20",
    "OTEL_SDK_DISABLED": "True",
}


def test_the_numbers_come_from_their_variables_unless_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NUMBERS.items():
        monkeypatch.setenv(name, value)
    assert resolve() == Settings(
        traces=Signal("traces", BOTH[0], interval=0.25, timeout=3.0, place=BOTH[0]),
        metrics=Signal("metrics", BOTH[1], interval=1.5, timeout=2.0, place=BOTH[1]),
        headers=(),
        queue_size=100,
        batch_size=20,
        exit_timeout=0.75,
        disabled=True,
    )
    passed = resolve(headers={"b": "2", "a": "1"}, export_interval=9, timeout=8, queue_size=7, exit_timeout=0.1)
    assert passed == Settings(
        traces=Signal("traces", BOTH[0], interval=9, timeout=8, place=BOTH[0]),
        metrics=Signal("metrics", BOTH[1], interval=9, timeout=8, place=BOTH[1]),
        headers=(("a", "1"), ("b", "2")),
        queue_size=7,
        batch_size=7,
        exit_timeout=0.1,
        disabled=True,
    )


def test_a_signal_is_off_when_passed_so_or_when_its_exporter_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert endpoints(resolve(traces=False)) == (None, BOTH[1])
    assert endpoints(resolve(metrics=False)) == (BOTH[0], None)
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    assert endpoints(resolve()) == (BOTH[0], None)
    assert endpoints(resolve(metrics=True)) == BOTH


def test_a_number_that_is_none_is_told_and_the_default_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "soon")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "nan")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", " ")
    settings = resolve()
    assert settings == resolve()
    assert settings.traces is not None
    assert (settings.traces.interval, settings.traces.timeout, settings.queue_size) == (5.0, 10.0, 2048)
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.WARNING, "OTEL_BSP_MAX_QUEUE_SIZE='-1' is no number above 0; 2048 is used"),
        (logging.WARNING, "OTEL_EXPORTER_OTLP_TIMEOUT='nan' is no number above 0; 10 is used"),
        (logging.WARNING, "OTEL_BSP_SCHEDULE_DELAY='soon' is no number above 0; 5000 is used"),
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"endpoint": "localhost:4318"}, "endpoint='localhost:4318' has no scheme: write 'http://localhost:4318'"),
        ({"endpoint": "collector"}, "write 'http://collector' (or https://)"),
        ({"endpoint": ""}, "endpoint='' has no scheme: write 'http://localhost:4318'"),
        ({"endpoint": 4318}, "endpoint must be a URL as text, such as 'http://localhost:4318', not 4318"),
        ({"endpoint": b"http://h"}, "endpoint must be a URL as text"),
        ({"endpoint": "grpc://h:4317"}, "grpc:// is not spoken, only OTLP over HTTP: write http:// or https://"),
        ({"endpoint": "http://"}, "names no host"),
        ({"endpoint": "http://a b"}, "names no host"),
        ({"endpoint": "http://h:port"}, "is no URL"),
        ({"endpoint": "http://h:99999"}, "is no URL"),
        ({"endpoint": "http://[::1"}, "is no URL"),
        ({"headers": "a=b"}, 'headers must be a mapping of names to values, such as {"authorization": "Bearer ..."}'),
        ({"headers": {"a": 1}}, "the name and the value of 'a' must both be text"),
        ({"headers": {"a": "x\r\ny: z"}}, "line break"),
        ({"headers": {" ": "x"}}, "is empty"),
        ({"export_interval": 0}, "export_interval must be a number of seconds above 0, not 0"),
        ({"timeout": "10"}, "timeout must be a number of seconds above 0, not '10'"),
        ({"timeout": float("inf")}, "timeout must be a number of seconds above 0, not inf"),
        ({"exit_timeout": -1}, "exit_timeout must be a number of seconds above 0, not -1"),
        ({"queue_size": 1.5}, "queue_size must be a whole number above 0, not 1.5"),
        ({"queue_size": True}, "queue_size must be a whole number above 0, not True"),
        ({"service_name": " "}, "service_name must be a text that is not empty, not ' '"),
        ({"service_name": 3}, "service_name must be a text that is not empty, not 3"),
        ({"resource": "team=blue"}, "resource must be a mapping of attributes or a Resource, not str"),
    ],
)
def test_a_bad_argument_is_told_with_what_to_write(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
        configure_otel(**{"set_global": False, **arguments})
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("grpc://ada:verysecret@h:4317", "endpoint='grpc://****@h:4317': grpc:// is not spoken"),
        ("ada:verysecret@h:4318", "endpoint='****@h:4318' has no scheme: write 'http://****@h:4318'"),
        ("http://ada:very/secret@h:4318", "endpoint='http://****@h:4318' is no URL: write"),
        ("http://h:port?key=verysecret", "endpoint='http://h:port?****' is no URL"),
    ],
)
def test_a_password_is_not_told(endpoint: str, says: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
        configure_otel(endpoint, set_global=False)
    assert says in str(raised.value)
    assert "very" not in str(raised.value)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "h:4318", "OTEL_EXPORTER_OTLP_ENDPOINT='h:4318' has no scheme"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "h:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT='h:4318' has no scheme"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc, but configure_otel speaks OTLP"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc"),
    ],
)
def test_a_bad_variable_is_named_unless_an_argument_makes_it_idle(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
        configure_otel(set_global=False)
    assert says in str(raised.value)
    assert endpoints(resolve("http://localhost:4318")) == BOTH
