"""The environments that hosted backends ask for: where spans and metrics go with each, and with which headers."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

import tokeneff
from tokeneff.otel import resolve

KEY = b64encode(b"pk-lf-1:sk-lf-23").decode()
assert KEY.endswith("=")  # which also parts a header's name from its value
Environment = dict[str, str]

COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
GRAFANA_CLOUD = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp",
    "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic%20{KEY}",
}
DATADOG = {
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://otlp.datadoghq.com/v1/traces",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "dd-api-key=abc,dd-otlp-source=llmobs",
    "OTEL_METRICS_EXPORTER": "none",
}
PHOENIX_CLOUD = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://app.phoenix.arize.com/s/my-space",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc",
    "OTEL_METRICS_EXPORTER": "none",
}
MLFLOW = {
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:5000/v1/traces",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-mlflow-experiment-id=123",
    "OTEL_METRICS_EXPORTER": "none",
}
LANGFUSE = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://cloud.langfuse.com/api/public/otel",
    "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Basic {KEY},x-langfuse-ingestion-version=4",
    "OTEL_METRICS_EXPORTER": "none",
}
CASES = {
    "collector": (COLLECTOR, "http://localhost:4318/v1/traces", {}, True),
    "Grafana Cloud": (
        GRAFANA_CLOUD,
        "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/traces",
        {"authorization": f"Basic {KEY}"},
        True,
    ),
    "Datadog": (
        DATADOG,
        "https://otlp.datadoghq.com/v1/traces",
        {"dd-api-key": "abc", "dd-otlp-source": "llmobs"},
        False,
    ),
    "Phoenix Cloud": (
        PHOENIX_CLOUD,
        "https://app.phoenix.arize.com/s/my-space/v1/traces",
        {"authorization": "Bearer abc"},
        False,
    ),
    "MLflow": (MLFLOW, "http://localhost:5000/v1/traces", {"x-mlflow-experiment-id": "123"}, False),
    "Langfuse": (
        LANGFUSE,
        "https://cloud.langfuse.com/api/public/otel/v1/traces",
        {"authorization": f"Basic {KEY}", "x-langfuse-ingestion-version": "4"},
        False,
    ),
}
Arrived = list[tuple[str, dict[str, str]]]


@pytest.fixture
def intake() -> Iterator[tuple[str, Arrived]]:
    """A server that takes everything, and the paths and headers of what has come."""
    arrived: Arrived = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            arrived.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", arrived
    server.shutdown()
    server.server_close()
    thread.join()


def put(monkeypatch: pytest.MonkeyPatch, environment: Environment) -> None:
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(("environment", "endpoint", "headers", "metrics"), CASES.values(), ids=CASES)
def test_environment(
    monkeypatch: pytest.MonkeyPatch,
    intake: tuple[str, Arrived],
    environment: Environment,
    endpoint: str,
    headers: dict[str, str],
    metrics: bool,
) -> None:
    put(monkeypatch, environment)
    settings = resolve()
    assert settings.traces is not None
    assert settings.traces.endpoint == endpoint
    assert (settings.metrics is not None) == metrics

    url, arrived = intake
    host = urlsplit(endpoint)
    there = {name: value.replace(f"{host.scheme}://{host.netloc}", url) for name, value in environment.items()}
    put(monkeypatch, there)
    with tokeneff.configure_otel(set_global=False) as otel:
        assert otel.tracer_provider is not None
        otel.tracer_provider.get_tracer("test").start_span("chat").end()
        assert otel.flush(20)
    ((path, sent),) = [each for each in arrived if "metrics" not in each[0]]
    assert path == host.path
    assert {name: sent[name] for name in headers} == headers
