"""Spans as a tree: each under its parent, with tokens, times, attempts, ending and tags."""

from __future__ import annotations

import io
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rich.console import Console

from tokeneff.cli.render import seconds, span_tree

CALL: dict[str, Any] = {
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 30,
    "tokeneff.usage.source": "provider",
    "tokeneff.ending": "read",
    "tokeneff.tag.user": "ada",
}


def drawn(make: Any, width: int = 160) -> list[str]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    make(provider.get_tracer("test"))
    file = io.StringIO()
    Console(file=file, width=width, highlight=False).print(span_tree(memory.get_finished_spans(), "spans"))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def span(tracer: Any, name: str, start: int, end: int, attributes: dict[str, Any], *events: Any) -> Any:
    opened = tracer.start_span(name, start_time=start * 10**6, attributes=attributes)
    for event in events:
        opened.add_event("tokeneff.attempt", event)
    opened.end(end * 10**6)
    return opened


def test_everything_a_call_can_say() -> None:
    def make(tracer: Any) -> None:
        with tracer.start_as_current_span("desk", start_time=0, end_on_exit=False) as desk:
            span(
                tracer,
                "chat m",
                10,
                222,
                {
                    **CALL,
                    "gen_ai.response.model": "m-1",
                    "gen_ai.response.finish_reasons": ("stop", "stop"),
                    "gen_ai.response.time_to_first_chunk": 0.09,
                    "tokeneff.output_tokens_per_second": 141.51,
                    "gen_ai.usage.cache_read.input_tokens": 1024,
                    "gen_ai.usage.cache_write.input_tokens": 100,
                    "gen_ai.usage.reasoning.output_tokens": 8,
                    "http.request.resend_count": 2,
                    "tokeneff.tag.feature": "plan",
                },
                {"http.response.status_code": 429, "tokeneff.retry.delay": 0.05},
                {"error.type": "openai.APIConnectionError"},
            )
            span(
                tracer,
                "chat m",
                300,
                1800,
                {
                    **CALL,
                    "tokeneff.ending": "broken_off",
                    "tokeneff.usage.source": "estimated",
                    "tokeneff.usage.input_source": "provider",
                    "tokeneff.usage.output_source": "estimated",
                },
            )
        desk.end(2_000_000_000)
        failed = {"tokeneff.ending": "failed", "error.type": "timeout", "tokeneff.tag.user": "ada"}
        span(tracer, "embeddings e", 5000, 5001, failed)

    assert drawn(make) == [
        "spans  user=ada",
        "├── desk  2.0 s",
        "│   ├── chat m  openai · answered by m-1 · 212 ms · first token 90 ms · 142 tokens/s · stop",
        "│   │     in 1,200 (cache read 1,024, cache write 100) · out 30 (reasoning 8) · 3 attempts (429, waited "
        "50 ms; openai.APIConnectionError)  feature=plan",
        "│   └── chat m  openai · 1.5 s · broken off",
        "│         in 1,200 · out ~30 (estimated)",
        "└── embeddings e  1.0 ms · failed · timeout",
        "      in ? · out ?",
    ]


def test_spans_without_their_parent_stand_at_the_top_in_order() -> None:
    def make(tracer: Any) -> None:
        with tracer.start_as_current_span("never ended", end_on_exit=False):
            span(tracer, "second", 20, 30, {})
        span(tracer, "first", 1, 12, {})

    assert drawn(make) == ["spans", "├── first  11 ms", "└── second  10 ms"]


def test_no_spans() -> None:
    assert drawn(lambda tracer: None) == ["spans"]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0.0 ms"), (0.0042, "4.2 ms"), (0.042, "42 ms"), (0.9994, "999 ms"), (1.25, "1.2 s"), (125, "2 min 5 s")],
)
def test_seconds(value: float, said: str) -> None:
    assert seconds(value) == said
