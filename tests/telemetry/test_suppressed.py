"""Where the application has switched instrumentation off, nothing is sent; running totals go on."""

from __future__ import annotations

import openai
from opentelemetry import context as otel_context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tokeneff
from tokeneff.testing import FakeProvider


def test_nothing_is_sent_while_instrumentation_is_suppressed(fake_provider: FakeProvider) -> None:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider(metric_readers=[reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    bare = openai.OpenAI(base_url=fake_provider.openai_url, api_key="k")
    client = tokeneff.wrap(bare, tracer_provider=tracers, meter_provider=meters)

    def call() -> None:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])

    token = otel_context.attach(otel_context.set_value("suppress_instrumentation", True))
    try:
        call()
    finally:
        otel_context.detach(token)
    assert exporter.get_finished_spans() == ()
    assert reader.get_metrics_data() is None
    call()
    assert len(exporter.get_finished_spans()) == 1
    assert reader.get_metrics_data() is not None
    assert tokeneff.usage(client).total.calls == 2
