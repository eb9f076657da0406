"""Bodies of responses that no connection has brought: kept ones, and ones that another call is just getting."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from tokeneff.cache._reply import Reply
from tokeneff.cache._tape import Gone, Tape

S = TypeVar("S")
Pace: TypeAlias = Literal["at once", "recorded"]


class _Awaited(Generic[S]):
    """Chunks, awaited one after the other. No generator: that would be one more for the event loop to close."""

    __slots__ = ("_next", "_number", "_state")

    def __init__(self, next_: Callable[[int, S], Awaitable[bytes | None]], state: S) -> None:
        self._next = next_
        self._state = state
        self._number = 0

    def __aiter__(self) -> _Awaited[S]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._next(self._number, self._state)
        if chunk is None:
            raise StopAsyncIteration
        self._number += 1
        return chunk


class KeptBody:
    """A kept reply, chunk by chunk as it came, at once or in the time that it took then."""

    __slots__ = ("_pace", "_reply", "_started")

    def __init__(self, reply: Reply, pace: Pace = "at once") -> None:
        self._reply = reply
        self._pace = pace if reply.times else "at once"
        self._started = time.perf_counter()

    def __iter__(self) -> Iterator[bytes]:
        for number, chunk in enumerate(self._chunks()):
            wait = self._wait(number)
            if wait > 0:
                time.sleep(wait)
            yield chunk

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Awaited(self._next, self._chunks())

    async def _next(self, number: int, chunks: Iterator[bytes]) -> bytes | None:
        chunk = next(chunks, None)
        if chunk is not None and (wait := self._wait(number)) > 0:
            import anyio

            await anyio.sleep(wait)
        return chunk

    def _chunks(self) -> Iterator[bytes]:
        body, start = self._reply.body, 0
        for end in self._reply.cuts or (len(body),):
            if end > start:
                yield body[start:end]
            start = end

    def _wait(self, number: int) -> float:
        if self._pace == "at once":
            return 0.0
        times = self._reply.times
        return self._started + times[min(number, len(times) - 1)] / 1e6 - time.perf_counter()

    def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class FollowedBody:
    """A reply that another call is just getting, as its chunks come.

    Args:
        tape: what it is put on. http: the http library of the client that reads it. timeout: seconds without a chunk.
    """

    __slots__ = ("__weakref__", "_http", "_left", "_tape", "_timeout")

    def __init__(self, tape: Tape, http: Any, timeout: float | None) -> None:
        self._tape = tape
        self._http = http
        self._timeout = timeout
        self._left = False

    def __iter__(self) -> Iterator[bytes]:
        number = 0
        while (chunk := self._ready(number)) is not None:
            if chunk:
                number += 1
                yield chunk
            elif not self._tape.wait(number, self._timeout):
                raise self._http.ReadTimeout("The read operation timed out")

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Awaited(self._next, None)

    async def _next(self, number: int, _: None) -> bytes | None:
        while (chunk := self._ready(number)) == b"":
            if not await self._tape.await_(number, self._timeout):
                raise self._http.ReadTimeout("")
        return chunk

    def _ready(self, number: int) -> bytes | None:
        """The chunk of this number, nothing where it has not come yet, ``None`` at the end."""
        tape = self._tape
        if number >= len(tape.chunks):
            if not tape.ended:
                return b""
            if number >= len(tape.chunks):  # looked at again: what came last came before the end
                if tape.gone is not None:
                    raise self._error(tape.gone)
                return None
        return tape.chunks[number]

    def _error(self, gone: Gone) -> Exception:
        """What a lost connection raises in this client's http library."""
        kind = getattr(self._http, gone.name, None)
        if isinstance(kind, type) and issubclass(kind, self._http.TransportError):
            error = kind(str(gone))
            with suppress(Exception):
                error.__cause__ = None if gone.cause is None else gone.cause(str(gone))
            return error
        return self._http.RemoteProtocolError(
            "peer closed connection without sending complete message body (incomplete chunked read)"
        )

    def close(self) -> None:
        if not self._left:
            self._left = True
            self._tape.leave()

    async def aclose(self) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_left", True):
            self.close()
