"""Beside Logfire, told to instrument a client: one that is wrapped then, or one that is already, and left alone."""

from __future__ import annotations

import pytest
from peer_checks import need, one_span
from peer_lab import ORDERS, Lab, use_logfire, wrapped
from peer_shapes import ALL, Shape

need("logfire")


def beside(lab: Lab) -> None:
    logfire = use_logfire(lab)
    early, late = lab.bare(), wrapped(lab.bare())
    for clients in (early, late):
        logfire.instrument_openai(clients.openai)
        logfire.instrument_openai(clients.openai_async)
        logfire.instrument_anthropic(clients.anthropic)
        logfire.instrument_anthropic(clients.anthropic_async)
    lab.sets = dict(zip(ORDERS, (late, wrapped(early)), strict=True))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", ALL, ids=str)
def test_one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture) -> None:
    one_span(lab, shape, order, caplog, "tokeneff")
