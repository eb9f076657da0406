"""The shapes of a call: every way in which users of the two SDKs ask something, and what its span has to say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from telemetry_lab import SECONDS, SOME_TEXT, Between, each, listed, ready

from tokeneff.testing import Reply, ToolCall, Usage

MODEL = "gpt-test"
CLAUDE = "claude-test"
ASKED: list[Any] = [{"role": "user", "content": "How many words are there?"}]

USAGE = Usage(input_tokens=100, output_tokens=20, cache_read=60, cache_write=15, reasoning=5)
TEXT = Reply(text="one two three", usage=USAGE, id="reply-1", model="model-2026", service_tier="default")
JSON = Reply(text='{"words": 3}', usage=USAGE, id="reply-1", model="model-2026", service_tier="default")
CALLS = Reply(
    tool_calls=(ToolCall("count", {"text": "x"}),),
    usage=USAGE,
    id="reply-1",
    model="model-2026",
    service_tier="default",
)


class Words(BaseModel):
    words: int


@dataclass(frozen=True)
class Open:
    """A reply that is still coming: what to iterate over, and how to be done with it."""

    items: Any
    close: Callable[[], Any]


@dataclass(frozen=True)
class Shape:
    """One way of asking. ``run`` is there for whole replies, ``start`` for streamed ones."""

    name: str
    sdk: str
    operation: str
    asked: dict[str, Any]
    """What the span says of the request."""
    got: dict[str, Any]
    """What the span says of the reply, when it was read to its end."""
    run: Callable[[Any], Awaitable[Any]] | None = None
    start: Callable[[Any], Awaitable[Open]] | None = None
    model: str | None = MODEL
    reply: Reply = TEXT
    typed: bool = True
    """Whether the SDK parses a stream's events; if not, the caller reads bytes."""
    method: str = "POST"
    counted: bool = True

    def __str__(self) -> str:
        return self.name

    @property
    def span_name(self) -> str:
        return f"{self.operation} {self.model}" if self.model else self.operation

    async def read(self, client: Any) -> Any:
        """Ask, and read all of the reply."""
        if self.run is not None:
            return await self.run(client)
        assert self.start is not None
        opened = await self.start(client)
        items = await listed(opened.items)
        await ready(opened.close())
        return items

    def at_start(self, port: int) -> dict[str, Any]:
        """The attributes that a sampler is shown."""
        found = {
            "gen_ai.operation.name": self.operation,
            "gen_ai.provider.name": self.sdk,
            "server.address": "127.0.0.1",
            "server.port": port,
        }
        return found | ({"gen_ai.request.model": self.model} if self.model else {})


COUNTS = {
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 60,
    "gen_ai.usage.cache_write.input_tokens": 15,
    "gen_ai.usage.reasoning.output_tokens": 5,
    "tokeneff.usage.source": "provider",
}
NO_COUNTS = {"tokeneff.usage.source": "unknown"}
STREAMED = {
    "gen_ai.response.time_to_first_chunk": SECONDS,
    "tokeneff.stream.duration": SECONDS,
    "tokeneff.stream.chunks": Between(4, 20),
    "tokeneff.output_tokens_per_second": Between(0.1, 1e9),
}
OF_OPENAI = {
    "gen_ai.response.id": "reply-1",
    "gen_ai.response.model": "model-2026",
    "gen_ai.response.finish_reasons": ["stop"],
    "openai.response.service_tier": "default",
}
OF_CHAT = OF_OPENAI | {"openai.response.system_fingerprint": "fp_fake"}
CHAT = {"openai.api.type": "chat_completions"}
RESPONSES = {"openai.api.type": "responses"}
STREAM = {"gen_ai.request.stream": True}
IS_JSON = {"gen_ai.output.type": "json"}
OF_CLAUDE = {
    "gen_ai.response.id": "reply-1",
    "gen_ai.response.model": "model-2026",
    "gen_ai.response.finish_reasons": ["end_turn"],
    "anthropic.response.service_tier": "default",
}

SHAPES: list[Shape] = []


def whole(
    name: str, sdk: str, operation: str, asked: dict[str, Any], got: dict[str, Any], **more: Any
) -> Callable[[Any], Any]:
    def register(run: Any) -> Any:
        SHAPES.append(Shape(name, sdk, operation, asked, got, run=run, **more))
        return run

    return register


