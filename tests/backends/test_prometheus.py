"""Prometheus: what it answers, once it has scraped the metrics of a replay from this process."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from backends_replay import OWN, RECORDED, RECORDED_FILES, Sent, grouped, replay, summed, until

import tokeneff

pytestmark = [
    pytest.mark.backends,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of models that the SDKs know to be old
]
# A counter of the conventions' main line to our name of what it counts.
COUNTERS = {
    "gen_ai_client_inference_usage_input_tokens_total": "input_tokens",
    "gen_ai_client_inference_usage_output_tokens_total": "output_tokens",
    "gen_ai_client_inference_usage_cache_read_input_tokens_total": "cache_read",
    "gen_ai_client_inference_usage_cache_write_input_tokens_total": "cache_write",
    "gen_ai_client_inference_usage_reasoning_output_tokens_total": "reasoning",
}


@dataclass(frozen=True, slots=True)
class Scraped:
    sent: list[Sent]
    usages: list[tokeneff.Usage]
    ask: Callable[..., dict[tuple[str, ...], float]]
    """A PromQL query to the values it gives, by the values of the labels named."""

    def total(self, name: str) -> int:
        return sum(getattr(usage.total, name) for usage in self.usages)


@pytest.fixture(scope="module")
def scraped(prometheus_url: str, prometheus_targets: str) -> Iterator[Scraped]:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CollectorRegistry, start_http_server

    registry, run = CollectorRegistry(), f"replay-{uuid.uuid4().hex}"
    reader = PrometheusMetricReader(registry=registry)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    files = [OWN, *(path for name in RECORDED_FILES if (path := RECORDED / f"{name}.jsonl").exists())]
    sent: list[Sent] = []
    usages: list[tokeneff.Usage] = []
    for path in files:
        made, clients = replay(
            path, run, lambda client: tokeneff.wrap(client, meter_provider=provider, metric_tags=("feature",))
        )
        sent += made
        usages += [tokeneff.usage(client) for client in clients]
    server, thread = start_http_server(0, "127.0.0.1", registry)
    targets = Path(prometheus_targets)
    draft = targets.with_name(targets.name + ".draft")
    draft.write_text(json.dumps([{"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"run": run}}]))
    os.replace(draft, targets)
    with httpx.Client(base_url=prometheus_url, timeout=60, trust_env=False) as http:

        def ask(query: str, *labels: str) -> dict[tuple[str, ...], float]:
            query = query.replace("RUN", f'run="{run}"')
            answer = http.get("/api/v1/query", params={"query": query}).json()
            assert answer["status"] == "success", answer
            return {
                tuple(series["metric"].get(label, "") for label in labels): float(series["value"][1])
                for series in answer["data"]["result"]
            }

        assert until(lambda: ask("up{RUN}"), lambda found: found == {(): 1.0}) == {(): 1.0}
        yield Scraped(sent, usages, ask)
    targets.write_text("[]")
    server.shutdown()
    server.server_close()
    thread.join()
    provider.shutdown()


def by(sent: list[Sent], key: Callable[[Sent], Any], name: str) -> dict[tuple[str, ...], float]:
    return {
        group if isinstance(group, tuple) else (group,): float(sums)
        for group, calls in grouped(sent, key).items()
        if (sums := summed(calls)[name])
    }


def test_token_usage_is_that_of_usage(scraped: Scraped) -> None:
    sums = summed(scraped.sent)
    told = scraped.ask("sum by (gen_ai_token_type) (gen_ai_client_token_usage_sum{RUN})", "gen_ai_token_type")
    assert told == {("input",): sums["input_tokens"], ("output",): sums["output_tokens"]}
    assert told == {("input",): scraped.total("input_tokens"), ("output",): scraped.total("output_tokens")}
    everything = scraped.ask("sum(gen_ai_client_token_usage_sum{RUN})")
    assert everything == {(): sums["input_tokens"] + sums["output_tokens"]}


def test_token_usage_by_model(scraped: Scraped) -> None:
    for kind in ("input", "output"):
        query = f'sum by (gen_ai_response_model) (gen_ai_client_token_usage_sum{{RUN,gen_ai_token_type="{kind}"}})'
        assert scraped.ask(query, "gen_ai_response_model") == by(scraped.sent, lambda s: s.model, f"{kind}_tokens")


def test_a_tag_is_a_dimension(scraped: Scraped) -> None:
    query = 'sum by (tokeneff_tag_feature) (gen_ai_client_token_usage_sum{RUN,gen_ai_token_type="input"})'
    told = scraped.ask(query, "tokeneff_tag_feature")
    assert told == by(scraped.sent, lambda sent: sent.feature or "", "input_tokens")
    assert {feature: told[(feature,)] for feature in ("support", "puzzles", "travel", "plans")} == {
        "support": 4_234,
        "puzzles": 58,
        "travel": 6_691,
        "plans": 300,
    }


@pytest.mark.parametrize(("counter", "name"), COUNTERS.items())
def test_counters_of_the_main_line(scraped: Scraped, counter: str, name: str) -> None:
    assert scraped.ask(f"sum({counter}{{RUN}})") == {(): summed(scraped.sent)[name]} == {(): scraped.total(name)}
    told = scraped.ask(f"sum by (gen_ai_request_model) ({counter}{{RUN}})", "gen_ai_request_model")
    assert told == by(scraped.sent, lambda sent: sent.model, name)


@pytest.mark.parametrize("dialect", ["operation", "inference"])
def test_histograms_count_the_calls(scraped: Scraped, dialect: str) -> None:
    calls, streams = len(scraped.sent), sum(sent.streamed for sent in scraped.sent)
    named = f"gen_ai_client_{dialect}" if dialect == "operation" else "gen_ai_client_inference"
    assert scraped.ask(f"sum({named}_duration_seconds_count{{RUN}})") == {(): calls} == {(): scraped.total("calls")}
    assert scraped.ask(f'sum({named}_duration_seconds_bucket{{RUN,le="+Inf"}})') == {(): calls}
    assert scraped.ask(f"sum({named}_time_to_first_chunk_seconds_count{{RUN}})") == {(): streams}


def test_histograms_of_tokens(scraped: Scraped) -> None:
    calls = len(scraped.sent)
    for kind in ("input", "output"):
        own = f'gen_ai_client_token_usage_count{{RUN,gen_ai_token_type="{kind}"}}'
        assert scraped.ask(f"sum({own})") == {(): calls}
        histogram = f"gen_ai_client_inference_operation_{kind}_tokens"
        assert scraped.ask(f"sum({histogram}_count{{RUN}})") == {(): calls}
        assert scraped.ask(f"sum({histogram}_sum{{RUN}})") == {(): summed(scraped.sent)[f"{kind}_tokens"]}
        under = sum(getattr(sent.usage, f"{kind}_tokens") <= 1024 for sent in scraped.sent)
        assert scraped.ask(f'sum({histogram}_bucket{{RUN,le=~"1024(.0)?"}})') == {(): under}
