"""What is told of the cache: on spans, in metrics, in the ledger and its report, and by last()."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cache_lab import ASKED, CHAT, COST, FLAVOURS, GPT, Lab, read, ready, said
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tokeneff
from tokeneff.cache._place import settled


class Watched:
    """Providers whose spans and metrics are seen."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader])

    @property
    def wrapped(self) -> dict[str, Any]:
        return {"tracer_provider": self.tracer_provider, "meter_provider": self.meter_provider}

    def attributes(self) -> list[dict[str, Any]]:
        return [dict(span.attributes or {}) for span in self.spans.get_finished_spans()]

    def counts(self, name: str, *by: str) -> dict[Any, float]:
        """How many measurements of a histogram."""
        return self.sums(name, *by, field="count")

    def sums(self, name: str, *by: str, field: str = "sum") -> dict[Any, float]:
        data = self.reader.get_metrics_data()
        found: dict[Any, float] = {}
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == name:
                        for point in metric.data.data_points:
                            key = tuple((point.attributes or {}).get(one) for one in by)
                            value = getattr(point, field, None) or getattr(point, "value", 0)
                            found[key] = found.get(key, 0) + value
        return found


@pytest.fixture
def watched() -> Any:
    made = Watched()
    yield made
    made.tracer_provider.shutdown()
    made.meter_provider.shutdown()


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_spans_say_what_the_cache_did(lab: Lab, watched: Watched, flavour: str) -> None:
    client = lab.client("openai", flavour, **watched.wrapped)
    for temperature in (0, 0, 0.7):
        await ready(CHAT.ask(client, temperature=temperature))
    miss, hit, left_out = watched.attributes()
    assert {name: value for name, value in miss.items() if ".cache." in name} == {
        "tokeneff.cache.outcome": "miss",
        "tokeneff.cache.key": hit["tokeneff.cache.key"],
    }
    assert {name: value for name, value in left_out.items() if ".cache." in name} == {
        "tokeneff.cache.outcome": "bypass",
        "tokeneff.cache.why": "sampled",
    }
    told = {name: value for name, value in hit.items() if ".cache." in name}
    assert told.pop("tokeneff.cache.age") >= 0
    assert told.pop("tokeneff.cache.saved.seconds") >= 0
    assert len(told.pop("tokeneff.cache.key")) == 12
    assert told == {
        "tokeneff.cache.outcome": "hit",
        "tokeneff.cache.saved.input_tokens": 20,
        "tokeneff.cache.saved.output_tokens": 5,
        "tokeneff.cache.saved.cost_usd": COST[GPT] / 1e9,
    }
    assert not [name for name in hit if name.startswith(("gen_ai.usage.", "tokeneff.usage."))]
    assert (hit["tokeneff.cost.usd"], hit["tokeneff.cost.source"]) == (0.0, "cache")
    assert (hit["gen_ai.response.id"], hit["tokeneff.ending"]) == (miss["gen_ai.response.id"], "read")
    assert miss["gen_ai.usage.input_tokens"] == 20


async def test_metrics_count_what_was_used_and_what_was_saved(lab: Lab, watched: Watched) -> None:
    client = lab.client("openai", "sync", **watched.wrapped)
    for _ in range(3):
        CHAT.ask(client)
    CHAT.ask(client, temperature=0.7)
    assert watched.sums("tokeneff.cache.calls", "tokeneff.cache.outcome", "gen_ai.request.model") == {
        ("miss", GPT): 1,
        ("hit", GPT): 2,
        ("bypass", GPT): 1,
    }
    assert watched.sums("tokeneff.cache.saved.cost", "tokeneff.cache.outcome") == {
        ("hit",): pytest.approx(2 * COST[GPT] / 1e9)
    }
    assert watched.sums("tokeneff.cache.saved.tokens", "gen_ai.token.type") == {("input",): 40, ("output",): 10}
    assert watched.sums("gen_ai.client.token.usage", "gen_ai.token.type") == {("input",): 40, ("output",): 10}
    assert watched.sums("gen_ai.client.inference.usage.input_tokens") == {(): 40}
    assert watched.sums("tokeneff.client.cost") == {(): pytest.approx(2 * COST[GPT] / 1e9)}
    assert watched.sums("tokeneff.client.unpriced_calls") == {}
    durations = watched.counts("gen_ai.client.operation.duration", "tokeneff.cache.outcome")
    assert durations == {(None,): 2, ("hit",): 2}, "who waits for a provider can be told from who does not"


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_the_ledger_and_its_report_count_a_hit_as_a_saving(lab: Lab, tmp_path: Path, flavour: str) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    with tokeneff.Ledger(url) as ledger:
        client = lab.client("openai", flavour, ledger=ledger)
        for temperature in (0, 0, 0, 0.7):
            await ready(CHAT.ask(client, temperature=temperature))
        await read(CHAT.ask(client, stream=True))
        assert said() == ("hit", "")
    from tokeneff.report import report

    made = report(url)
    assert [row for row in made.decisions if row.policy == "cache"] == [
        ("cache", "hit", 3, 3 * COST[GPT], 0),
        ("cache", "bypass: sampled", 1, 0, 0),
        ("cache", "miss", 1, 0, 0),
    ]
    total = made.total
    assert (total.calls, total.input_tokens, total.output_tokens, total.cost) == (5, 40, 10, 2 * COST[GPT])
    assert made.unpriced == ()


