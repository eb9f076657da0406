"""One process with another instrumentor in it: clients wrapped before and after it came, and all that is exported."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import anthropic
import openai
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tokeneff
from tokeneff.testing import FakeProvider

ORDERS = ("wrap, instrument", "instrument, wrap")
DURATION = "gen_ai.client.operation.duration"
USAGE = "gen_ai.client.token.usage"


class Clients(NamedTuple):
    """A client of each kind."""

    openai: Any
    openai_async: Any
    anthropic: Any
    anthropic_async: Any


class Lab:
    """Where the calls of one test file are made. Peers patch for good: one lab, one process."""

    def __init__(self) -> None:
        self.provider = FakeProvider()
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.loop = asyncio.new_event_loop()
        self.sets: dict[str, Clients] = {}

    def use_providers(self) -> None:
        """Make the global providers, for a peer that does not make its own."""
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(self.processor())
        trace.set_tracer_provider(tracers)
        metrics.set_meter_provider(MeterProvider([self.reader], shutdown_on_exit=False))

    def processor(self) -> SimpleSpanProcessor:
        return SimpleSpanProcessor(self.exporter)

    def bare(self) -> Clients:
        """Clients as their SDKs make them."""
        chat: dict[str, Any] = {"base_url": self.provider.openai_url, "api_key": "k", "max_retries": 1}
        talk: dict[str, Any] = {"base_url": self.provider.anthropic_url, "api_key": "k", "max_retries": 1}
        return Clients(
            openai.OpenAI(**chat),
            openai.AsyncOpenAI(**chat),
            anthropic.Anthropic(**talk),
            anthropic.AsyncAnthropic(**talk),
        )

    def beside(self, instrument: Callable[[], Any]) -> None:
        """Have the peer instrument, and wrap clients before it and after it."""
        self.use_providers()
        early, unwrapped = wrapped(self.bare()), self.bare()
        instrument()
        self.sets = dict(zip(ORDERS, (early, wrapped(unwrapped)), strict=True))
        gc.collect()
        gc.freeze()  # what is here now stays, and need not be looked through for every dropped stream

    def run(self, made: Any) -> None:
        """Finish a call that is perhaps to be awaited."""
        if isinstance(made, Coroutine):
            self.loop.run_until_complete(made)

    # -- what was exported

    def reset(self) -> None:
        self.exporter.clear()
        self.reader.get_metrics_data()

    def spans(self, *, wait: bool = False) -> list[ReadableSpan]:
        """What has been exported; endings that the collector finds may take a moment."""
        deadline = time.monotonic() + (3 if wait else 0)
        while True:
            if wait:
                gc.collect()
                self.loop.run_until_complete(asyncio.sleep(0))  # the loop closes dropped asynchronous generators
            found = [span for span in self.exporter.get_finished_spans() if not _is_log(span)]
            if found or time.monotonic() > deadline:
                break
            time.sleep(0.01)
        if wait:
            time.sleep(0.04)
            found = [span for span in self.exporter.get_finished_spans() if not _is_log(span)]
        return found

    def counts(self) -> dict[str, int]:
        """How often each metric has been recorded, by anybody, since it was last asked (cumulative)."""
        data = self.reader.get_metrics_data()
        found: dict[str, int] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        found[metric.name] = found.get(metric.name, 0) + getattr(point, "count", 0)
        return found

    def close(self) -> None:
        for clients in self.sets.values():
            clients.openai.close()
            clients.anthropic.close()
            self.loop.run_until_complete(clients.openai_async.close())
            self.loop.run_until_complete(clients.anthropic_async.close())
        self.loop.close()
        self.provider.close()


def use_logfire(lab: Lab) -> Any:
    """Have Logfire make the global providers, with what it gathers given to ``lab``."""
    import logfire

    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[lab.processor()],
        metrics=logfire.MetricsOptions(additional_readers=[lab.reader]),
    )
    return logfire


def wrapped(clients: Clients, **arguments: Any) -> Clients:
    return Clients(*(tokeneff.wrap(client, **arguments) for client in clients))


def _is_log(span: ReadableSpan) -> bool:
    """Logfire's logs are spans of no duration, beside the span of the call that they tell of."""
    return (span.attributes or {}).get("logfire.span_type") in ("log", "pending_span")
