"""The chunks of a body that is read awaiting, and its standing still while a budget's store is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from tokeneff.errors import CUTS

if TYPE_CHECKING:
    from tokeneff._metering import Metering
    from tokeneff._watch import WatchedAsyncStream


class AsyncChunks:
    """Not a generator: one more of those would be one more for the event loop to close."""

    __slots__ = ("_chunks", "_next", "_watched")

    def __init__(self, watched: WatchedAsyncStream, chunks: AsyncIterator[bytes]) -> None:
        self._watched = watched
        self._chunks = chunks
        self._next = chunks.__anext__

    def __aiter__(self) -> AsyncChunks:
        return self

    async def __anext__(self) -> bytes:
        watched = self._watched
        meter = watched.exchange.meter
        try:
            if meter is not None and meter.waiting:
                await _stand_still(meter, watched.reads)
            chunk = await self._next()
        except StopAsyncIteration:
            await watched.end("read")
            raise
        except CUTS:
            await watched.cut()
            raise
        except BaseException as error:
            await watched.end("cancelled" if not isinstance(error, Exception) else "failed", error)
            raise
        try:
            watched.saw(chunk)
        except CUTS:
            await watched.cut()
            raise
        return chunk

    async def aclose(self) -> None:
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()


async def _stand_still(meter: Metering, reader: Any) -> None:
    """Wait for a store without blocking the event loop; raises BudgetExceeded where a budget has no room for more."""
    import anyio.to_thread

    await anyio.to_thread.run_sync(meter.wait, abandon_on_cancel=True)
    meter.resume(reader)
