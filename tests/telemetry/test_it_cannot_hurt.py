"""A fault on our side, or in what the user gave us, is logged once, and the call goes on as if we were not there."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Sampler
from telemetry_lab import FLAVOURS, Flavour, Lab, listed, ready, run
from telemetry_shapes import ASKED, MODEL, SAID

import tokeneff
import tokeneff.tokens

by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)
SOAK = os.environ.get("TOKENEFF_SOAK") == "1"
CALLS, DROPPED = (100_000, 10_000) if SOAK else (2_000, 500)


class Boom(Exception):
    """What is raised in our way."""


def boom(*args: Any, **named: Any) -> Any:
    raise Boom("boom")


def provider_that_fails() -> Any:
    class Provider(TracerProvider):
        get_tracer = boom

    return {"tracer_provider": Provider(shutdown_on_exit=False)}


def tracer_that_fails() -> Any:
    class Tracer:
        start_span = boom
        start_as_current_span = boom

    class Provider(TracerProvider):
        def get_tracer(self, *args: Any, **named: Any) -> Any:
            return Tracer()

    return {"tracer_provider": Provider(shutdown_on_exit=False)}


def sampler_that_fails() -> Any:
    class Broken(Sampler):
        should_sample = boom

        def get_description(self) -> str:
            return "Broken"

    return {"tracer_provider": TracerProvider(sampler=Broken(), shutdown_on_exit=False)}


def processor_that_fails(method: str) -> Callable[[], Any]:
    def make() -> Any:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(type("Broken", (SpanProcessor,), {method: boom})())
        return {"tracer_provider": provider}

    return make


def meter_provider_that_fails() -> Any:
    class Provider(MeterProvider):
        get_meter = boom

    return {"meter_provider": Provider(shutdown_on_exit=False)}


FAULTS: dict[str, Callable[[], Any]] = {
    "tracer provider": provider_that_fails,
    "tracer": tracer_that_fails,
    "sampler": sampler_that_fails,
    "processor at the start": processor_that_fails("on_start"),
    "processor at the end": processor_that_fails("on_end"),
    "meter provider": meter_provider_that_fails,
}


@by_flavour
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_provider_that_fails(
    lab: Lab, fault: str, sdk: str, flavour: Flavour, caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = lab.client(sdk, flavour, **FAULTS[fault]()), lab.bare(sdk, flavour)

    async def work() -> list[Any]:
        return [await all_ways(client, sdk) for client in (ours, theirs)]

    with_us, without = await run(lab, flavour, work)

    assert with_us == without
    assert [(record.name, record.levelno) for record in ours_of(caplog)] == [("tokeneff", logging.WARNING)]
    assert tokeneff.usage(ours).total.calls in (0, 2)


def ours_of(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name.startswith("tokeneff")]


async def all_ways(client: Any, sdk: str) -> list[Any]:
    """The same things said to any client, without what differs from call to call."""
    if sdk == "openai":
        one = await ready(client.chat.completions.create(model=MODEL, messages=ASKED))
        many = await listed(await ready(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True)))
        return [one.choices[0].to_dict(), [chunk.choices[0].to_dict() for chunk in many]]
    one = await ready(client.messages.create(**SAID))
    many = await listed(await ready(client.messages.create(**SAID, stream=True)))
    return [one.content[0].to_dict(), [event.type for event in many]]


@by_flavour
async def test_an_exporter_that_fails(lab: Lab, flavour: Flavour) -> None:
    class Broken(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            raise Boom("boom")

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Broken()))
    client = lab.client("openai", flavour, tracer_provider=provider)

    assert await run(lab, flavour, lambda: all_ways(client, "openai"))
    assert tokeneff.usage(client).total.calls == 2


OURS = [
    ("tokeneff._client", "make_call"),
    ("tokeneff.telemetry", "start_attributes"),
    ("tokeneff.telemetry", "end_attributes"),
    ("tokeneff.telemetry.metrics.Instruments", "record"),
    ("tokeneff.totals.Totals", "add"),
    ("tokeneff.adapters.openai.OpenAIFamily", "site"),
    ("tokeneff.adapters.openai.OpenAIFamily", "endpoint"),
    ("tokeneff.adapters.openai.chat.ChatReader", "event"),
    ("tokeneff.adapters.openai.chat.ChatReader", "read_whole"),
    ("tokeneff.adapters.openai.chat.ChatReader", "result"),
    ("tokeneff.tokens", "estimate"),
    ("tokeneff._client", "attach"),
]


@by_flavour
@pytest.mark.parametrize(("place", "name"), OURS, ids=[".".join(pair) for pair in OURS])
async def test_a_fault_of_our_own(
    lab: Lab,
    place: str,
    name: str,
    flavour: Flavour,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = lab.client("openai", flavour), lab.bare("openai", flavour)
    monkeypatch.setattr(f"{place}.{name}", boom)

    async def work() -> list[Any]:
        return [await all_ways(client, "openai") for client in (ours, theirs)]

    with_us, without = await run(lab, flavour, work)

    assert with_us == without
    records = ours_of(caplog)
    assert 1 <= len(records) <= 2  # at most once for a whole reply and once for a stream
    assert "Boom" in caplog.text or "boom" in caplog.text


async def test_a_mask_and_a_reader_that_fail_cost_no_counts(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    client = lab.client("openai", capture_content=True, mask=boom)

    await all_ways(client, "openai")
    await all_ways(client, "openai")

    assert len(lab.spans) == 4
    assert all("gen_ai.usage.input_tokens" in (span.attributes or {}) for span in lab.spans)
    whats = [record.getMessage() for record in ours_of(caplog)]
    assert len(whats) == len(set(whats))
    assert whats


# -- memory


def objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def grown_by(work: Callable[[int], None], times: int) -> float:
    """Objects that are left for each time that work was done, once it had been done often enough to be warm."""
    work(100)
    before = objects()
    work(times)
    return (objects() - before) / times


def quiet_lab(lab: Lab) -> dict[str, Any]:
    """Providers that keep nothing, so that what is left is ours, with the costly work of spans done all the same."""
    lab.provider.close()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SpanProcessor())
    return {"tracer_provider": tracers}


def client_of_canned_replies(lab: Lab, sdk: str, *, stream: bool) -> Any:
    """A wrapped client whose replies come from memory: the fastest that a call can be."""
    tokeneff.tokens.counter().await_vocabulary(MODEL, 30)  # what is loaded once is no growth
    tokeneff.Prices().preload()
    body = _canned(lab, sdk, stream=stream)
    bases = [base.__module__.partition(".")[0] for base in type(lab.bare(sdk)._client).__mro__]
    http: Any = sys.modules[next(name for name in bases if name in ("httpx", "httpx2"))]
    kind = "text/event-stream" if stream else "application/json"

    class Chunks(http.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for line in body.split(b"\n\n"):
                yield line + b"\n\n"

    def answer(request: Any) -> Any:
        if not stream:
            return http.Response(200, headers={"content-type": kind}, content=body)
        return http.Response(200, headers={"content-type": kind}, stream=Chunks())

    options = {"http_client": http.Client(transport=http.MockTransport(answer)), "base_url": "http://mock/v1"}
    return lab.client(sdk, options=options, **quiet_lab(lab))


def _canned(lab: Lab, sdk: str, *, stream: bool) -> bytes:
    client = lab.bare(sdk)
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASKED, stream=stream)
    return raw.http_response.read()


def test_calls_leave_nothing_behind(lab: Lab) -> None:
    client = client_of_canned_replies(lab, "openai", stream=False)

    def work(times: int) -> None:
        for _ in range(times):
            client.chat.completions.create(model=MODEL, messages=ASKED)
        lab.metrics()

    assert grown_by(work, CALLS) < 0.05
    assert tokeneff.usage(client).total.calls == CALLS + 100


def test_dropped_streams_leave_nothing_behind(lab: Lab) -> None:
    from tokeneff import _reaper

    client = client_of_canned_replies(lab, "openai", stream=True)

    def work(times: int) -> None:
        for _ in range(times):
            stream = client.chat.completions.create(model=MODEL, messages=ASKED, stream=True)
            next(iter(stream))
            del stream
        gc.collect()
        lab.metrics()

    before = set(_reaper._runs)
    assert grown_by(work, DROPPED) < 0.2
    assert tokeneff.usage(client).total.calls == tokeneff.usage(client).total.cut == DROPPED + 100
    assert not set(_reaper._runs) - before


def test_tags_and_models_without_end_are_kept_in_bounded_memory(lab: Lab) -> None:
    client = client_of_canned_replies(lab, "openai", stream=False)

    def work(times: int) -> None:
        for number in range(times):
            with tokeneff.tag(user=f"u{number}"):
                client.chat.completions.create(model=MODEL, messages=ASKED)

    work(1_200)

    users = tokeneff.usage(client).tags["user"]
    assert len(users) <= 501
    assert sum(total.calls for total in users.values()) == 1_200


def test_a_log_handler_that_fails_is_not_our_undoing(lab: Lab) -> None:
    class Broken(logging.Handler):
        def emit(self, record: Any) -> None:
            raise Boom("boom")

    logger, handler = logging.getLogger("tokeneff"), Broken()
    logger.addHandler(handler)
    try:
        client = lab.client("openai", **FAULTS["sampler"]())
        with contextlib.closing(lab.provider):
            assert client.chat.completions.create(model=MODEL, messages=ASKED).choices
    finally:
        logger.removeHandler(handler)
