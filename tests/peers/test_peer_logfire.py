"""Beside Logfire, which instruments the clients' classes beneath us: its spans step back."""

from __future__ import annotations

import pytest
from peer_checks import need, one_span
from peer_lab import ORDERS, Lab, use_logfire, wrapped
from peer_shapes import ALL, Shape

need("logfire")


def beside(lab: Lab) -> None:
    early, unwrapped = wrapped(lab.bare()), lab.bare()
    logfire = use_logfire(lab)
    logfire.instrument_openai()
    logfire.instrument_anthropic()
    lab.sets = dict(zip(ORDERS, (early, wrapped(unwrapped)), strict=True))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", ALL, ids=str)
def test_one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture) -> None:
    one_span(lab, shape, order, caplog, "tokeneff")
