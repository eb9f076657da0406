"""A daemon thread that delivers one signal, and that nobody ever has to wait for longer than they said."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from time import monotonic

from tokeneff._log import log_once

Deliver = Callable[[float | None], bool]
"""Send all that was gathered. With a moment of ``time.monotonic()``, be done by then: it is the last time."""


class _Flush:
    __slots__ = ("answered", "complete")

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.complete = False


class Courier:
    """Calls *deliver* in a thread of its own: at every interval, when nudged, when flushed, and when stopped.

    A flush or a stop waits for an answer until its deadline and then goes on without one. *interrupt* is to cut
    short a delivery that is waiting, *in_child* to forget what belongs to the parent process.
    """

    def __init__(
        self,
        name: str,
        interval: float,
        deliver: Deliver,
        *,
        interrupt: Callable[[], None],
        in_child: Callable[[], None],
    ) -> None:
        self._name = name
        self._interval = interval
        self._deliver = deliver
        self._interrupt = interrupt
        self._in_child = in_child
        self._stop_at: float | None = None
        self._prepare()

    def _prepare(self) -> None:
        # A SimpleQueue, because its put() may interrupt itself: spans also end in finalizers, which run anywhere.
        self._orders: SimpleQueue[_Flush | None] = SimpleQueue()
        self._nudged = False
        self._complete = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)

    def start(self) -> None:
        # Not at the first span: no thread can be started while the interpreter is going down (Python 3.12).
        self._thread.start()
        _couriers.add(self)

    @property
    def stopped(self) -> bool:
        return self._stop_at is not None

    def nudge(self) -> None:
        """Ask for a delivery now; safe to call anywhere, finalizers too."""
        if not self._nudged:
            self._nudged = True
            self._orders.put(None)

    def flush(self, timeout: float) -> bool:
        """Deliver, and say whether all that was gathered before has arrived; after *timeout* seconds, ``False``."""
        return self.flushed(self.order_flush(), monotonic() + timeout)

    def order_flush(self) -> _Flush:
        order = _Flush()
        self._orders.put(order)
        return order

    def flushed(self, order: _Flush, deadline: float) -> bool:
        if self.stopped:
            return self.finished(deadline)
        if threading.current_thread() is self._thread:
            return False
        order.answered.wait(max(0.0, deadline - monotonic()))
        return order.complete

    def stop(self, deadline: float) -> None:
        """Ask for the last delivery, to be over by *deadline*; returns at once."""
        if self.stopped:
            return
        self._stop_at = deadline
        with suppress(Exception):
            self._interrupt()
        self._orders.put(None)

    def finished(self, deadline: float) -> bool:
        """Wait for the last delivery until *deadline*, and say whether it sent all; a late one is left to itself."""
        deadline = min(deadline, self._stop_at or deadline)  # nobody waits again for what has been given up
        return self._over.wait(max(0.0, deadline - monotonic())) and self._complete

    def begin_in_child(self) -> None:
        if not self.stopped:
            self._in_child()
            self._prepare()
            self._thread.start()

    def _run(self) -> None:
        _suppress_instrumentation()
        order: _Flush | None = None
        while self._stop_at is None:
            with suppress(Empty):
                order = self._orders.get(timeout=self._interval)
            self._nudged = False
            if self._stop_at is not None:
                break
            complete = self._attempt(None)
            if order is not None:
                order.complete = complete
                order.answered.set()
                order = None
        self._complete = self._attempt(self._stop_at)
        self._over.set()
        with suppress(Empty):  # whoever still waits for a flush
            while True:
                if order is not None:
                    order.complete = self._complete
                    order.answered.set()
                order = self._orders.get_nowait()

    def _attempt(self, deadline: float | None) -> bool:
        try:
            return self._deliver(deadline)
        except Exception as error:  # noqa: BLE001 - a fault here must not end the thread
            log_once(("otel", self._name, type(error)), "%s: delivery failed", self._name, exc_info=error)
            return False


def _suppress_instrumentation() -> None:
    """What this thread sends by HTTP is no business of an HTTP instrumentation: it would trace the tracing."""
    from opentelemetry import context

    if key := getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", None):
        context.attach(context.set_value(key, True))


_couriers: weakref.WeakSet[Courier] = weakref.WeakSet()
_quiet = threading.RLock()


class _Fork(threading.local):
    held = False


_fork = _Fork()


@contextmanager
def no_fork() -> Generator[None]:
    """Keep the process from forking meanwhile: a lock held at that moment would stay locked in the child for ever."""
    with _quiet:
        yield


def _before_fork() -> None:
    _fork.held = _quiet.acquire(timeout=0.5)  # a user's callback that hangs must not hang the fork too


def _after_fork_in_parent() -> None:
    if _fork.held:
        _fork.held = False
        _quiet.release()


def _after_fork_in_child() -> None:
    global _quiet
    _quiet = threading.RLock()
    for courier in list(_couriers):
        with suppress(Exception):
            courier.begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
