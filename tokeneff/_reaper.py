"""Endings that the garbage collector finds are told in a thread of their own.

The collector may run at any allocation, so also while this very thread holds a lock of the OpenTelemetry SDK or of a
store. Ending a call there could wait for that lock for ever; handed to another thread it waits only as long as the
lock is held.
"""

from __future__ import annotations

import _thread
import atexit
import gc
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

from tokeneff._log import log_once

if TYPE_CHECKING:
    from tokeneff._flow import Run

_PATIENCE = 0.02
"""Seconds that a collection waits for its endings to be told, so that ``gc.collect()`` is normally enough."""


class Live(Protocol):
    """A reply that its caller has not finished with."""

    def drop(self) -> None: ...


_queue: SimpleQueue[tuple[Callable[[], None], Any]] = SimpleQueue()
_live: WeakSet[Live] = WeakSet()
_runs: dict[int, Run] = {}
_keys = count()
_collecting_in = 0
_running = False
_exiting = False


def hold(live: Live, run: Run) -> int:
    """Keep ``run`` until ``live`` is over, and have it ended at interpreter exit at the latest; returns its key.

    A dropped stream is often a cycle, and the collector closes every generator in a cycle before anybody is told. So
    the policies, which are generators, are held from here, outside of whatever the caller's stream is part of.
    """
    if not _running:
        _start()
    key = next(_keys)
    _runs[key] = run
    _live.add(live)
    return key


def release(key: int | None) -> Run | None:
    """The run held under ``key``, for the first that asks: two threads that end one reply settle it once."""
    return _runs.pop(key, None) if key is not None else None


def collecting() -> bool:
    """Whether this thread is inside a garbage collection."""
    return _collecting_in == _thread.get_ident()


def exiting() -> bool:
    """Whether the process ends, and nothing goes on any more."""
    return _exiting


def hand_over(work: Callable[[], None]) -> None:
    """Run ``work`` in the reaper's thread, and wait for it for a moment."""
    if sys.is_finalizing() or not _running:
        _do(work)
        return
    done = _thread.allocate_lock()
    done.acquire()
    _queue.put((work, done))
    done.acquire(True, _PATIENCE)


def _do(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as fault:  # noqa: BLE001 - nobody is left to raise it to
        log_once("reaper", "an ended call could not be recorded", exc_info=fault)


def _serve() -> None:
    while True:
        work, done = _queue.get()
        _do(work)
        del work  # or the thread would keep the last reply alive until the next one
        with suppress(RuntimeError):
            done.release()


def _note(phase: str, info: dict[str, int]) -> None:
    global _collecting_in
    _collecting_in = _thread.get_ident() if phase == "start" else 0


def _start() -> None:
    global _running
    _running = True
    if _note not in gc.callbacks:
        gc.callbacks.append(_note)
    # Again, so that it comes before the exit of providers that were built since: the last to register is run first.
    atexit.unregister(end_all)
    atexit.register(end_all)
    threading.Thread(target=_serve, name="tokeneff-reaper", daemon=True).start()


def _forget() -> None:
    """In a forked child: the thread is gone, and the parent's replies are the parent's to end."""
    global _running, _queue, _collecting_in
    _running, _collecting_in = False, 0
    _queue = SimpleQueue()
    _live.clear()
    _runs.clear()


def end_all() -> None:
    """End what its callers have left open, because the process ends."""
    global _exiting
    _exiting = True
    for live in list(_live):
        live.drop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