def streamed(
    name: str, sdk: str, operation: str, asked: dict[str, Any], got: dict[str, Any], **more: Any
) -> Callable[[Any], Any]:
    def register(start: Any) -> Any:
        SHAPES.append(Shape(name, sdk, operation, asked, got, start=start, **more))
        return start

    return register


async def entered(manager: Any, items: Callable[[Any], Any]) -> Open:
    """Enter a context manager of either flavour."""
    if hasattr(manager, "__aenter__"):
        inside = await manager.__aenter__()
        return Open(items(inside), lambda: manager.__aexit__(None, None, None))
    inside = manager.__enter__()
    return Open(items(inside), lambda: manager.__exit__(None, None, None))


async def bare(stream: Any) -> Open:
    stream = await ready(stream)
    return Open(stream.__aiter__() if hasattr(stream, "__aiter__") else iter(stream), stream.close)


# -- OpenAI: chat completions


@whole("chat", "openai", "chat", CHAT, OF_CHAT | COUNTS)
async def chat(client: Any) -> Any:
    return await ready(client.chat.completions.create(model=MODEL, messages=ASKED))


@whole(
    "chat with parameters",
    "openai",
    "chat",
    CHAT
    | IS_JSON
    | {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": 0.2,
        "gen_ai.request.seed": 7,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.reasoning.level": "low",
        "openai.request.service_tier": "flex",
    },
    OF_CHAT | COUNTS | {"gen_ai.response.finish_reasons": ["stop", "stop"]},
)
async def chat_parameters(client: Any) -> Any:
    return await ready(
        client.chat.completions.create(
            model=MODEL,
            messages=ASKED,
            temperature=0.5,
            top_p=0.9,
            frequency_penalty=0.1,
            presence_penalty=0.2,
            seed=7,
            max_completion_tokens=50,
            stop="END",
            n=2,
            reasoning_effort="low",
            service_tier="flex",
            response_format={"type": "json_object"},
        )
    )


@whole(
    "chat with tools",
    "openai",
    "chat",
    CHAT,
    OF_CHAT | COUNTS | {"gen_ai.response.finish_reasons": ["tool_calls"]},
    reply=CALLS,
)
async def chat_tools(client: Any) -> Any:
    tool = {"type": "function", "function": {"name": "count", "parameters": {"type": "object", "properties": {}}}}
    return await ready(client.chat.completions.create(model=MODEL, messages=ASKED, tools=[tool]))


@whole("chat.parse", "openai", "chat", CHAT | IS_JSON, OF_CHAT | COUNTS, reply=JSON)
async def chat_parse(client: Any) -> Any:
    parsed = await ready(client.chat.completions.parse(model=MODEL, messages=ASKED, response_format=Words))
    assert parsed.choices[0].message.parsed == Words(words=3)
    return parsed


@whole("chat raw", "openai", "chat", CHAT, OF_CHAT | COUNTS)
async def chat_raw(client: Any) -> Any:
    response = await ready(client.chat.completions.with_raw_response.create(model=MODEL, messages=ASKED))
    return await ready(response.parse())


@whole("chat raw, never parsed", "openai", "chat", CHAT, OF_CHAT | COUNTS)
async def chat_raw_unparsed(client: Any) -> Any:
    return await ready(client.chat.completions.with_raw_response.create(model=MODEL, messages=ASKED))


@whole("chat streaming response, json", "openai", "chat", CHAT, OF_CHAT | COUNTS)
async def chat_streaming_json(client: Any) -> Any:
    manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASKED)
    if hasattr(manager, "__aenter__"):
        async with manager as response:
            return await response.json()
    with manager as response:
        return response.json()


@whole("chat streaming response, parse", "openai", "chat", CHAT, OF_CHAT | COUNTS)
async def chat_streaming_parse(client: Any) -> Any:
    manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASKED)
    if hasattr(manager, "__aenter__"):
        async with manager as response:
            return await response.parse()
    with manager as response:
        return response.parse()


WITH_USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