async def test_last_is_of_this_task_and_thread(lab: Lab) -> None:
    client = lab.client("openai", "async")
    assert tokeneff.last() is None

    async def ask(text: str) -> str:
        await CHAT.ask(client, messages=[{"role": "user", "content": text}])
        await asyncio.sleep(0.01)
        call = tokeneff.last(client)
        assert call is not None
        assert call.id is not None
        return call.id

    ids = await asyncio.gather(*(ask(f"question {number}") for number in range(5)))
    assert len(set(ids)) == 5
    assert tokeneff.last() is None, "their calls are theirs"
    blocking = lab.client("openai", "sync", tokeneff.Cache("memory://elsewhere"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(CHAT.ask, blocking).result()
    assert tokeneff.last() is None
    CHAT.ask(blocking, model="gpt-4.1")
    call = tokeneff.last()
    assert call is not None
    assert call.model == "gpt-4.1"
    await CHAT.ask(client)
    assert [tokeneff.last(one).model for one in (client, blocking)] == [GPT, "gpt-4.1"]  # pyright: ignore


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_last_of_a_stream_is_there_when_it_is_over(lab: Lab, flavour: str, tmp_path: Path) -> None:
    budget = tokeneff.Budget(usd=1)
    client = lab.client("openai", flavour, budget=budget, store=f"sqlite:///{tmp_path / 'b.db'}", tracer_provider=None)
    stream = await ready(CHAT.ask(client, stream=True))
    assert tokeneff.last() is None
    await read(stream)
    call = tokeneff.last()
    assert call is not None
    assert (call.ending, call.served.said if call.served else "") == ("read", "miss")
    assert call.first_chunk is not None


async def test_last_without_a_cache_tells_what_a_call_cost(lab: Lab) -> None:
    client = tokeneff.wrap(lab.bare("openai", "sync"))
    CHAT.ask(client)
    call = tokeneff.last()
    assert call is not None
    assert (call.model, call.operation, call.nano_usd, call.served) == (GPT, "chat", COST[GPT], None)
    assert call.usd == COST[GPT] / 1e9
    with pytest.raises(tokeneff.UnsupportedClient, match=r"last\(\) takes a client that wrap\(\) returned"):
        tokeneff.last(lab.bare("openai", "sync"))


async def test_last_holds_on_to_no_message(lab: Lab) -> None:
    client = lab.client("openai", "sync")
    CHAT.ask(client)
    CHAT.ask(client)
    told = repr(tokeneff.last())
    assert ASKED[0]["content"] not in told
    assert "Once upon" not in told


async def test_replies_are_listed_by_what_they_were_kept_for(lab: Lab) -> None:
    client = lab.client("openai", "sync", {"by": "tenant"})
    with tokeneff.tag(tenant="acme", feature="search"):
        CHAT.ask(client)
    settled()
    from tokeneff.cache._place import place_of

    place = place_of(tokeneff.Cache(lab.url))
    assert place is not None
    (entry,) = place.store.entries()
    assert entry.labels == (GPT, "tenant=acme", (("feature", "search"), ("tenant", "acme")))
    assert json.dumps(entry.key.hex())[1:13] == tokeneff.last().served.key  # pyright: ignore
