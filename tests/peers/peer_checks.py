"""The one test, for every peer: one span for a call, with its tokens, whoever's span it is."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from peer_lab import Lab
from peer_shapes import REPLY, Shape

from tokeneff.testing import faults


_OURS = ("tokeneff", "opentelemetry.context", "opentelemetry.sdk.trace", "asyncio")
"""Loggers of what would be our fault; the peers have warnings of their own."""


def need(*packages: str) -> None:
    """Skip the test file where the peer is not installed."""
    for package in packages:
        try:
            version(package)
        except PackageNotFoundError:
            pytest.skip(f"{package} is not installed (make test-peers)", allow_module_level=True)


def ask(lab: Lab, shape: Shape, clients: Any) -> None:
    """Make the call, and nothing of it is left in a variable here."""
    if shape.reply == "retried":
        lab.provider.queue(faults.rate_limit(retry_after=0.01), REPLY)
    else:
        lab.provider.queue(shape.reply)
    lab.run(shape.ask(clients))


def one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture) -> Any:
    """The span of a call in this shape, with what everybody's must say asserted."""
    lab.reset()
    before = lab.counts()
    with caplog.at_level(logging.WARNING):
        ask(lab, shape, lab.sets[order])
        spans = lab.spans(wait=shape.ending == "dropped")
    told = [(span.instrumentation_scope and span.instrumentation_scope.name, span.name) for span in spans]
    assert len(spans) == 1, told
    assert [record.getMessage() for record in caplog.records if record.name in _OURS] == []
    [span] = spans
    attributes = dict(span.attributes or {})
    if shape.ending != "dropped" or span.instrumentation_scope.name == "tokeneff":  # a drop is an error for some
        failed = span.status.status_code is StatusCode.ERROR
        assert failed == (shape.ending == "failed"), (told, span.status.description)
    tokens = (attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens"))
    if shape.tokens is not None:
        assert tokens == shape.tokens, told
        assert attributes.get("tokeneff.usage.source", "provider") == "provider"
    elif shape.ending != "failed":
        assert isinstance(tokens[0], int), told
        assert isinstance(tokens[1], int), told
        assert attributes["tokeneff.usage.source"] == "estimated"
    assert attributes.get("tokeneff.ending", shape.ending) == shape.ending
    after = lab.counts()
    return span, {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
