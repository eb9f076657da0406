"""Every shape of a call, asked and read to its end: one span, whole, and its tokens counted once."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode
from telemetry_lab import FLAVOURS, Flavour, Lab, run
from telemetry_shapes import SHAPES, STREAMED, Shape

import tokeneff

INFERENCE = ("chat", "text_completion")


def expected(shape: Shape, port: int) -> dict[str, Any]:
    found = shape.at_start(port) | shape.asked | shape.got | {"tokeneff.ending": "read"}
    return found | STREAMED if shape.start is not None else found


def test_there_are_at_least_the_shapes_that_peers_were_measured_by() -> None:
    assert len(SHAPES) >= 27
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
async def test_a_call_is_one_whole_span_and_counted_once(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(shape.reply)
    client = lab.client(shape.sdk, flavour)

    await run(lab, flavour, lambda: shape.read(client))

    port = lab.provider.port
    span = lab.span
    assert (span.name, span.kind, span.status.status_code) == (shape.span_name, SpanKind.CLIENT, StatusCode.UNSET)
    assert lab.attributes == expected(shape, port)
    assert lab.sampler.seen == [(shape.span_name, SpanKind.CLIENT, shape.at_start(port))]
    assert (span.events, span.parent, span.links) == ((), None, ())
    assert span.instrumentation_scope is not None
    assert (span.instrumentation_scope.name, span.instrumentation_scope.version) == ("tokeneff", tokeneff.__version__)
    assert [request.method for request in lab.provider.requests] == [shape.method]
    assert_counted_once(lab, client, shape, expected(shape, port))


def assert_counted_once(lab: Lab, client: Any, shape: Shape, got: dict[str, Any]) -> None:
    said = got.get("gen_ai.usage.input_tokens", 0), got.get("gen_ai.usage.output_tokens", 0)
    total = tokeneff.usage(client).total
    assert (total.calls, total.input_tokens, total.output_tokens) == (1, *said)

    metrics = {name: lab.sums(name) for name in ("gen_ai.client.operation.duration", "gen_ai.client.token.usage")}
    assert [count for _, _, count in metrics["gen_ai.client.operation.duration"]] == [1]
    told = {point["gen_ai.token.type"]: value for point, value, _ in metrics["gen_ai.client.token.usage"]}
    provided = got.get("tokeneff.usage.source") == "provider"
    assert told == ({kind: n for kind, n in zip(("input", "output"), said, strict=True) if n} if provided else {})
    counted = lab.sums("gen_ai.client.inference.usage.input_tokens")
    assert sum(value for _, value, _ in counted) == (said[0] if provided and shape.operation in INFERENCE else 0)
