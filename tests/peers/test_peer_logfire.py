"""Beside Logfire, which instruments the clients' classes beneath us: its spans step back."""

from __future__ import annotations

from typing import Any

import pytest
from peer_checks import need, one_span
from peer_lab import ORDERS, Lab, wrapped
from peer_shapes import ALL, Shape

need("logfire")


def configure(lab: Lab) -> Any:
    import logfire
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    lab.reader = InMemoryMetricReader()
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[lab.processor()],
        metrics=logfire.MetricsOptions(additional_readers=[lab.reader]),
    )
    return logfire


def beside(lab: Lab) -> None:
    early, unwrapped = wrapped(lab.bare()), lab.bare()
    logfire = configure(lab)
    logfire.instrument_openai()
    logfire.instrument_anthropic()
    lab.sets = dict(zip(ORDERS, (early, wrapped(unwrapped)), strict=True))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", ALL, ids=str)
def test_one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture) -> None:
    span, counts = one_span(lab, shape, order, caplog)
    print(span.instrumentation_scope.name, counts)
