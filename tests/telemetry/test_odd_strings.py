"""A string that UTF-8 cannot encode goes to the provider as it is, and costs no batch of spans its export."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tokeneff
from tokeneff.testing import FakeProvider, Reply


def test_lone_surrogates_are_encodable_wherever_they_come_from(fake_provider: FakeProvider) -> None:
    half = "half \ud83d"
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    client = tokeneff.wrap(
        openai.OpenAI(base_url=fake_provider.openai_url, api_key="k"), tracer_provider=provider, capture_content=True
    )
    body: dict[str, Any] = {"id": half, "model": half, "system_fingerprint": half, "service_tier": half}
    body |= {"object": "chat.completion", "created": 1}
    body["choices"] = [{"index": 0, "finish_reason": half, "message": {"role": "assistant", "content": half}}]
    fake_provider.queue(Reply(json=body))
    with tokeneff.tag(user=half, session=half, other=half):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(UnicodeEncodeError):  # the SDK's own, for what it cannot send
            client.chat.completions.create(model=half, messages=[{"role": "user", "content": half}], stop=[half])
    span, failed = exporter.get_finished_spans()
    assert encode_spans([span, failed]).SerializeToString()
    assert span.attributes is not None
    assert span.attributes["user.id"] == "half \ufffd"
    assert span.attributes["gen_ai.response.model"] == "half \ufffd"
