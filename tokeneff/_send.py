"""Sending one call through the SDK: what is around ``request()``, blocking and awaiting."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from opentelemetry import context as otel_context

from tokeneff._drive import Sent
from tokeneff._exchange import SKIP, Exchange, active
from tokeneff._flow import Call, Ending
from tokeneff._settings import Settings
from tokeneff._watch import WatchedAsyncStream, WatchedBody, WatchedStream
from tokeneff.adapters import Family
from tokeneff.context import current_tags
from tokeneff.errors import BudgetExceeded, RunawayRepetition

_RAW = "X-Stainless-Raw-Response"
_CUTS = (BudgetExceeded, RunawayRepetition)


def make_call(
    client: Any, settings: Settings, family: Family, method: Callable[..., Any], arguments: tuple[Any, ...]
) -> Call:
    """The Call for a ``request()`` with these ``(cast_to, options, stream, stream_cls)``."""
    cast_to, options, stream, stream_cls = arguments
    headers = options.headers
    given = type(headers) is dict or isinstance(headers, Mapping)
    raw = cast("Mapping[str, Any]", headers).get(_RAW) if given else None
    path: str = options.url
    endpoint = family.endpoint(options.method, path, options)
    ask = stream and raw is None and endpoint.model and settings.asks_usage
    if ask:
        ask, options = _ask_usage(client, family, path, options)
    return Call(
        client,
        family,
        endpoint,
        cast_to,
        options,
        stream,
        stream_cls,
        raw,
        current_tags(),
        method,
        None,
        ask,
        settings.capture and endpoint.content is not None,
    )


def _ask_usage(client: Any, family: Family, path: str, options: Any) -> tuple[bool, Any]:
    """Whether to ask, and the options that do: a copy, for the caller may hold the ones given."""
    body = options.json_data
    extra = options.extra_json
    if not isinstance(body, Mapping) or (extra and "stream_options" in extra):
        return False, options
    if not family.asks_usage(client, path, cast("Mapping[str, Any]", body)):
        return False, options
    options = copy.copy(options)
    options.json_data = {**body, "stream_options": {"include_usage": True}}
    return True, options


def send(call: Call) -> Sent:
    """Send blocking."""
    exchange, tokens = _enter(call)
    try:
        reply = call.method(call.cast_to, call.options, stream=call.stream, stream_cls=call.stream_cls)
    except BaseException as error:  # noqa: BLE001 - raised again by the driver, as it is
        return failed(exchange, error)
    finally:
        _leave(tokens)
    return answered(exchange, reply)


async def asend(call: Call) -> Sent:
    """Send awaiting."""
    exchange, tokens = _enter(call)
    try:
        reply = await call.method(call.cast_to, call.options, stream=call.stream, stream_cls=call.stream_cls)
    except BaseException as error:  # noqa: BLE001 - raised again by the driver, as it is
        return failed(exchange, error)
    finally:
        _leave(tokens)
    return answered(exchange, reply)


def _enter(call: Call) -> tuple[Exchange, tuple[Any, Any]]:
    exchange = Exchange(call)
    if call.begun is not None:
        call.begun(exchange)
    scope = otel_context.attach(call.scope) if call.scope is not None else None
    return exchange, (active.set(exchange), scope)


def _leave(tokens: tuple[Any, Any]) -> None:
    active.reset(tokens[0])
    if tokens[1] is not None:
        otel_context.detach(tokens[1])


def failed(exchange: Exchange, error: BaseException) -> Sent:
    """What there is to say of a call that raised."""
    ending: Ending = "failed" if isinstance(error, Exception) else "cancelled"
    outcome = exchange.outcome(ending, exchange.call.family.failure(error))
    if exchange.tape is not None:
        exchange.tape.close()
    return Sent(error=error, outcome=outcome)


def answered(exchange: Exchange, reply: Any) -> Sent:
    """What there is to say of a call that the SDK made this reply of."""
    live: WatchedBody | None = exchange.live
    if live is None:
        exchange.read_raw()
        exchange.response = None
        outcome = exchange.outcome("read")
        exchange.recorded()
        return Sent(reply, outcome=outcome)
    complete = exchange.response.is_closed
    exchange.response = exchange.live = None
    call = exchange.call
    if call.stream and call.raw is None:
        _shape(reply, live, call.ask_usage, complete)
    return Sent(reply, arm=live.arm)


def _shape(reply: Any, live: WatchedBody, hides: bool, complete: bool) -> None:
    """Hide an event that was asked for by us, and see the end of a body that nobody will close: one that is in
    memory, or whose SDK leaves it open when reading it fails."""
    told = complete or not _closes(reply.__class__)
    if not (hides or told):
        return  # before the iterator is asked for: some lines make it when it is first used
    items = getattr(reply, "_iterator", None)
    if items is None:
        return
    if isinstance(live, WatchedAsyncStream):
        reply._iterator = _atold(items, live) if told else _avisible(items)
    elif isinstance(live, WatchedStream):
        reply._iterator = _told(items, live) if told else _visible(items)


@lru_cache(maxsize=64)
def _closes(kind: type) -> bool:
    """Whether streams of this class close their response when reading fails: openai 1 leaves that to the caller."""
    code = getattr(getattr(kind, "__stream__", None), "__code__", None)
    return code is None or "close" in code.co_names or "aclose" in code.co_names


def _visible(items: Iterator[Any]) -> Iterator[Any]:
    for item in items:
        if item is not SKIP:
            yield item


async def _avisible(items: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for item in items:
        if item is not SKIP:
            yield item


def _told(items: Iterator[Any], live: WatchedStream) -> Iterator[Any]:
    try:
        for item in items:
            if item is not SKIP:
                yield item
    except Exception as error:
        if type(error) in _CUTS:
            live.close()
        live.end("failed", error)
        raise
    live.end("read")


async def _atold(items: AsyncIterator[Any], live: WatchedAsyncStream) -> AsyncIterator[Any]:
    try:
        async for item in items:
            if item is not SKIP:
                yield item
    except Exception as error:
        if type(error) in _CUTS:
            await live.aclose()
        await live.end("failed", error)
        raise
    await live.end("read")
