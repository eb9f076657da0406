"""Answering a call with a reply that was kept, or that another call is just getting, as the SDK would have.

The reply becomes a response of the client's own http library and goes the SDK's way from there: types, raw and
streaming responses, helpers and parsing are the SDK's.
"""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Awaitable, Generator
from concurrent.futures import Future
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from time import perf_counter
from typing import Any, NamedTuple, cast

from tokeneff._drive import Sent
from tokeneff._exchange import Exchange, active
from tokeneff._flow import Call, Failure, Forward, Outcome
from tokeneff._log import log_once
from tokeneff._send import answered, failed
from tokeneff._waking import Wake, awaited
from tokeneff.cache._bodies import FollowedBody, KeptBody, Pace
from tokeneff.cache._recast import is_plain, recast, remember
from tokeneff.cache._reply import Reply
from tokeneff.cache._shaping import shaped
from tokeneff.cache._tape import Head, Tape

__all__ = ["aserve", "serve", "shaped"]

_RAW = "X-Stainless-Raw-Response"
_JOINING = 5.0
"""Seconds to wait at most for the reading of a reply to be handed over to those who want to read along."""
_EXTENSIONS = {"http_version": b"HTTP/1.1", "reason_phrase": b"OK"}
_Steps = Generator[Any, Any, Any]
"""Work that is the same for both drivers: what it yields is awaited where it is to be awaited."""


class _Http(NamedTuple):
    """An http library."""

    module: Any
    blocking: Any
    """Its stream that is bound to a response."""
    awaiting: Any
    told: bool
    """Whether such a stream is told its response."""
    blank: Any
    """A request for responses that nobody gets to see."""


def serve(effect: Forward) -> Sent:
    """Answer blocking."""
    call, source = effect.call, effect.reply
    if isinstance(source, Tape):
        source = _followed(source, call, _joined(source))
    if source is None:
        return _too_late(call)
    known = recast(call, source) if type(source) is Reply else None
    if known is not None:
        return known
    exchange, token = _enter(call, source)
    steps = _made(call, source, effect.pace, awaiting=False)
    try:
        value: Any = None
        while True:
            value = steps.send(value)
    except StopIteration as done:
        made = done.value
    except BaseException as error:  # noqa: BLE001 - raised again by the driver, as it is
        return failed(exchange, error)
    finally:
        active.reset(token)
    return _served(call, source, exchange, made)


async def aserve(effect: Forward) -> Sent:
    """Answer awaiting."""
    call, source = effect.call, effect.reply
    if isinstance(source, Tape):
        source = _followed(source, call, await _ajoined(source))
    if source is None:
        return _too_late(call)
    known = recast(call, source) if type(source) is Reply else None
    if known is not None:
        return known
    exchange, token = _enter(call, source)
    steps = _made(call, source, effect.pace, awaiting=True)
    try:
        made = await _walked(steps)
    except BaseException as error:  # noqa: BLE001 - raised again by the driver, as it is
        return failed(exchange, error)
    finally:
        active.reset(token)
    return _served(call, source, exchange, made)


def _served(call: Call, source: Reply | Tape, exchange: Exchange, made: Any) -> Sent:
    sent = answered(exchange, made)
    if type(source) is Reply:
        remember(call, source, sent)
    return sent


async def _walked(steps: _Steps) -> Any:
    value: Any = None
    try:
        while True:
            value = steps.send(value)
            if isinstance(value, Awaitable):
                try:
                    value = await cast("Awaitable[Any]", value)
                except Exception as error:  # noqa: BLE001 - the steps may know what to do instead
                    value = steps.throw(error)
    except StopIteration as done:
        return done.value


def _joined(tape: Tape) -> bool:
    """Whether a call reads along; if not, what comes of the reply is known, unless that takes too long."""
    if tape.over:
        return False
    with suppress(TimeoutError):
        if tape.follow().result(_JOINING):
            return True
        tape.done.result(_JOINING)  # its reading has ended, and what there is of it is about to be judged
    tape.leave()
    return False


async def _ajoined(tape: Tape) -> bool:
    if tape.over:
        return False
    joins = False
    joined = tape.follow()
    try:
        if await _resolved(joined):
            joins = joined.result()
            if not joins:
                await _resolved(tape.done)
    finally:
        if not joins:
            tape.leave()
    return joins


async def _resolved(future: Future[Any]) -> bool:
    def register(wake: Wake) -> bool:
        if not future.done():
            future.add_done_callback(lambda _: wake())
            return False
        return True

    await awaited(register, _JOINING)
    return future.done()


def _followed(tape: Tape, call: Call, joined: bool) -> Reply | Tape | None:
    """What to answer with: the tape itself, the reply that is on it by now, or nothing."""
    if joined:
        return tape
    return None if tape.reply is None else shaped(tape.reply, call)


