"""Beside OpenTelemetry's openai-v2, which traces chat and embeddings: we step back there, and trace the rest."""

from __future__ import annotations

import pytest
from peer_checks import need, one_span
from peer_lab import ORDERS, Lab
from peer_shapes import OPENAI, Shape

need("opentelemetry-instrumentation-openai-v2")

UNCLOSED = "chat stream async broken off"
"""Their ``close()`` of an asynchronous stream closes nothing."""


def beside(lab: Lab) -> None:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    lab.beside(lambda: OpenAIInstrumentor().instrument())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [shape for shape in OPENAI if shape.name != UNCLOSED], ids=str)
def test_one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture) -> None:
    theirs = shape.name.startswith(("chat", "embeddings"))
    one_span(lab, shape, order, caplog, "opentelemetry.instrumentation.openai_v2" if theirs else "tokeneff")