@streamed("chat stream, usage asked by the caller", "openai", "chat", CHAT | STREAM, OF_CHAT | COUNTS)
async def chat_stream(client: Any) -> Open:
    return await bare(client.chat.completions.create(model=MODEL, messages=ASKED, **WITH_USAGE))


@streamed(
    "chat stream, no usage",
    "openai",
    "chat",
    CHAT | STREAM,
    OF_CHAT
    | {
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 3,
        "tokeneff.usage.source": "estimated",
    },
)
async def chat_stream_no_usage(client: Any) -> Open:
    return await bare(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))


@streamed("chat raw and stream", "openai", "chat", CHAT | STREAM, OF_CHAT | COUNTS)
async def chat_raw_stream(client: Any) -> Open:
    asked = client.chat.completions.with_raw_response.create(model=MODEL, messages=ASKED, **WITH_USAGE)
    return await bare((await ready(asked)).parse())


@streamed("chat streaming response, lines", "openai", "chat", CHAT | STREAM, OF_CHAT | COUNTS, typed=False)
async def chat_streaming_lines(client: Any) -> Open:
    manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASKED, **WITH_USAGE)
    return await entered(manager, lambda response: response.iter_lines())


@streamed("chat streaming response, bytes", "openai", "chat", CHAT | STREAM, OF_CHAT | COUNTS, typed=False)
async def chat_streaming_bytes(client: Any) -> Open:
    manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASKED, **WITH_USAGE)
    return await entered(manager, lambda response: response.iter_bytes())


@streamed("chat streaming response, typed", "openai", "chat", CHAT | STREAM, OF_CHAT | COUNTS)
async def chat_streaming_typed(client: Any) -> Open:
    manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASKED, **WITH_USAGE)
    opened = await entered(manager, lambda response: response.parse())
    stream = await ready(opened.items)
    return Open(stream.__aiter__() if hasattr(stream, "__aiter__") else iter(stream), opened.close)


@streamed("chat.stream helper", "openai", "chat", CHAT | STREAM, OF_CHAT | COUNTS)
async def chat_helper(client: Any) -> Open:
    manager = client.chat.completions.stream(model=MODEL, messages=ASKED, stream_options={"include_usage": True})
    return await entered(manager, lambda stream: stream.__aiter__() if hasattr(stream, "__aiter__") else iter(stream))


# -- OpenAI: responses


@whole("responses", "openai", "chat", RESPONSES, OF_OPENAI | COUNTS)
async def responses(client: Any) -> Any:
    return await ready(client.responses.create(model=MODEL, input="How many?"))


@whole("responses raw", "openai", "chat", RESPONSES, OF_OPENAI | COUNTS)
async def responses_raw(client: Any) -> Any:
    return await ready(client.responses.with_raw_response.create(model=MODEL, input="How many?"))


@whole("responses.parse", "openai", "chat", RESPONSES | IS_JSON, OF_OPENAI | COUNTS, reply=JSON)
async def responses_parse(client: Any) -> Any:
    parsed = await ready(client.responses.parse(model=MODEL, input="How many?", text_format=Words))
    assert parsed.output_parsed == Words(words=3)
    return parsed


@streamed("responses stream", "openai", "chat", RESPONSES | STREAM, OF_OPENAI | COUNTS)
async def responses_stream(client: Any) -> Open:
    return await bare(client.responses.create(model=MODEL, input="How many?", stream=True))


@streamed("responses.stream helper", "openai", "chat", RESPONSES | STREAM, OF_OPENAI | COUNTS)
async def responses_helper(client: Any) -> Open:
    manager = client.responses.stream(model=MODEL, input="How many?")
    return await entered(manager, lambda stream: stream.__aiter__() if hasattr(stream, "__aiter__") else iter(stream))


@streamed("responses streaming response, lines", "openai", "chat", RESPONSES | STREAM, OF_OPENAI | COUNTS, typed=False)
async def responses_streaming_lines(client: Any) -> Open:
    manager = client.responses.with_streaming_response.create(model=MODEL, input="How many?", stream=True)
    return await entered(manager, lambda response: response.iter_lines())


# -- OpenAI: the rest

LEGACY = {key: value for key, value in OF_CHAT.items() if key != "openai.response.service_tier"}


