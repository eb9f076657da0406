"""The Anthropic SDK traces itself: beside us one span stands for a call, ours, and the trace goes on to the server."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tokeneff
from tokeneff.testing import FakeProvider, faults

pytestmark = pytest.mark.skipif(
    "open_telemetry" not in inspect.signature(anthropic.Anthropic.__init__).parameters,
    reason="this line of the Anthropic SDK makes no spans of its own",
)

NATIVE = "com.anthropic"
TALK: dict[str, Any] = {"model": "claude-x", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]}


class Spans:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def done(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def scopes(self) -> list[str]:
        return [span.instrumentation_scope.name if span.instrumentation_scope else "" for span in self.done]


@pytest.fixture
def fake() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """The global provider, of this test alone."""
    made = Spans()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", made.provider)
    return made


_clients: list[anthropic.Anthropic] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _clients:
        _clients.pop().close()


def bare(fake: FakeProvider, **options: Any) -> anthropic.Anthropic:
    made = anthropic.Anthropic(base_url=fake.anthropic_url, api_key="k", max_retries=1, **options)
    _clients.append(made)
    return made


def sent(fake: FakeProvider) -> str | None:
    """The last request's ``traceparent``."""
    return dict(fake.requests[-1].headers).get("traceparent")


def parent(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def create(client: Any) -> None:
    client.messages.create(**TALK)


def stream(client: Any) -> None:
    for _ in client.messages.create(**TALK, stream=True):
        pass


def helper(client: Any) -> None:
    with client.messages.stream(**TALK) as events:
        for _ in events:
            break


def refused(client: Any) -> None:
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(**TALK)


@pytest.mark.parametrize("ask", [create, stream, helper, refused])
def test_ours_stands_and_its_id_is_sent_where_theirs_would_be(
    spans: Spans, fake: FakeProvider, ask: Callable[[Any], None]
) -> None:
    if ask is refused:
        fake.queue(faults.bad_request("no"), faults.bad_request("no"))
    client = bare(fake)
    ask(client)
    assert spans.scopes()[0].startswith(NATIVE)
    assert sent(fake) == parent(spans.done[0])
    spans.exporter.clear()
    ask(tokeneff.wrap(client))
    assert spans.scopes() == ["tokeneff"]
    assert sent(fake) == parent(spans.done[0])


async def test_asynchronous_calls_too(spans: Spans, fake: FakeProvider) -> None:
    async with tokeneff.wrap(anthropic.AsyncAnthropic(base_url=fake.anthropic_url, api_key="k")) as client:
        await client.messages.create(**TALK)
        async for _ in await client.messages.create(**TALK, stream=True):
            pass
    assert spans.scopes() == ["tokeneff", "tokeneff"]
    assert [dict(request.headers)["traceparent"] for request in fake.requests] == [parent(s) for s in spans.done]


def test_the_same_provider_given_to_both(fake: FakeProvider) -> None:
    spans = Spans()
    client = bare(fake, open_telemetry={"tracer_provider": spans.provider})
    create(tokeneff.wrap(client, tracer_provider=spans.provider))
    assert spans.scopes() == ["tokeneff"]
    assert sent(fake) == parent(spans.done[0])


def test_what_the_client_says_of_its_tracing_is_unchanged(spans: Spans, fake: FakeProvider) -> None:
    client = bare(fake, open_telemetry={"propagation": False})
    wrapped = tokeneff.wrap(client)
    assert wrapped.open_telemetry == client.open_telemetry
    create(wrapped)
    assert (spans.scopes(), sent(fake)) == (["tokeneff"], None)
    create(client)
    assert sent(fake) is None
    create(tokeneff.unwrap(wrapped))
    assert [scope.startswith(NATIVE) for scope in spans.scopes()] == [False, True, True]


def test_switched_off_it_stays_off(spans: Spans, fake: FakeProvider) -> None:
    client = bare(fake, open_telemetry=False)
    create(tokeneff.wrap(client))
    with_ours = sent(fake)
    create(client)
    assert (spans.scopes(), with_ours) == (["tokeneff"], sent(fake))


def test_a_provider_given_to_the_client_alone_keeps_its_spans(spans: Spans, fake: FakeProvider) -> None:
    theirs = Spans()
    create(tokeneff.wrap(bare(fake, open_telemetry={"tracer_provider": theirs.provider})))
    assert spans.scopes() == ["tokeneff"]
    assert [scope.startswith(NATIVE) for scope in theirs.scopes()] == [True]


def test_where_nobody_has_a_provider_nothing_is_sent(fake: FakeProvider) -> None:
    client = bare(fake)
    create(client)
    alone = sent(fake)
    create(tokeneff.wrap(client))
    assert (alone, sent(fake)) == (None, None)


def test_native_spans_stay_where_we_have_no_provider(fake: FakeProvider) -> None:
    theirs = Spans()
    create(tokeneff.wrap(bare(fake, open_telemetry={"tracer_provider": theirs.provider})))
    assert [scope.startswith(NATIVE) for scope in theirs.scopes()] == [True]
    assert sent(fake) == parent(theirs.done[0])
