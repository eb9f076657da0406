"""A client that sends the SDK's own spans to a provider of its own: there, they lie as a bare client's do."""

from __future__ import annotations

import inspect
from typing import Any

import anthropic
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import tokeneff
from tokeneff.testing import FakeProvider

pytestmark = pytest.mark.skipif(
    "open_telemetry" not in inspect.signature(anthropic.Anthropic.__init__).parameters,
    reason="this line of the Anthropic SDK makes no spans of its own",
)


class Spans:
    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(**options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def parents(self) -> list[tuple[str, str | None]]:
        """Each span with its parent, both by name; ``"missing"`` for a parent that went elsewhere."""
        done = self.exporter.get_finished_spans()
        names = {span.context.span_id: span.name for span in done}
        return [(s.name, names.get(s.parent.span_id, "missing") if s.parent else None) for s in done]


def ask(client: Any) -> None:
    client.messages.create(model="claude-test", max_tokens=9, messages=[{"role": "user", "content": "Hi"}])


@pytest.mark.parametrize("ours", [Spans(), Spans(sampler=ALWAYS_OFF)], ids=["sampled", "unsampled"])
def test_the_sdks_spans_keep_their_parents(ours: Spans) -> None:
    theirs = Spans()
    with FakeProvider() as provider:
        options: Any = {"tracer_provider": theirs.provider}
        bare = anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k", open_telemetry=options)
        for client in (bare, tokeneff.wrap(bare, tracer_provider=ours.provider)):
            ask(client)
            with theirs.provider.get_tracer("app").start_as_current_span("app"):
                ask(client)
    one, within, app = theirs.parents()[:3]
    assert (one[1], within[1], app) == (None, "app", ("app", None))
    assert theirs.parents()[3:] == [one, within, app]