@whole("completions", "openai", "text_completion", {}, LEGACY | COUNTS)
async def completions(client: Any) -> Any:
    return await ready(client.completions.create(model=MODEL, prompt="How many?"))


@streamed("completions stream", "openai", "text_completion", STREAM, LEGACY | COUNTS)
async def completions_stream(client: Any) -> Open:
    return await bare(client.completions.create(model=MODEL, prompt="How many?", **WITH_USAGE))


@whole(
    "embeddings",
    "openai",
    "embeddings",
    {"gen_ai.embeddings.dimension.count": 8, "gen_ai.request.encoding_formats": ["base64"]},
    {"gen_ai.response.model": "model-2026", "gen_ai.usage.input_tokens": 100, "tokeneff.usage.source": "provider"},
)
async def embeddings(client: Any) -> Any:
    return await ready(client.embeddings.create(model=MODEL, input="How many?", dimensions=8))


@whole(
    "images",
    "openai",
    "image_generation",
    {"gen_ai.output.type": "image"},
    {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.text.input_tokens": 100,
        "gen_ai.usage.image.output_tokens": 20,
        "tokeneff.usage.source": "provider",
    },
)
async def images(client: Any) -> Any:
    return await ready(client.images.generate(model=MODEL, prompt="three words"))


@whole("speech", "openai", "speech", {"gen_ai.output.type": "speech"}, NO_COUNTS)
async def speech(client: Any) -> Any:
    return await ready(client.audio.speech.create(model=MODEL, voice="alloy", input="three words"))


@whole("speech streaming response", "openai", "speech", {"gen_ai.output.type": "speech"}, NO_COUNTS)
async def speech_streaming(client: Any) -> Any:
    manager = client.audio.speech.with_streaming_response.create(model=MODEL, voice="alloy", input="three words")
    opened = await entered(manager, lambda response: response.iter_bytes())
    got = [item async for item in each(opened.items)]
    await ready(opened.close())
    return got


@whole(
    "transcription",
    "openai",
    "transcription",
    {"gen_ai.output.type": "text"},
    {
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.text.input_tokens": 60,
        "gen_ai.usage.audio.input_tokens": 40,
        "tokeneff.usage.source": "provider",
    },
    reply=Reply(text="one two three", usage=Usage(input_tokens=100, output_tokens=20, audio_input=40)),
)
async def transcription(client: Any) -> Any:
    return await ready(client.audio.transcriptions.create(model=MODEL, file=("a.wav", b"RIFF")))


@whole(
    "moderation",
    "openai",
    "moderation",
    {},
    {"gen_ai.response.id": "reply-1", "gen_ai.response.model": "model-2026"} | NO_COUNTS,
)
async def moderation(client: Any) -> Any:
    return await ready(client.moderations.create(model=MODEL, input="three words"))


@whole("models list", "openai", "models.list", {}, {}, model=None, method="GET", counted=False)
async def models_list(client: Any) -> Any:
    return await ready(client.models.list())


@whole(
    "files create",
    "openai",
    "files.create",
    {},
    {"gen_ai.response.id": SOME_TEXT},
    model=None,
    counted=False,
)
async def files_create(client: Any) -> Any:
    return await ready(client.files.create(file=("a.jsonl", b"{}\n"), purpose="batch"))


@whole("batches list", "openai", "batches.list", {}, {}, model=None, method="GET", counted=False)
async def batches_list(client: Any) -> Any:
    return await ready(client.batches.list())


# -- Anthropic

SAID: dict[str, Any] = {"model": CLAUDE, "max_tokens": 50, "messages": ASKED}
LIMIT = {"gen_ai.request.max_tokens": 50}


@whole("messages", "anthropic", "chat", LIMIT, OF_CLAUDE | COUNTS, model=CLAUDE)
async def messages(client: Any) -> Any:
    return await ready(client.messages.create(**SAID))


