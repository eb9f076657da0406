"""Waiting, in an event loop, for what another thread or another event loop brings: without a thread to wait in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Wake = Callable[[], None]


async def awaited(register: Callable[[Wake], bool], seconds: float | None) -> bool:
    """Wait until the function given to ``register`` is called, from any thread; whether it was, within the time.

    Args:
        register: told whom to wake, once; ``True`` where there is nothing to wait for any more.
        seconds: at most; ``None`` for ever.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return await _elsewhere(register, seconds)
    own: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, own)

    if register(wake):
        return True
    await asyncio.wait((own,), timeout=seconds)
    return own.done()


def _resolve(own: asyncio.Future[None]) -> None:
    if not own.done():
        own.set_result(None)


async def _elsewhere(register: Callable[[Wake], bool], seconds: float | None) -> bool:
    trio: Any = sys.modules.get("trio")
    if trio is None:
        return await _in_a_thread(register, seconds)
    token = trio.lowlevel.current_trio_token()
    event = trio.Event()

    def wake() -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(event.set)

    if register(wake):
        return True
    with trio.move_on_after(float("inf") if seconds is None else seconds):
        await event.wait()
    return event.is_set()


async def _in_a_thread(register: Callable[[Wake], bool], seconds: float | None) -> bool:
    from threading import Event

    import anyio
    import anyio.to_thread

    event = Event()
    if register(event.set):
        return True
    # Given up, not waited for, when the caller is cancelled: the thread ends by its own time limit.
    return await anyio.to_thread.run_sync(event.wait, seconds, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))
