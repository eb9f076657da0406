"""The ways of asking that another instrumentor may take otherwise than we do, and what the one span has to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
from peer_lab import Clients

from tokeneff.testing import Reply, Usage, faults

ASKED: dict[str, Any] = {"model": "gpt-test", "messages": [{"role": "user", "content": "How many words are there?"}]}
TALK: dict[str, Any] = {"model": "claude-test", "max_tokens": 99, "messages": ASKED["messages"]}
INPUT: dict[str, Any] = {"model": "gpt-test", "input": "How many words are there?"}
STREAM: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
SILENT: dict[str, Any] = {"stream": True}

REPLY = Reply(
    text="one two three four",
    usage=Usage(input_tokens=100, output_tokens=20, cache_read=60, reasoning=5),
)
COUNTED = (100, 20)


@dataclass(frozen=True)
class Shape:
    """One way of asking."""

    name: str
    ask: Callable[[Clients], Any]
    tokens: tuple[int, int | None] | None = COUNTED
    """What the span says, where the provider has said it; ``None`` where it is told to be an estimate in part."""
    ending: str = "read"
    reply: Any = REPLY

    def __str__(self) -> str:
        return self.name

    @property
    def recorded(self) -> int:
        """How many counts go into metrics: those of the provider."""
        if self.tokens is not None:
            return sum(count is not None for count in self.tokens)
        # The first event of a message has its input, which nobody needs to estimate.
        return int(self.name.startswith("messages") and self.ending != "failed")


def drain(stream: Any) -> None:
    for _ in stream:
        pass


async def adrain(stream: Any) -> None:
    async for _ in stream:
        pass


def break_off(stream: Any) -> None:
    for _ in stream:
        break
    stream.close()


async def abreak_off(stream: Any) -> None:
    async for _ in stream:
        break
    await stream.close()


def drop(stream: Any) -> None:
    for _ in stream:
        break


async def adrop(stream: Any) -> None:
    async for _ in stream:
        break


def within(manager: Any, read: Callable[[Any], Any] = drain) -> None:
    with manager as stream:
        read(stream)


async def awithin(manager: Any, read: Callable[[Any], Any] = adrain) -> None:
    async with manager as stream:
        await read(stream)


async def then(stream: Any, read: Callable[[Any], Any]) -> None:
    """Read what is first to be awaited; the caller's own variable is not in the way of a drop."""
    await read(await stream)


