"""Beside OpenLLMetry: we step back for OpenAI, and their span steps back for Anthropic, where it can be lost."""

from __future__ import annotations

import pytest
from peer_checks import need, one_span
from peer_lab import ORDERS, Lab
from peer_shapes import ALL, Shape

need("opentelemetry-instrumentation-openai", "opentelemetry-instrumentation-anthropic")

UNTOLD = ("responses incomplete", "responses stream raw", "responses cancelled")
"""Responses that they make no span of."""


def beside(lab: Lab) -> None:
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    def instrument() -> None:
        OpenAIInstrumentor().instrument()
        AnthropicInstrumentor().instrument()

    lab.beside(instrument)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", ALL, ids=str)
def test_one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture) -> None:
    ours = shape.name.startswith("messages") or shape.name in UNTOLD
    one_span(lab, shape, order, caplog, "tokeneff" if ours else "opentelemetry.instrumentation.openai.")
