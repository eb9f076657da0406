"""Watching a reply that is still coming: a forwarding byte stream inside the response, which changes nothing.

It goes *inside* the stream that the http client bound to the response, so ``response.stream`` stays the object that
it was, and ``elapsed``, ``close`` and the kind of stream are the http client's own.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tokeneff import _reaper
from tokeneff._adrive import asettle
from tokeneff._chunks import AsyncChunks
from tokeneff._drive import settle
from tokeneff._exchange import ENDS_WITH_ITS_EVENT, Exchange
from tokeneff._flow import Ending, Outcome, Run
from tokeneff._log import log_once
from tokeneff.errors import CUTS

if TYPE_CHECKING:
    from tokeneff._flow import Failure
    from tokeneff._metering import Metering
    from tokeneff._sse import Scout
    from tokeneff.cache._feed import Feed
    from tokeneff.cache._feed_async import AsyncFeed

_KEEP = 16 * 1024 * 1024
"""Bytes kept of a reply that the caller reads as bytes, to find its usage at the end; beyond, it is unknown."""


class WatchedBody:
    """What is common to a body read blocking and one read awaiting."""

    __slots__ = (
        *("__weakref__", "_body", "_encoding", "_kept", "_key", "_kind", "_newest", "_scout", "_size"),
        *("exchange", "feed"),
    )

    def __init__(self, body: Any, exchange: Exchange, response: Any, feed: Feed | AsyncFeed | None = None) -> None:
        self._body = body
        self.exchange = exchange
        self.feed = feed
        """What puts the body on a tape, where it is the reply that others wait for as well."""
        self._key: int | None = None
        self._kind: str = response.headers.get("content-type", "")
        self._encoding: str = response.headers.get("content-encoding", "")
        self._size = 0
        self._newest = b""
        readable = "json" in self._kind or "event-stream" in self._kind
        self._kept: list[bytes] | None = [] if exchange.call.raw is not None and readable else None
        self._scout: Scout | None = None
        if exchange.meter is not None and self._kept is not None:
            from tokeneff._sse import scout

            self._scout = scout(self._kind, self._encoding, exchange.call)

    def arm(self, run: Run) -> None:
        """From now on the end of the reply is told, once, to ``run``."""
        self._key = _reaper.hold(self, run)

    def disarm(self) -> None:
        """Nothing more is to be told."""
        self._key = None

    def event(self, data: Any) -> Any:
        """One event that the SDK parsed; returns what the SDK goes on with."""
        exchange = self.exchange
        if self._kept is not None:
            self._kept = None
            exchange.chunks = 0  # of bytes so far; from here on the events are counted
        exchange.chunks += 1
        exchange.last = now = perf_counter()
        if exchange.first is None:
            exchange.first = now
        try:
            data = exchange.reader.event(data)
        except Exception as fault:  # noqa: BLE001 - an event that we misread is still the caller's
            log_once(("event", type(exchange.reader)), "a stream event could not be read: %r", fault, exc_info=fault)
        if exchange.meter is not None and self._scout is None:
            self._hear(exchange.meter, exchange.reader)
        return data

    def saw(self, chunk: bytes) -> None:
        """Bytes that came for the caller. Raises what cuts a stream where no more of it is to be read."""
        self._newest = chunk
        exchange = self.exchange
        if exchange.first is None:
            exchange.first = perf_counter()
        if self._kept is not None:
            exchange.chunks += 1
            exchange.last = perf_counter()
            self._size += len(chunk)
            self._kept.append(chunk)
            if self._size > _KEEP:
                self._kept = None
        if self._scout is not None and exchange.meter is not None and self._scout.read(chunk):
            self._hear(exchange.meter, self._scout.reader)

    def _hear(self, meter: Metering, reader: Any) -> None:
        try:
            meter.heard(reader)
        except CUTS:
            if self.feed is not None:
                self.feed.cut()  # for those as well who read along
            raise

    @property
    def reads(self) -> Any:
        """The reader that is at the newest event."""
        return self.exchange.reader if self._scout is None else self._scout.reader

    def over(self, ending: Ending, error: BaseException | None = None) -> tuple[Run, Outcome] | None:
        """The first time: what is to be told to whom."""
        failure = None if error is None else self.exchange.call.family.failure(error)
        feed = None if self.feed is None or self._has_all else self.feed
        if feed is not None and feed.goes_on(partial(self._read_on, self._key, ending, failure)):
            return None  # others read it, and it is over when they have it all
        run = _reaper.release(self._key)
        if run is None:
            return None
        self._read_kept()
        return run, self._outcome(ending, failure)

    @property
    def _has_all(self) -> bool:
        """Whether the caller has seen the last event, after which at most the end of the transfer is to come."""
        exchange = self.exchange
        return self._done or (exchange.call.endpoint.dialect in ENDS_WITH_ITS_EVENT and exchange.reader.terminal)

    @property
    def _done(self) -> bool:
        """Whether the newest bytes say that all was said."""
        return b"[DONE]" in self._newest[-16:]

    def _outcome(self, ending: Ending, failure: Failure | None) -> Outcome:
        exchange = self.exchange
        if ending in ("broken_off", "dropped") and (self._done or exchange.reader.terminal):
            ending = "read"
        if exchange.meter is not None and exchange.meter.failure is not None:
            ending, failure = "broken_off", exchange.meter.failure
        outcome = exchange.outcome(ending, failure)
        exchange.recorded()
        return outcome

    def _read_on(self, key: int | None, ending: Ending, failure: Failure | None) -> None:
        """The reply was read to its end without its caller: what it used is known now."""
        run = _reaper.release(key)
        if run is not None:
            self.exchange.reread()
            settle(run, self._outcome(ending, failure))

    def _read_kept(self) -> None:
        kept, self._kept = self._kept, None
        if not kept:
            return
        try:
            content = b"".join(kept)
            if self._encoding in ("gzip", "deflate"):
                content = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(content)
            elif self._encoding not in ("", "identity"):
                return
            self.exchange.read_bytes(self._kind, content)
        except Exception as fault:  # noqa: BLE001 - half a body is no fault of the caller's
            log_once(("kept", type(fault)), "a reply read as bytes could not be read for its usage: %r", fault)

    def closing(self) -> tuple[Ending, BaseException | None]:
        """How a reply ends that is being closed, judged by what is in flight."""
        error = sys.exc_info()[1]
        if error is None:
            return "broken_off", None
        if isinstance(error, GeneratorExit):
            return ("dropped" if self.exchange.call.raw is None else "broken_off"), None
        if isinstance(error, asyncio.CancelledError):
            return "cancelled", error
        return ("failed", error) if self._raised_reading(error.__traceback__) else ("broken_off", None)

    def _raised_reading(self, trace: TracebackType | None) -> bool:
        """Whether the error came up through the SDK's reading of this very body, not from the caller's code."""
        while trace is not None:
            frame = trace.tb_frame
            if frame.f_code.co_name == "__stream__":
                response = frame.f_locals.get("response")
                if body_of(response) is self:
                    return True
            trace = trace.tb_next
        return False

    def drop(self) -> None:
        """End as dropped, from the collector's thread or at exit."""
        told = self.over("dropped")
        if told is not None:
            run, outcome = told
            # Blocking also for an asynchronous call: nobody is left to await.
            _reaper.hand_over(lambda: settle(run, outcome))

    def __del__(self) -> None:
        if getattr(self, "_key", None) is not None:
            self.drop()