def refused(ask: Callable[[], Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        ask()


async def arefused(asked: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await asked


def lines(response: Any) -> None:
    """Read what comes as text, as of no SDK."""
    drain(response.iter_lines())


async def cancelled(asked: Any) -> None:
    """Cancel a call while its answer is waited for."""
    task = asyncio.ensure_future(asked)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


CHAT = [
    Shape("chat", lambda c: c.openai.chat.completions.create(**ASKED) and None),
    Shape("chat async", lambda c: c.openai_async.chat.completions.create(**ASKED)),
    Shape("chat retried", lambda c: c.openai.chat.completions.create(**ASKED) and None, reply="retried"),
    Shape("chat raw", lambda c: c.openai.chat.completions.with_raw_response.create(**ASKED).parse() and None),
    Shape(
        "chat streaming response",
        lambda c: within(c.openai.chat.completions.with_streaming_response.create(**ASKED), lambda r: r.parse()),
    ),
    Shape(
        "chat streaming response as text",
        lambda c: within(c.openai.chat.completions.with_streaming_response.create(**ASKED), lines),
    ),
    Shape(
        "chat bad request",
        lambda c: refused(lambda: c.openai.chat.completions.create(**ASKED), openai.BadRequestError),
        None,
        "failed",
        faults.bad_request("no such thing"),
    ),
    Shape(
        "chat bad request async",
        lambda c: arefused(c.openai_async.chat.completions.create(**ASKED), openai.BadRequestError),
        None,
        "failed",
        faults.bad_request("no such thing"),
    ),
]
CHAT_STREAMS = [
    Shape("chat stream", lambda c: drain(c.openai.chat.completions.create(**ASKED, **STREAM))),
    Shape("chat stream uncounted", lambda c: drain(c.openai.chat.completions.create(**ASKED, **SILENT)), None),
    Shape(
        "chat stream broken off",
        lambda c: break_off(c.openai.chat.completions.create(**ASKED, **STREAM)),
        None,
        "broken_off",
    ),
    Shape("chat stream dropped", lambda c: drop(c.openai.chat.completions.create(**ASKED, **STREAM)), None, "dropped"),
    Shape("chat stream async", lambda c: then(c.openai_async.chat.completions.create(**ASKED, **STREAM), adrain)),
    Shape(
        "chat stream async broken off",
        lambda c: then(c.openai_async.chat.completions.create(**ASKED, **STREAM), abreak_off),
        None,
        "broken_off",
    ),
    Shape(
        "chat stream async dropped",
        lambda c: then(c.openai_async.chat.completions.create(**ASKED, **STREAM), adrop),
        None,
        "dropped",
    ),
    Shape(
        "chat stream raw",
        lambda c: drain(c.openai.chat.completions.with_raw_response.create(**ASKED, **STREAM).parse()),
    ),
    Shape(
        "chat.stream helper",
        lambda c: within(c.openai.chat.completions.stream(**ASKED, stream_options=STREAM["stream_options"])),
    ),
    Shape(
        "chat.stream helper async",
        lambda c: awithin(c.openai_async.chat.completions.stream(**ASKED, stream_options=STREAM["stream_options"])),
    ),
]
RESPONSES = [
    Shape("responses", lambda c: c.openai.responses.create(**INPUT) and None),
    Shape("responses async", lambda c: c.openai_async.responses.create(**INPUT)),
    Shape("responses raw", lambda c: c.openai.responses.with_raw_response.create(**INPUT).parse() and None),
    Shape(
        "responses incomplete",
        lambda c: c.openai.responses.create(**INPUT) and None,
        reply=Reply(text="one", usage=REPLY.usage, finish_reason="length"),
    ),
    Shape(
        "responses bad request",
        lambda c: refused(lambda: c.openai.responses.create(**INPUT), openai.BadRequestError),
        None,
        "failed",
        faults.bad_request("no such thing"),
    ),
    Shape("responses stream", lambda c: drain(c.openai.responses.create(**INPUT, **SILENT))),
    Shape("responses stream async", lambda c: then(c.openai_async.responses.create(**INPUT, **SILENT), adrain)),
    Shape(
        "responses stream broken off",
        lambda c: break_off(c.openai.responses.create(**INPUT, **SILENT)),
        None,
        "broken_off",
    ),
    Shape("responses stream dropped", lambda c: drop(c.openai.responses.create(**INPUT, **SILENT)), None, "dropped"),
    Shape(
        "responses stream raw",
        lambda c: drain(c.openai.responses.with_raw_response.create(**INPUT, **SILENT).parse()),
    ),
    Shape("responses.stream helper", lambda c: within(c.openai.responses.stream(**INPUT))),
]
EMBEDDINGS = [
    Shape("embeddings", lambda c: c.openai.embeddings.create(model="emb-test", input="x") and None, (100, None)),
    Shape("embeddings async", lambda c: c.openai_async.embeddings.create(model="emb-test", input="x"), (100, None)),
]
COMPLETIONS = [
    Shape("completions", lambda c: c.openai.completions.create(model="gpt-test", prompt="x") and None),
    Shape("completions stream", lambda c: drain(c.openai.completions.create(model="gpt-test", prompt="x", **STREAM))),
]
MESSAGES = [
    Shape("messages", lambda c: c.anthropic.messages.create(**TALK) and None),
    Shape("messages async", lambda c: c.anthropic_async.messages.create(**TALK)),
    Shape("messages raw", lambda c: c.anthropic.messages.with_raw_response.create(**TALK).parse() and None),
    Shape(
        "messages streaming response",
        lambda c: within(c.anthropic.messages.with_streaming_response.create(**TALK), lambda r: r.parse()),
    ),
    Shape(
        "messages bad request",
        lambda c: refused(lambda: c.anthropic.messages.create(**TALK), anthropic.BadRequestError),
        None,
        "failed",
        faults.bad_request("no such thing"),
    ),
    Shape("messages stream", lambda c: drain(c.anthropic.messages.create(**TALK, **SILENT))),
    Shape("messages stream async", lambda c: then(c.anthropic_async.messages.create(**TALK, **SILENT), adrain)),
    Shape(
        "messages stream broken off",
        lambda c: break_off(c.anthropic.messages.create(**TALK, **SILENT)),
        None,
        "broken_off",
    ),
    Shape("messages stream dropped", lambda c: drop(c.anthropic.messages.create(**TALK, **SILENT)), None, "dropped"),
    Shape(
        "messages stream as text",
        lambda c: within(c.anthropic.messages.with_streaming_response.create(**TALK, **SILENT), lines),
    ),
    Shape("messages.stream helper", lambda c: within(c.anthropic.messages.stream(**TALK))),
    Shape("messages.stream helper async", lambda c: awithin(c.anthropic_async.messages.stream(**TALK))),
    Shape(
        "messages.stream helper broken off",
        lambda c: within(c.anthropic.messages.stream(**TALK), drop),
        None,
        "broken_off",
    ),
    Shape(
        "messages.stream helper async broken off",
        lambda c: awithin(c.anthropic_async.messages.stream(**TALK), adrop),
        None,
        "broken_off",
    ),
]
OPENAI = [*CHAT, *CHAT_STREAMS, *RESPONSES, *EMBEDDINGS, *COMPLETIONS]
ALL = [*OPENAI, *MESSAGES]
