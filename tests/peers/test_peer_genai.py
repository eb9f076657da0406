"""Beside OpenTelemetry's own instrumentors: we step back, and their span and counts are filled by us."""

from __future__ import annotations

import pytest
from peer_checks import need, one_span
from peer_lab import ORDERS, Lab
from peer_shapes import ALL, Shape

need("opentelemetry-instrumentation-genai-openai", "opentelemetry-instrumentation-genai-anthropic")


def beside(lab: Lab) -> None:
    from opentelemetry.instrumentation.genai.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    def instrument() -> None:
        OpenAIInstrumentor().instrument()
        AnthropicInstrumentor().instrument()

    lab.beside(instrument)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", ALL, ids=str)
def test_one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture) -> None:
    theirs = "tokeneff" if shape.name.startswith("completions") else "opentelemetry.instrumentation.genai."
    one_span(lab, shape, order, caplog, theirs)
