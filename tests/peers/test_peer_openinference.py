"""Beside OpenInference: theirs steps back for OpenAI, where it is beneath us, and we do for Anthropic."""

from __future__ import annotations

import pytest
from peer_checks import need, one_span
from peer_lab import ORDERS, Lab
from peer_shapes import ALL, Shape

need("openinference-instrumentation-openai", "openinference-instrumentation-anthropic")


def beside(lab: Lab) -> None:
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor

    def instrument() -> None:
        OpenAIInstrumentor().instrument()
        AnthropicInstrumentor().instrument()

    lab.beside(instrument)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", ALL, ids=str)
def test_one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture) -> None:
    messages = shape.name.startswith("messages")
    one_span(lab, shape, order, caplog, "openinference." if messages else "tokeneff")
