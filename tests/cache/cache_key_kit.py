"""Keys of calls, taken at the front door: the SDK's own resource method on a wrapped client, up to the first policy."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import anthropic
import openai

import tokeneff
from tokeneff._flow import Call
from tokeneff._settings import settings_of
from tokeneff.cache._key import Context, context_key, key_of
from tokeneff.errors import TokeneffError

ASKED = [{"role": "user", "content": "Hi"}]
Ask = Callable[[Any], Any]


class Stop(TokeneffError):
    """Raised in place of sending."""


def client(sdk: str = "openai", *, flavour: str = "sync", **options: Any) -> Any:
    """A wrapped client that sends nothing."""
    module: Any = openai if sdk == "openai" else anthropic
    kind = {"openai": "OpenAI", "anthropic": "Anthropic"}[sdk]
    url = "https://host.example/v1" if sdk == "openai" else "https://host.example"
    made = getattr(module, kind if flavour == "sync" else f"Async{kind}")
    return wrapped(made(**{"api_key": "k", "base_url": url, "http_client": http(sdk, flavour=flavour), **options}))


def http(sdk: str = "openai", *, flavour: str = "sync", **options: Any) -> Any:
    """An HTTP client that is made quickly, for it is to verify nothing."""
    module: Any = openai if sdk == "openai" else anthropic
    made = module.DefaultHttpxClient if flavour == "sync" else module.DefaultAsyncHttpxClient
    return made(verify=False, **options)


def wrapped(bare: Any) -> Any:
    return tokeneff.wrap(bare, ledger=False)


def call_of(made: Any, ask: Ask) -> Call:
    """The call that ``ask`` makes of a wrapped client."""
    found: list[Call] = []

    def policy(call: Call) -> Generator[Any, Any, Any]:
        found.append(call)
        raise Stop
        yield

    settings: Any = settings_of(made)
    settings.policies = (policy,)
    with suppress(Stop):
        asked = ask(made)
        if inspect.isawaitable(asked):
            asyncio.run(_ready(asked))
    assert len(found) == 1
    return found[0]


async def _ready(asked: Any) -> None:
    with suppress(Stop):
        await asked


def chat(**more: Any) -> Ask:
    asked = {"model": "gpt-4.1", "messages": ASKED, **more}
    return lambda made: made.chat.completions.create(**asked)


def responses(**more: Any) -> Ask:
    asked = {"model": "gpt-4.1", "input": "Hi", "store": False, **more}
    return lambda made: made.responses.create(**asked)


def messages(**more: Any) -> Ask:
    asked = {"model": "claude-sonnet-4-6", "max_tokens": 10, "messages": ASKED, **more}
    return lambda made: made.messages.create(**asked)


def key(ask: Ask, made: Any = None, **told: Any) -> bytes:
    """The key of that call; there has to be one."""
    found = why(ask, made, **told)
    assert type(found) is bytes
    assert len(found) == 32
    return found


def why(ask: Ask, made: Any = None, **told: Any) -> bytes | str:
    """The key of that call, or why it has none."""
    return key_of(call_of(client() if made is None else made, ask), **told)


def context(ask: Ask, made: Any = None, **told: Any) -> Context | None:
    return context_key(call_of(client() if made is None else made, ask), **told)
