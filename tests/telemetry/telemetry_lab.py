"""A laboratory for one test: a fake provider, clients wrapped to in-memory exporters, and what was exported."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from importlib import import_module
from typing import Any, Literal

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

import tokeneff
from tokeneff.testing import FakeProvider

Flavour = Literal["sync", "async"]
FLAVOURS: tuple[Flavour, ...] = ("sync", "async")


class Between:
    """Equal to any number within bounds: a time that nobody can know beforehand."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (int, float)) and self.low <= other <= self.high

    def __hash__(self) -> int:
        return hash((self.low, self.high))

    def __repr__(self) -> str:
        return f"Between({self.low}, {self.high})"


class AnyText:
    """Equal to any non-empty text."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other != ""

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "AnyText()"


SECONDS = Between(0.0, 60.0)
SOME_TEXT = AnyText()


class SeesAll(Sampler):
    """Keeps every span, and what it was shown of each at its start."""

    def __init__(self, decision: Decision = Decision.RECORD_AND_SAMPLE) -> None:
        self.decision = decision
        self.seen: list[tuple[str, Any, dict[str, Any]]] = []

    def should_sample(
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        self.seen.append((name, kind, dict(attributes or {})))
        return SamplingResult(self.decision, attributes)

    def get_description(self) -> str:
        return "SeesAll"


class Lab:
    """Everything that a test of telemetry needs, and that it looks at afterwards."""

    def __init__(self) -> None:
        self.provider = FakeProvider()
        self.sampler = SeesAll()
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider(sampler=self.sampler, shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self._clients: list[tuple[Flavour, Any]] = []

    # -- clients

    def client(self, sdk: str, flavour: Flavour = "sync", *, options: dict[str, Any] | None = None, **wrap: Any) -> Any:
        """A wrapped client of an SDK that talks to the fake provider."""
        wrap = {"tracer_provider": self.tracers, "meter_provider": self.meters, **wrap}
        return tokeneff.wrap(self.bare(sdk, flavour, **(options or {})), **wrap)

    def bare(self, sdk: str, flavour: Flavour = "sync", **options: Any) -> Any:
        """The same client before it is wrapped; closed with the laboratory."""
        given: dict[str, Any] = {"base_url": self.url(sdk), "api_key": "k", "max_retries": 2, **options}
        if "http_client" not in given:
            given["http_client"] = http_client(sdk, flavour)
        made = client_class(sdk, flavour)(**given)
        self._clients.append((flavour, made))
        return made

    def url(self, sdk: str) -> str:
        return self.provider.openai_url if sdk == "openai" else self.provider.anthropic_url

    async def aclose(self) -> None:
        """Close what is asynchronous, in the loop that used it."""
        for flavour, made in self._clients:
            if flavour == "async":
                await made.close()
        self._clients = [pair for pair in self._clients if pair[0] == "sync"]

    def close(self) -> None:
        for _, made in self._clients:
            made.close()
        self.tracers.shutdown()
        self.meters.shutdown()
        self.provider.close()

    # -- what was exported

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def span(self) -> ReadableSpan:
        """The one span there is."""
        spans = self.spans
        assert len(spans) == 1, [(span.name, dict(span.attributes or {})) for span in spans]
        return spans[0]

    @property
    def attributes(self) -> dict[str, Any]:
        return plain_attributes(self.span)

    def metrics(self) -> dict[str, Any]:
        """Metrics by name, as now collected."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def sums(self, name: str) -> list[tuple[dict[str, Any], float, int]]:
        """``(attributes, sum or value, count)`` of each series of a metric."""
        metric = self.metrics().get(name)
        return [] if metric is None else [series(point) for point in metric.data.data_points]


def series(point: Any) -> tuple[dict[str, Any], float, int]:
    if hasattr(point, "bucket_counts"):
        return dict(point.attributes), point.sum, point.count
    return dict(point.attributes), point.value, 1


def plain_attributes(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes, but for those of its account, which have tests of their own (tests/accounts)."""
    return {key: value for key, value in all_attributes(span).items() if not key.startswith(ACCOUNT)}


def all_attributes(span: ReadableSpan) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in dict(span.attributes or {}).items()
    }


ACCOUNT = (
    "tokeneff.usage.input.",
    "tokeneff.usage.output.",
    "tokeneff.usage.scale",
    "tokeneff.usage.stale_tokens",
    "tokeneff.prompt.",
    "tokeneff.prefix.",
    "tokeneff.cost.",
    "tokeneff.session.id",
)


def client_class(sdk: str, flavour: Flavour) -> Any:
    if sdk == "openai":
        import openai

        return openai.OpenAI if flavour == "sync" else openai.AsyncOpenAI
    import anthropic

    return anthropic.Anthropic if flavour == "sync" else anthropic.AsyncAnthropic


def http_client(sdk: str, flavour: Flavour) -> Any:
    """The SDK's own kind of http client, spared the reading of certificates, which takes longer than a test."""
    module = import_module(sdk)  # and not both: a process takes seconds for one
    kind = module.DefaultHttpxClient if flavour == "sync" else module.DefaultAsyncHttpxClient
    return kind(verify=False)


# -- one way of writing for both flavours


async def ready(value: Any) -> Any:
    """What a call gave, or what awaiting it gives."""
    return await value if inspect.isawaitable(value) else value


OVER = object()


async def after(items: Any) -> Any:
    """The next of an iterator of either flavour, or ``OVER``."""
    if not hasattr(items, "__anext__"):
        return next(items, OVER)
    try:
        return await items.__anext__()
    except StopAsyncIteration:
        return OVER


async def each(items: Any) -> AsyncIterator[Any]:
    """All of an iterable of either flavour."""
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def listed(items: Any) -> list[Any]:
    return [item async for item in each(items)]


def run_blocking(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that awaits nothing, without any event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    finally:
        work.close()
    raise AssertionError("a blocking client was awaited")


async def run(lab: Lab, flavour: Flavour, work: Callable[[], Awaitable[Any]]) -> Any:
    """Run work of either flavour, and close the laboratory's asynchronous clients in its loop."""
    if flavour == "sync":
        return run_blocking(work())  # type: ignore[arg-type]
    try:
        return await work()
    finally:
        await lab.aclose()