@whole(
    "messages with parameters",
    "anthropic",
    "chat",
    LIMIT
    | {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.stop_sequences": ["END", "STOP"],
        "anthropic.request.service_tier": "standard_only",
    },
    OF_CLAUDE | COUNTS | {"gen_ai.response.finish_reasons": ["tool_use"]},
    model=CLAUDE,
    reply=CALLS,
)
async def messages_parameters(client: Any) -> Any:
    return await ready(
        client.messages.create(
            **SAID,
            extra_body={"temperature": 0.5, "top_k": 40},
            stop_sequences=["END", "STOP"],
            service_tier="standard_only",
            tools=[{"name": "count", "input_schema": {"type": "object", "properties": {}}}],
        )
    )


@whole("messages raw", "anthropic", "chat", LIMIT, OF_CLAUDE | COUNTS, model=CLAUDE)
async def messages_raw(client: Any) -> Any:
    return await ready(client.messages.with_raw_response.create(**SAID))


@whole("messages streaming response, json", "anthropic", "chat", LIMIT, OF_CLAUDE | COUNTS, model=CLAUDE)
async def messages_streaming_json(client: Any) -> Any:
    manager = client.messages.with_streaming_response.create(**SAID)
    if hasattr(manager, "__aenter__"):
        async with manager as response:
            return await response.json()
    with manager as response:
        return response.json()


@whole("messages.parse", "anthropic", "chat", LIMIT | IS_JSON, OF_CLAUDE | COUNTS, model=CLAUDE, reply=JSON)
async def messages_parse(client: Any) -> Any:
    parsed = await ready(client.messages.parse(**SAID, output_format=Words))
    assert parsed.parsed_output == Words(words=3)
    return parsed


@whole("beta messages", "anthropic", "chat", LIMIT, OF_CLAUDE | COUNTS, model=CLAUDE)
async def beta_messages(client: Any) -> Any:
    return await ready(client.beta.messages.create(**SAID, betas=["some-beta"]))


@streamed("messages stream", "anthropic", "chat", LIMIT | STREAM, OF_CLAUDE | COUNTS, model=CLAUDE)
async def messages_stream(client: Any) -> Open:
    return await bare(client.messages.create(**SAID, stream=True))


@streamed("messages.stream helper", "anthropic", "chat", LIMIT | STREAM, OF_CLAUDE | COUNTS, model=CLAUDE)
async def messages_helper(client: Any) -> Open:
    manager = client.messages.stream(**SAID)
    return await entered(manager, lambda stream: stream.__aiter__() if hasattr(stream, "__aiter__") else iter(stream))


@streamed("messages raw and stream", "anthropic", "chat", LIMIT | STREAM, OF_CLAUDE | COUNTS, model=CLAUDE)
async def messages_raw_stream(client: Any) -> Open:
    response = await ready(client.messages.with_raw_response.create(**SAID, stream=True))
    return await bare(response.parse())


@streamed(
    "messages streaming response, lines",
    "anthropic",
    "chat",
    LIMIT | STREAM,
    OF_CLAUDE | COUNTS,
    model=CLAUDE,
    typed=False,
)
async def messages_streaming_lines(client: Any) -> Open:
    manager = client.messages.with_streaming_response.create(**SAID, stream=True)
    return await entered(manager, lambda response: response.iter_lines())


@streamed("beta messages stream", "anthropic", "chat", LIMIT | STREAM, OF_CLAUDE | COUNTS, model=CLAUDE)
async def beta_messages_stream(client: Any) -> Open:
    return await bare(client.beta.messages.create(**SAID, stream=True))


@whole("count_tokens", "anthropic", "count_tokens", {}, {}, model=CLAUDE, counted=False)
async def count_tokens(client: Any) -> Any:
    return await ready(client.messages.count_tokens(model=CLAUDE, messages=ASKED))


@whole(
    "message batches create",
    "anthropic",
    "messages.batches.create",
    {},
    {"gen_ai.response.id": "reply-1"},
    model=None,
    counted=False,
)
async def message_batches(client: Any) -> Any:
    return await ready(client.messages.batches.create(requests=[{"custom_id": "a", "params": SAID}]))


@whole("anthropic models list", "anthropic", "models.list", {}, {}, model=None, method="GET", counted=False)
async def anthropic_models(client: Any) -> Any:
    return await ready(client.models.list())


WHOLE = [shape for shape in SHAPES if shape.run is not None]
STREAMS = [shape for shape in SHAPES if shape.start is not None]
