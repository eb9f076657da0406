"""Asking for usage on streams: the host is asked, and the caller sees the stream of a bare client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

import openai
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from probing.comparing import differences
from probing.kinds import HTTP_MODULES
from probing.observing import observe

import tokeneff

Compared = Callable[[str, int], None]
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}


class Host:
    """A host that gives usage on streams when asked, as api.openai.com does; replies by ``content=`` or in pieces."""

    def __init__(self, module: Any, awaiting: bool, in_pieces: bool) -> None:
        self.module = module
        self.awaiting = awaiting
        self.in_pieces = in_pieces
        self.bodies: list[bytes] = []

    def client(self, **more: Any) -> Any:
        transport = self.module.MockTransport(self.aanswer if self.awaiting else self.answer)
        http = (self.module.AsyncClient if self.awaiting else self.module.Client)(transport=transport)
        kind = openai.AsyncOpenAI if self.awaiting else openai.OpenAI
        return kind(api_key="key", base_url="https://api.openai.com/v1", http_client=http, **more)

    def answer(self, request: Any) -> Any:
        body = request.read() if not self.awaiting else request.content
        self.bodies.append(body)
        asked = (json.loads(body).get("stream_options") or {}).get("include_usage", False)
        pieces = [f"data: {line}\n\n".encode() for line in (*map(json.dumps, chunks(asked)), "[DONE]")]
        headers = {"content-type": "text/event-stream", "x-request-id": "req_1"}
        if not self.in_pieces:
            return self.module.Response(200, headers=headers, content=b"".join(pieces))
        return self.module.Response(
            200, headers=headers, content=self.apieces(pieces) if self.awaiting else iter(pieces)
        )

    async def aanswer(self, request: Any) -> Any:
        await request.aread()
        return self.answer(request)

    async def apieces(self, pieces: list[bytes]) -> Any:
        for piece in pieces:
            await asyncio.sleep(0)
            yield piece


def chunks(asked: bool) -> list[dict[str, Any]]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4.1"}
    null = {"usage": None} if asked else {}
    said = [{"role": "assistant", "content": ""}, {"content": "Hel"}, {"content": "lo"}]
    made = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **null} for delta in said]
    made.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **null})
    return [*made, {**head, "choices": [], "usage": USAGE}] if asked else made


async def read(client: Any, **more: Any) -> list[Any]:
    made = client.chat.completions.create(model="gpt-4.1", messages=HELLO, stream=True, **more)
    stream = await made if asyncio.iscoroutine(made) else made
    if hasattr(stream, "__aiter__"):
        return [observe(chunk) async for chunk in stream]
    return [observe(chunk) for chunk in stream]


async def events(client: Any, **more: Any) -> list[Any]:
    manager = client.chat.completions.stream(model="gpt-4.1", messages=HELLO, **more)
    if hasattr(manager, "__aenter__"):
        async with manager as stream:
            seen = [observe(event) async for event in stream]
            return [*seen, observe(await stream.get_final_completion())]
    with manager as stream:
        return [*map(observe, stream), observe(stream.get_final_completion())]


def spans(exporter: InMemorySpanExporter) -> dict[str, Any]:
    (span,) = exporter.get_finished_spans()
    return dict(span.attributes or {})


def traced() -> tuple[TracerProvider, InMemorySpanExporter]:
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider, exporter


HOSTS = [
    pytest.param(
        name, awaiting, in_pieces, id=f"{name}-{'async' if awaiting else 'sync'}-{'pieces' if in_pieces else 'whole'}"
    )
    for name in HTTP_MODULES["openai"]
    for awaiting in (False, True)
    for in_pieces in (False, True)
]


@pytest.mark.parametrize(("module", "awaiting", "in_pieces"), HOSTS)
@pytest.mark.parametrize("way", [read, events])
async def test_usage_is_asked_for_and_kept_from_the_caller(
    module: str, awaiting: bool, in_pieces: bool, way: Any, compared: Compared
) -> None:
    host = Host(import_module(module), awaiting, in_pieces)
    bare = await way(host.client())
    provider, exporter = traced()
    client = tokeneff.wrap(host.client(), tracer_provider=provider)
    assert differences(bare, await way(client)) == []
    first, second = map(json.loads, host.bodies)
    assert second == {**first, "stream_options": {"include_usage": True}}
    assert list(second)[-1] == "stream_options"
    seen = spans(exporter)
    assert (seen["gen_ai.usage.input_tokens"], seen["gen_ai.usage.output_tokens"]) == (11, 3)
    assert seen["tokeneff.usage.source"] == "provider"
    total = tokeneff.usage(client).total
    assert (total.input_tokens, total.output_tokens, total.calls, total.estimated) == (11, 3, 1, 0)
    compared("openai", 1)


@pytest.mark.parametrize(("module", "awaiting", "in_pieces"), HOSTS)
async def test_off_leaves_the_request_alone(module: str, awaiting: bool, in_pieces: bool, compared: Compared) -> None:
    host = Host(import_module(module), awaiting, in_pieces)
    bare = await read(host.client())
    provider, exporter = traced()
    client = tokeneff.wrap(host.client(), tracer_provider=provider, stream_usage="off")
    assert differences(bare, await read(client)) == []
    assert host.bodies[0] == host.bodies[1]
    assert spans(exporter)["tokeneff.usage.source"] == "estimated"
    compared("openai", 1)


OWN: list[dict[str, Any]] = [
    {"stream_options": {"include_usage": True}},
    {"stream_options": {"include_usage": False}},
    {"stream_options": {}},
    {"stream_options": None},
    {"extra_body": {"stream_options": {"include_usage": True}}},
]


@pytest.mark.parametrize("own", OWN, ids=str)
@pytest.mark.parametrize(("module", "awaiting", "in_pieces"), HOSTS)
async def test_the_callers_own_options_win(
    module: str, awaiting: bool, in_pieces: bool, own: dict[str, Any], compared: Compared
) -> None:
    host = Host(import_module(module), awaiting, in_pieces)
    bare = await read(host.client(), **own)
    assert differences(bare, await read(tokeneff.wrap(host.client()), **own)) == []
    assert host.bodies[0] == host.bodies[1]
    compared("openai", 1)


@pytest.mark.parametrize(("module", "awaiting", "in_pieces"), HOSTS)
async def test_raw_streams_are_left_alone(module: str, awaiting: bool, in_pieces: bool, compared: Compared) -> None:
    host = Host(import_module(module), awaiting, in_pieces)

    async def raw(client: Any) -> list[Any]:
        completions = client.chat.completions
        made = completions.with_raw_response.create(model="gpt-4.1", messages=HELLO, stream=True)
        response = await made if asyncio.iscoroutine(made) else made
        stream = response.parse()
        if asyncio.iscoroutine(stream):
            stream = await stream
        seen = [observe(c) async for c in stream] if hasattr(stream, "__aiter__") else [observe(c) for c in stream]
        manager = completions.with_streaming_response.create(model="gpt-4.1", messages=HELLO, stream=True)
        if hasattr(manager, "__aenter__"):
            async with manager as response:
                return [*seen, await response.read()]
        with manager as response:
            return [*seen, response.read()]

    bare = await raw(host.client())
    assert differences(bare, await raw(tokeneff.wrap(host.client()))) == []
    assert host.bodies[:2] == host.bodies[2:]
    compared("openai", 2)


async def test_a_call_that_does_not_stream_is_left_alone(compared: Compared) -> None:
    module = import_module(HTTP_MODULES["openai"][0])
    bodies: list[bytes] = []

    def answer(request: Any) -> Any:
        bodies.append(request.read())
        return module.Response(200, json={"id": "x", "object": "chat.completion", "choices": [], "usage": USAGE})

    def client() -> Any:
        http = module.Client(transport=module.MockTransport(answer))
        return openai.OpenAI(api_key="key", base_url="https://api.openai.com/v1", http_client=http)

    replies = [one.chat.completions.create(model="m", messages=HELLO) for one in (client(), tokeneff.wrap(client()))]
    assert observe(replies[0]) == observe(replies[1])
    assert bodies[0] == bodies[1]
    compared("openai", 1)


async def test_the_callers_arguments_are_not_edited(compared: Compared) -> None:
    host = Host(import_module(HTTP_MODULES["openai"][0]), False, True)
    client = tokeneff.wrap(host.client())
    body = {"model": "gpt-4.1", "messages": HELLO, "stream": True}
    stream = client.post(
        "/chat/completions",
        body=body,
        cast_to=openai.types.chat.ChatCompletionChunk,
        stream=True,
        stream_cls=openai.Stream[openai.types.chat.ChatCompletionChunk],
    )
    assert len(list(stream)) == 4
    assert body == {"model": "gpt-4.1", "messages": HELLO, "stream": True}
    assert json.loads(host.bodies[0])["stream_options"] == {"include_usage": True}
    compared("openai", 1)


async def test_early_break_from_an_asked_stream(compared: Compared) -> None:
    host = Host(import_module(HTTP_MODULES["openai"][0]), False, True)
    provider, exporter = traced()
    with tokeneff.wrap(host.client(), tracer_provider=provider) as client:
        with client.chat.completions.create(model="gpt-4.1", messages=HELLO, stream=True) as stream:
            for chunk in stream:
                assert "usage" not in chunk.model_fields_set
                break
        assert stream.response.is_closed
    assert spans(exporter)["tokeneff.ending"] == "broken_off"
    assert spans(exporter)["tokeneff.usage.source"] == "estimated"
    compared("openai", 1)
