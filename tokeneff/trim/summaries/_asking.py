"""Asks a model for a summary from within a call's own work: at most so many seconds, whatever the client is."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from importlib import import_module
from typing import Any, NamedTuple

from tokeneff.trim.summaries._summarise import Summarise

_OPENAI = ("openai", "azure.ai.openai")


class Written(NamedTuple):
    """What came of it."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None


def written(summarise: Summarise, material: str, family: str, provider: str) -> Written:
    """A summary, written by the model.

    Args:
        summarise: who is asked. material: what is to be summed up.
        family: name of the client's SDK. provider: whose model it is.

    Raises:
        Exception: none came in time, whatever the reason.
    """
    arguments = _arguments(summarise, material, family, provider)
    if not _awaits(summarise.client):
        return _read(_within(summarise.timeout, lambda: _blocking(summarise, family, arguments)), family)
    if _on_a_loop():
        from anyio import from_thread

        return _read(from_thread.run(_awaited, summarise, summarise.client, family, arguments), family)
    return _read(_within(summarise.timeout, lambda: _on_its_own(summarise, family, arguments)), family)


def _arguments(summarise: Summarise, material: str, family: str, provider: str) -> dict[str, Any]:
    asked: dict[str, Any] = {"model": summarise.model, "messages": [{"role": "user", "content": material}]}
    if family == "anthropic":
        return {**asked, "system": summarise.instructions, "max_tokens": summarise.max_tokens}
    asked["messages"] = [{"role": "system", "content": summarise.instructions}, *asked["messages"]]
    limit = "max_completion_tokens" if provider in _OPENAI else "max_tokens"
    return {**asked, limit: summarise.max_tokens}


def _create(client: Any, family: str) -> Any:
    return client.messages.create if family == "anthropic" else client.chat.completions.create


def _blocking(summarise: Summarise, family: str, arguments: dict[str, Any]) -> Any:
    client = summarise.client.with_options(timeout=summarise.timeout, max_retries=0)
    return _create(client, family)(**arguments)


async def _awaited(summarise: Summarise, client: Any, family: str, arguments: dict[str, Any]) -> Any:
    import anyio

    client = client.with_options(timeout=summarise.timeout, max_retries=0)
    with anyio.fail_after(summarise.timeout):
        return await _create(client, family)(**arguments)


def _on_its_own(summarise: Summarise, family: str, arguments: dict[str, Any]) -> Any:
    """On a loop that lasts as long as this: connections belong to the loop that they were made on."""
    import asyncio

    async def ask() -> Any:
        client = summarise.client
        root = type(client._client).__module__.partition(".")[0]
        if root not in ("openai", "anthropic"):  # an HTTP client that the user has made for some end
            return await _awaited(summarise, client, family, {**arguments, "extra_headers": {"Connection": "close"}})
        async with import_module(root).DefaultAsyncHttpxClient() as http:
            return await _awaited(summarise, client.copy(http_client=http), family, arguments)

    return asyncio.run(ask())


def _within(seconds: float, ask: Callable[[], Any]) -> Any:
    """What a blocking function returns, if it does so in time; it is left to itself if it does not."""
    future: Future[Any] = Future()
    context = contextvars.copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(ask))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name="tokeneff-summary", daemon=True).start()
    return future.result(seconds)


def _awaits(client: Any) -> bool:
    return any(kind.__name__ == "AsyncAPIClient" for kind in type(client).__mro__)


def _on_a_loop() -> bool:
    """Whether this is a worker thread of an event loop that is waiting for it."""
    try:
        from anyio import from_thread
    except ImportError:
        return False
    try:
        from_thread.run_sync(int)
    except RuntimeError:
        return False
    return True


def _read(reply: Any, family: str) -> Written:
    usage = getattr(reply, "usage", None)
    if family == "anthropic":
        text = "".join(block.text for block in reply.content if block.type == "text")
        parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        given = sum(getattr(usage, name, None) or 0 for name in parts)
        return _sound(text, given or None, getattr(usage, "output_tokens", None))
    text = reply.choices[0].message.content or ""
    return _sound(text, getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))


def _sound(text: str, given: int | None, made: int | None) -> Written:
    if not text.strip():
        raise ValueError("the summary is empty")
    return Written(text.strip(), given, made)
