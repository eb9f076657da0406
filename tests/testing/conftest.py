"""Clients of both SDKs, sync and async, that check every reply against the SDK's own types."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import openai
import pytest
from fake_wire import Wire

from tokeneff.testing import FakeProvider

# Strict: a reply that is not valid for the SDK's types raises APIResponseValidationError.
OPTIONS: dict[str, Any] = {"api_key": "test", "_strict_response_validation": True}


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def wire(provider: FakeProvider) -> Iterator[Wire]:
    wire = Wire(provider)
    yield wire
    wire.close()


@dataclass(frozen=True)
class Asker:
    """Runs the same call on a sync or async client; streams come back as lists of what they gave."""

    client: Any

    async def __call__(self, call: Callable[[Any], Any]) -> Any:
        result = call(self.client)
        if inspect.isawaitable(result):
            result = await result
        if isinstance(result, openai.Stream | anthropic.Stream):
            return list(result)
        if isinstance(result, openai.AsyncStream | anthropic.AsyncStream):
            return [item async for item in result]
        return result

    async def pages(self, call: Callable[[Any], Any]) -> list[Any]:
        """Every item of a paginated list."""
        listed = call(self.client)
        return list(listed) if hasattr(listed, "__iter__") else [item async for item in listed]

    async def helper(self, call: Callable[[Any], Any], final: str) -> tuple[list[Any], Any]:
        """A stream helper's events, and what its `final` method gives."""
        manager = call(self.client)
        if hasattr(manager, "__enter__"):
            with manager as stream:
                return list(stream), getattr(stream, final)()
        async with manager as stream:
            events = [event async for event in stream]
            return events, await getattr(stream, final)()


def asker(kinds: tuple[type[Any], type[Any]], mode: str, **options: Any) -> Asker:
    return Asker(kinds[mode == "async"](**OPTIONS, **options))


async def closed(ask: Asker) -> None:
    done = ask.client.close()
    if inspect.isawaitable(done):
        await done


@pytest.fixture(params=["sync", "async"])
async def ask(request: pytest.FixtureRequest, provider: FakeProvider) -> AsyncIterator[Asker]:
    """An OpenAI client of the provider."""
    one = asker((openai.OpenAI, openai.AsyncOpenAI), request.param, base_url=provider.openai_url)
    yield one
    await closed(one)


@pytest.fixture(params=["sync", "async"])
async def claude(request: pytest.FixtureRequest, provider: FakeProvider) -> AsyncIterator[Asker]:
    """An Anthropic client of the provider."""
    one = asker((anthropic.Anthropic, anthropic.AsyncAnthropic), request.param, base_url=provider.anthropic_url)
    yield one
    await closed(one)
