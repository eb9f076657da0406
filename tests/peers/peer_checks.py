"""The one test, for every peer: one span for a call, with its tokens, whoever's span it is."""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from peer_lab import DURATION, USAGE, Lab
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


def one_span(lab: Lab, shape: Shape, order: str, caplog: pytest.LogCaptureFixture, scope: str) -> None:
    """The call is in one span, of ``scope`` (as it begins), and each metric that all of them share is recorded once."""
    lab.reset()
    before = lab.counts()
    with caplog.at_level(logging.WARNING):
        _ask(lab, shape, lab.sets[order])
        spans = lab.spans(wait=shape.ending == "dropped")
    told = [(_scope(span), span.name) for span in spans]
    assert len(spans) == 1, told
    assert _scope(spans[0]).startswith(scope)
    assert [record.getMessage() for record in caplog.records if record.name in _OURS] == []
    _check_status(spans[0], shape)
    _check_tokens(dict(spans[0].attributes or {}), shape)
    after = lab.counts()
    assert after[DURATION] - before.get(DURATION, 0) == 1
    recorded = after.get(USAGE, 0) - before.get(USAGE, 0)
    # Theirs leave out what they do not read, and record what a stream said before it was broken off.
    assert recorded == shape.recorded if scope in ("tokeneff", "openinference.") else recorded <= 2


def _ask(lab: Lab, shape: Shape, clients: Any) -> None:
    """Make the call, and nothing of it is left in a variable here."""
    if shape.reply == "retried":
        lab.provider.queue(faults.rate_limit(retry_after=0.01), REPLY)
    else:
        lab.provider.queue(shape.reply)
    lab.run(shape.ask(clients))


def _scope(span: ReadableSpan) -> str:
    return span.instrumentation_scope.name if span.instrumentation_scope else ""


def _check_status(span: ReadableSpan, shape: Shape) -> None:
    failed = span.status.status_code is StatusCode.ERROR
    if shape.ending == "dropped" and _scope(span) != "tokeneff":
        return  # for some of them a dropped stream is an error
    assert failed == (shape.ending == "failed"), span.status.description


def _check_tokens(attributes: dict[str, Any], shape: Shape) -> None:
    tokens = (attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens"))
    # Those who make their span after the fact have the provider's counts themselves.
    source = attributes.get("tokeneff.usage.source", "provider")
    assert attributes.get("tokeneff.ending", shape.ending) == shape.ending
    if shape.tokens is not None:
        assert (tokens, source) == (shape.tokens, "provider")
    elif shape.ending != "failed":
        assert [type(count) for count in tokens] == [int, int]
        assert attributes["tokeneff.usage.source"] == "estimated"
