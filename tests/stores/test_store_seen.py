"""A store that goes away is seen: on the spans of calls, through the front door."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from stores_flaky import Flaky

import tokeneff
from tokeneff.stores._guarded import _breaker, _exit
from tokeneff.testing import FakeProvider

AWAY = "tokeneff.budget."


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_breaker, "SHORTEST", 0.005)
    yield
    for store in list(_exit.owners):
        store._breaker.stop(10)  # type: ignore[attr-defined]
        _exit.owners.discard(store)


@pytest.mark.parametrize("on_error", ["open", "closed"])
def test_that_a_store_went_away_and_is_back_is_on_spans(on_error: Any) -> None:
    store, spans = Flaky(), InMemorySpanExporter()
    store.clock = None
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    with FakeProvider() as provider, openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0) as bare:
        client = tokeneff.wrap(
            bare, budget=tokeneff.Budget(requests=10_000), store=store, on_store_error=on_error, tracer_provider=tracers
        )

        def ask() -> list[tuple[str, dict[str, Any]]]:
            spans.clear()
            with suppress(tokeneff.BudgetUnavailable):
                client.chat.completions.create(
                    model="gpt-4.1-mini", messages=[{"role": "user", "content": "Hi"}], max_tokens=5
                )
            (span,) = spans.get_finished_spans()
            return [(event.name, dict(event.attributes or {})) for event in span.events if event.name.startswith(AWAY)]

        assert ask() == []
        store.away = True
        first, second = ask(), ask()
        store.away = False
        until = time.monotonic() + 30
        while not (found := [one for one in ask() if one[0] == AWAY + "store_back"]):
            assert time.monotonic() < until
        later = ask()

    about = {AWAY + "store": "memory://", AWAY + "on_error": on_error, AWAY + "reason": "it is away"}
    usual = [(AWAY + ("store_away" if on_error == "open" else "store_unavailable"), {})]
    assert first == [*usual, (AWAY + "store_lost", about)]
    assert second == usual
    ((_, said),) = found
    assert said.pop(AWAY + "seconds") > 0
    assert said == {AWAY + "store": "memory://"}
    assert later == []