class WatchedStream(WatchedBody):
    """A body read blocking."""

    __slots__ = ()

    def __iter__(self) -> Iterator[bytes]:
        try:
            if self._kept is None:
                for chunk in self._body:
                    self._newest = chunk
                    yield chunk
            else:
                for chunk in self._body:
                    self.saw(chunk)
                    yield chunk
        except GeneratorExit:
            raise
        except CUTS as error:
            self._body.close()  # at once: the caller may take a while to close the response
            self.end("broken_off", error)
            raise
        except BaseException as error:
            self.end("cancelled" if not isinstance(error, Exception) else "failed", error)
            raise
        self.end("read")

    def close(self) -> None:
        ending, error = self.closing()
        try:
            self._body.close()
        finally:
            self.end(ending, error)

    def end(self, ending: Ending, error: BaseException | None = None) -> None:
        """The reply is over; only the first end of several counts."""
        told = self.over(ending, error)
        if told is None:
            return
        run, outcome = told
        if _reaper.collecting():
            _reaper.hand_over(lambda: settle(run, outcome))
        else:
            settle(run, outcome)


class WatchedAsyncStream(WatchedBody):
    """A body read awaiting."""

    __slots__ = ()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return AsyncChunks(self, self._body.__aiter__())

    async def aclose(self) -> None:
        ending, error = self.closing()
        try:
            await self._body.aclose()
        finally:
            await self.end(ending, error)

    async def cut(self) -> None:
        """No more of it is to be read, whoever reads it."""
        if self.feed is not None:
            self.feed.cut()
        await self.aclose()

    async def end(self, ending: Ending, error: BaseException | None = None) -> None:
        told = self.over(ending, error)
        if told is not None:
            run, outcome = told
            effect = run.resume(outcome)
            if effect is not None:
                await asettle(run, effect)


def body_of(response: Any) -> WatchedBody | None:
    """The watched body inside a response, if it has one."""
    stream = getattr(response, "stream", None)
    inner = getattr(stream, "_stream", None)
    if type(inner) is WatchedStream or type(inner) is WatchedAsyncStream:
        return inner
    if inner is not None and getattr(inner, "_stream", None) is None:
        return None
    for _ in range(4):
        if stream is None or isinstance(stream, WatchedBody):
            return stream
        # httpx binds a body as `_stream`; the Anthropic SDK's tracing wraps that again, as `_body` or `_async_body`.
        inner = getattr(stream, "_stream", None) or getattr(stream, "_body", None)
        stream = inner or getattr(stream, "_async_body", None)
    return None