def _too_late(call: Call) -> Sent:
    """The reply that was to be shared is lost before any of it was read: the call can still be sent."""
    now = perf_counter()
    sdk = import_module(call.family.name)
    message = "the reply that was to be shared with an equal call was lost"
    error = sdk.APIConnectionError(message=message, request=http_of(call.client).blank)
    return Sent(error=error, outcome=Outcome("failed", now, now, failure=Failure("tokeneff.ReplyLost", message)))


def _enter(call: Call, source: Reply | Tape) -> tuple[Exchange, Any]:
    exchange = Exchange(call)
    exchange.tape, exchange.kept = None, isinstance(source, Reply)
    return exchange, active.set(exchange)


def _made(call: Call, source: Reply | Tape, pace: Pace, *, awaiting: bool) -> _Steps:
    """The SDK's reply."""
    client, http = call.client, http_of(call.client)
    if type(source) is Reply and _is_plain(call):
        # Nobody gets to see the response, and its request: the costly part is left out.
        options, cast_to = call.options, call.cast_to
        response = http.module.Response(200, headers=source.headers, content=source.body, request=http.blank)
    else:
        options, cast_to, request = yield from _request(call, http)
        response = _response(call, source, request, http, pace, awaiting=awaiting)
        if not (call.stream or client._should_stream_response_body(request=request)):
            yield response.aread() if awaiting else response.read()
    return (
        yield client._process_response(
            cast_to=cast_to,
            options=options,
            response=response,
            stream=call.stream,
            stream_cls=call.stream_cls,
            retries_taken=0,
        )
    )


def _is_plain(call: Call) -> bool:
    """Whether all that the caller gets is a model made of the JSON."""
    kind = call.cast_to
    if not is_plain(call):
        return False
    return isinstance(kind, type) and issubclass(kind, sys.modules["pydantic"].BaseModel) and not hasattr(kind, "build")


def _request(call: Call, http: _Http) -> _Steps:
    """The options as they would have been sent, the type to make, and the request."""
    client = call.client
    prepare = getattr(client, "_copy_and_prepare", None)
    options = copy.copy(call.options) if prepare is None else (yield prepare(call.options))
    cast_to = client._maybe_override_cast_to(call.cast_to, options)
    if options.idempotency_key is None and options.method.lower() != "get":
        options.idempotency_key = client._idempotency_key()
    try:
        prepared = yield client._prepare_options(copy.copy(options))
        request = client._build_request(prepared, retries_taken=0)
        yield client._prepare_request(request)
    except Exception as fault:  # noqa: BLE001 - as without credentials: nothing is sent, so none are needed
        log_once(("request", type(fault)), "the request of a kept reply could not be made whole: %r", fault)
        headers = {} if call.raw is None else {_RAW: call.raw}
        return options, cast_to, http.module.Request(options.method.upper(), _url(client, options), headers=headers)
    return prepared, cast_to, request


def _url(client: Any, options: Any) -> str:
    return str(client._prepare_url(options.url))


def _response(call: Call, source: Reply | Tape, request: Any, http: _Http, pace: Pace, *, awaiting: bool) -> Any:
    """A response as the http library makes it of what a connection brings, its body still to be read."""
    if isinstance(source, Reply):
        status, headers, body = 200, source.headers, KeptBody(source, pace)
        if source.form != "sse" and not source.cuts:
            headers = (*headers, ("content-length", str(len(source.body))))
    else:
        head = cast("Head", source.head)
        timeout = request.extensions.get("timeout", {}).get("read")
        status, headers, body = head.status, head.headers, FollowedBody(source, http.module, timeout)
    response = http.module.Response(status, headers=headers, stream=body, request=request, extensions=_EXTENSIONS)
    bound = http.awaiting if awaiting else http.blocking
    start = perf_counter()
    response.stream = bound(body, response=response, start=start) if http.told else bound(body, start=start)
    response.default_encoding = getattr(call.client._client, "_default_encoding", "utf-8")
    return response


def http_of(client: Any) -> _Http:
    """The http library that an SDK's client sits on."""
    kind: Any = type(client._client)  # pyright: ignore[reportUnknownVariableType]
    return _library(kind)


@lru_cache(maxsize=32)
def _library(kind: type) -> _Http:
    names = (base.__module__.partition(".")[0] for base in kind.__mro__)
    module = import_module(next(name for name in names if name in ("httpx", "httpx2")))
    private = import_module(f"{module.__name__}._client")
    told = "response" in inspect.signature(private.BoundSyncStream.__init__).parameters
    blank = module.Request("POST", "https://unsent.invalid")
    return _Http(module, private.BoundSyncStream, private.BoundAsyncStream, told, blank)
