"""Bare clients of both SDKs, and one way of writing for both of their flavours."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

from tokeneff.testing import FakeProvider

FLAVOURS = ("sync", "async")


class Clients:
    """Bare clients on one provider: no proxy stands before it, and no certificates are read, which takes its time."""

    def __init__(self, provider: FakeProvider) -> None:
        self._provider = provider
        self._made: list[Any] = []

    def __call__(self, sdk: str, flavour: str = "sync") -> Any:
        module: Any = import_module(sdk)
        named = {"openai": "OpenAI", "anthropic": "Anthropic"}[sdk]
        kind = getattr(module, named if flavour == "sync" else "Async" + named)
        http = module.DefaultHttpxClient if flavour == "sync" else module.DefaultAsyncHttpxClient
        url = self._provider.openai_url if sdk == "openai" else self._provider.anthropic_url
        own = http(verify=False, trust_env=False)
        self._made.append(kind(base_url=url, api_key="k", max_retries=0, http_client=own))
        return self._made[-1]

    async def close(self) -> None:
        for client in self._made:
            await ready(client.close())


async def ready(value: Any) -> Any:
    """What a call gave, or what awaiting it gives."""
    return await value if inspect.isawaitable(value) else value


async def each(items: Any) -> AsyncIterator[Any]:
    """All of an iterable of either flavour."""
    if hasattr(items, "__aiter__"):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
