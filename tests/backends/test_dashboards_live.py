"""Every query of the shipped dashboard and alert rules, answered by a Prometheus that scrapes calls under budgets."""

from __future__ import annotations

import json
import os
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from backends_replay import until

import tokeneff
from tokeneff import Budget
from tokeneff.testing import FakeProvider, Reply, Usage, faults

sys.path.insert(0, str(Path(__file__).parent.parent / "dashboards"))
from dashboards_queries import queries

pytestmark = [pytest.mark.backends]
ROUNDS = 8
"""Of calls, a second and more apart, so that each scrape finds something new."""
SYSTEM = "You answer in one word, and always in the language in which you were asked. " * 400
Ask = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def ask(prometheus_url: str, prometheus_targets: str) -> Iterator[Ask]:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import CollectorRegistry, start_http_server

    registry, run = CollectorRegistry(), f"dashboards-{uuid.uuid4().hex}"
    meters = MeterProvider([PrometheusMetricReader(registry=registry)], shutdown_on_exit=False)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    targets = Path(prometheus_targets)
    _write(targets, [{"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"run": run}}])
    with ExitStack() as stack:
        http = stack.enter_context(httpx.Client(base_url=prometheus_url, timeout=60, trust_env=False))
        provider = stack.enter_context(FakeProvider())

        def ask(query: str) -> list[dict[str, Any]]:
            answer = http.get("/api/v1/query", params={"query": query}).json()
            assert answer["status"] == "success", answer
            return answer["data"]["result"]

        assert until(lambda: ask(f'up{{run="{run}"}}'), lambda found: bool(found and found[0]["value"][1] == "1"))
        stack.callback(_write, targets, [])
        calls = Calls(provider, meters)
        stack.callback(calls.close)
        for _ in range(ROUNDS):
            calls.round()
            time.sleep(1.5)
        yield ask
    server.shutdown()
    server.server_close()
    thread.join()
    meters.shutdown()


def _write(targets: Path, content: list[Any]) -> None:
    draft = targets.with_name(targets.name + ".draft")
    draft.write_text(json.dumps(content))
    os.replace(draft, targets)


class Calls:
    """Clients under budgets, and calls of every kind that the dashboard shows."""

    def __init__(self, provider: FakeProvider, meters: Any) -> None:
        import anthropic
        import openai

        self.provider = provider
        bare = openai.OpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)
        claude = anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k")
        self.openai = tokeneff.wrap(
            bare,
            meter_provider=meters,
            store="memory://dashboards",
            budget=[
                Budget(usd=1, per="day"),
                Budget(usd=0.08, per="hour", by="user"),
                Budget(requests=3, per="total", then="shadow", name="watched"),
                Budget(tokens=100_000, per="total", name="held up", by="feature"),
            ],
        )
        self.anthropic = tokeneff.wrap(claude, meter_provider=meters)
        self.free = tokeneff.wrap(bare, meter_provider=meters)
        self.away = tokeneff.wrap(
            bare,
            meter_provider=meters,
            budget=Budget(usd=5, name="away"),
            store="redis://127.0.0.1:1/0",
            on_store_error="closed",
        )
        self.stream: Any = None

    def round(self) -> None:
        """A few calls, of which later ones are refused. So replies are not queued: each call is to have its own."""
        asked = [{"role": "user", "content": "Say a word."}]
        usage = Usage(input_tokens=2_000, output_tokens=1_000, cache_read=1_024, reasoning=64)
        self.provider.default = Reply(text="word", usage=usage)
        with tokeneff.tag(user="u1", feature="words"):
            self._try(self.openai, model="gpt-4.1", messages=asked, max_tokens=5_000)
        self.provider.default = Reply(text="Here is one: word.", usage=usage)
        with tokeneff.tag(user="u2", feature="words"):
            options = {"stream": True, "stream_options": {"include_usage": True}}
            reply = self._try(self.openai, model="gpt-4.1-mini", messages=asked, max_tokens=50, **options)
            list(reply or ())
        self.provider.default = Reply(text="word", usage=usage)
        self._try(self.free, model="in-house-70b", messages=asked)
        self.provider.default = faults.bad_request("no")
        self._try(self.free, model="gpt-4.1-mini", messages=asked)
        self._try(self.away, model="gpt-4.1-mini", messages=asked)
        written = Usage(input_tokens=6_400, output_tokens=2, cache_write=6_000)  # again and again, and never read
        system = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]
        self.provider.default = Reply(text="word", usage=written)
        with tokeneff.tag(session="s1"):
            self.anthropic.messages.create(model="claude-haiku-4-5", max_tokens=50, system=system, messages=asked)
        self.provider.default = Reply(text="word", usage=Usage(input_tokens=2_000, output_tokens=100_000))
        self._try(self.free, model="gpt-4.1", messages=asked)
        if self.stream is None:  # on its way until the end, with what it may cost
            self.provider.default = faults.slow_chunks(60, Reply(text="a long one", usage=usage))
            with tokeneff.tag(user="u3", feature="long"):
                held = {"max_completion_tokens": 60_000, "stream": True}
                self.stream = self._try(self.openai, model="gpt-5-nano", messages=asked, **held)

    def _try(self, client: Any, **request: Any) -> Any:
        import openai

        try:
            return client.chat.completions.create(**request)
        except (tokeneff.BudgetExceeded, openai.BadRequestError):
            return None

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()


def now(query: str) -> str:
    """A query of what takes a day or a minute to come about, of what is there after seconds."""
    query = re.sub(r" offset \w+", "", query)
    return re.sub(r"> (?:10|60)\s*$", ">= 0", query)


@pytest.mark.parametrize(("where", "query"), queries().items(), ids=list(queries()))
def test_every_query_is_answered(ask: Ask, where: str, query: str) -> None:
    found = ask(now(query))
    assert found, f"{where}: nothing is found by {now(query)}"
    values = [float(series["value"][1]) for series in found]
    assert all(value == value for value in values), f"{where}: {values}"  # not NaN


@pytest.mark.parametrize(("name", "label"), [("model", "gen_ai_request_model"), ("budget", "tokeneff_budget_name")])
def test_variables_have_values(ask: Ask, name: str, label: str) -> None:
    series = {"model": "gen_ai_client_operation_duration_seconds_count", "budget": "tokeneff_budget_limit"}[name]
    values = {one["metric"].get(label) for one in ask(f"group by ({label}) ({series})")}
    wanted = {
        "model": {"gpt-4.1", "gpt-4.1-mini", "in-house-70b", "claude-haiku-4-5"},
        "budget": {"day", "hour by user", "watched", "held up"},
    }[name]
    assert wanted <= values


def test_gauges_are_what_the_store_says(ask: Ask) -> None:
    from tokeneff.stores import open_store

    told = {
        (one["metric"]["tokeneff_budget_name"], one["metric"].get("tokeneff_budget_scope", "")): float(one["value"][1])
        for one in ask(
            'max by (tokeneff_budget_name, tokeneff_budget_scope) (tokeneff_budget_spent{tokeneff_budget_unit="usd"})'
        )
    }
    stored = {
        (state.budget, state.scope): state.balance.spent.usd / 1e9
        for state in open_store("memory://dashboards").states()
        if state.balance.limits.usd is not None
    }
    assert {key: told.get(key) for key in stored} == stored
    assert stored["hour by user", "user=u1"] > 0
