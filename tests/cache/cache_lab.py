"""Wrapped clients of both SDKs with a cache, on the fake provider; the same way of calling for both flavours."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import tokeneff
from tokeneff.testing import FakeProvider, Reply, Usage

FLAVOURS = ("sync", "async")
GPT, CLAUDE = "gpt-4.1-mini", "claude-sonnet-4-6"
ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Tell me a story of a fox."}]
SAID = Reply(text="Once upon a time", usage=Usage(input_tokens=20, output_tokens=5))
COST = {GPT: 16_000, CLAUDE: 135_000}
"""Of `SAID`: 20 × 400 + 5 × 1,600, and 20 × 3,000 + 5 × 15,000 nano-dollars."""


class Lab:
    """A provider, and clients with a cache of their own unless told."""

    def __init__(self) -> None:
        self.provider = FakeProvider(SAID)
        self.url = fresh()
        self._clients: list[Any] = []

    def client(self, sdk: str, flavour: str, cache: Any = None, **more: Any) -> Any:
        """A wrapped client. `cache`: options of its cache, or a whole one."""
        options = {key: more.pop(key) for key in ("timeout", "max_retries", "base_url", "api_key") if key in more}
        cache = tokeneff.Cache(self.url, **(cache or {})) if cache is None or isinstance(cache, dict) else cache
        return tokeneff.wrap(self.bare(sdk, flavour, **options), cache=cache, **more)

    def bare(self, sdk: str, flavour: str, **options: Any) -> Any:
        import anthropic
        import openai

        module: Any = openai if sdk == "openai" else anthropic
        named = {"openai": "OpenAI", "anthropic": "Anthropic"}[sdk]
        kind = getattr(module, named if flavour == "sync" else "Async" + named)
        http = module.DefaultHttpxClient if flavour == "sync" else module.DefaultAsyncHttpxClient
        url = self.provider.openai_url if sdk == "openai" else self.provider.anthropic_url
        made = kind(**{"base_url": url, "api_key": "k", "max_retries": 0, "http_client": http(verify=False), **options})
        self._clients.append(made)
        return made

    async def close(self) -> None:
        for made in self._clients:
            await ready(made.close())
        self.provider.close()

    @property
    def sent(self) -> int:
        """How many requests have come."""
        return self.provider.request_count


def fresh() -> str:
    """A store in memory that nobody else has."""
    return f"memory://{uuid.uuid4().hex}"


async def ready(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def each(items: Any) -> AsyncIterator[Any]:
    """All of an iterable of either flavour."""
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def read(reply: Any) -> list[Any]:
    """All events of a stream."""
    return [item async for item in each(await ready(reply))]


def said() -> tuple[str, str]:
    """What the cache did about the last call, and why."""
    call = tokeneff.last()
    assert call is not None
    return ("none", "") if call.served is None else (call.served.said, call.served.why)


class Way(NamedTuple):
    """A way of asking, of one SDK."""

    name: str
    sdk: str
    ask: Callable[..., Any]
    model: str = GPT

    def __str__(self) -> str:
        return self.name


def _chat(client: Any, **more: Any) -> Any:
    return client.chat.completions.create(**{"model": GPT, "messages": ASKED, "temperature": 0, **more})


def _responses(client: Any, **more: Any) -> Any:
    asked = {"model": GPT, "input": ASKED[0]["content"], "temperature": 0, "store": False}
    return client.responses.create(**{**asked, **more})


def _messages(client: Any, **more: Any) -> Any:
    asked = {"model": CLAUDE, "messages": ASKED, "max_tokens": 50, "extra_body": {"temperature": 0}}
    return client.messages.create(**{**asked, **more})


CHAT = Way("chat", "openai", _chat)
WAYS = (CHAT, Way("responses", "openai", _responses), Way("messages", "anthropic", _messages, model=CLAUDE))
