"""The twin of ``_feed``, for a reply that is read awaiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tokeneff import _reaper
from tokeneff._log import log_once
from tokeneff.cache._feed import Feeding, gone, tell
from tokeneff.cache._tape import Gone, Tape

_tasks: set[asyncio.Task[None]] = set()


class AsyncFeed(Feeding):
    """A body read awaiting. Only under asyncio can it be read without its caller."""

    __slots__ = ("_busy", "_loop", "_takes_over")

    def __init__(self, body: Any, tape: Tape) -> None:
        super().__init__(body, tape)
        self._busy = False
        self._takes_over = False
        self._loop = _running_loop()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _AsyncChunks(self)

    async def aclose(self) -> None:
        if self._lets_go():
            await self._body.aclose()

    @property
    def sharable(self) -> bool:
        return self._loop is not None

    def share(self) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._take_over)
                return
        except RuntimeError:  # closed
            pass
        self.tape.join(can=self.tape.ended)

    def _take_over(self) -> None:
        """In the loop: read in a task, as soon as the caller is not in the middle of reading."""
        if self._busy:
            self._takes_over = True
            return
        with self._lock:
            self.shared = not self.tape.ended
        if self.shared and self._loop is not None:
            task = self._loop.create_task(self._pump())
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)
        self.tape.join()

    async def read(self) -> bytes:
        """The caller's own reading."""
        if self._items is None:
            self._items = self._body.__aiter__()
        self._busy = True
        try:
            chunk = await self._items.__anext__()
            self.tape.add(chunk)
        except StopAsyncIteration:
            self.tape.end()
            raise
        except BaseException as error:
            self.tape.end(gone(error))
            raise
        finally:
            self._busy = False
            if self._takes_over:
                self._takes_over = False
                self._take_over()
        return chunk

    async def _pump(self) -> None:
        error: BaseException | None = None
        if self._items is None:
            self._items = self._body.__aiter__()
        try:
            while self._wanted():
                self.tape.add(await self._items.__anext__())
            error = Gone()
        except StopAsyncIteration:
            pass
        except BaseException as fault:  # noqa: BLE001 - told to those who read
            error = fault
        cancelled = isinstance(error, asyncio.CancelledError)
        for told in self._over(error):
            try:
                if cancelled:
                    raise RuntimeError("the loop ends")
                await asyncio.get_running_loop().run_in_executor(None, tell, told)
            except RuntimeError:
                _reaper.hand_over(told)
        if not cancelled:
            try:
                await self._body.aclose()
            except Exception as fault:  # noqa: BLE001 - nobody is left to raise it to
                log_once("shared", "a shared reply could not be closed: %r", fault)


class _AsyncChunks:
    """What the caller of the first call reads."""

    __slots__ = ("_feed", "_index")

    def __init__(self, feed: AsyncFeed) -> None:
        self._feed = feed
        self._index = 0

    def __aiter__(self) -> _AsyncChunks:
        return self

    async def __anext__(self) -> bytes:
        feed, tape = self._feed, self._feed.tape
        if not feed.shared:
            chunk = await feed.read()
            self._index += 1
            return chunk
        while self._index >= len(tape.chunks):
            if tape.ended and self._index >= len(tape.chunks):
                feed._rest()  # pyright: ignore[reportPrivateUsage]
                raise StopAsyncIteration
            await tape.await_(self._index, None)
        self._index += 1
        return tape.chunks[self._index - 1]

    async def aclose(self) -> None:
        feed = self._feed
        close = None if feed.shared else getattr(feed._items, "aclose", None)  # pyright: ignore[reportPrivateUsage]
        if close is not None:
            await close()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
