"""Spans from the moment they end until the courier has sent them."""

from __future__ import annotations

from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from tokeneff.otel._courier import Courier
from tokeneff.otel._outlet import Make, Outlet

if TYPE_CHECKING:
    from tokeneff.otel._settings import Settings, Signal


class SpanQueue(SpanProcessor):
    """A bounded queue: a span's end puts it there and does nothing else, whatever the collector is doing."""

    def __init__(self, settings: Settings, signal: Signal, make: Make) -> None:
        self._size = settings.queue_size
        self._batch_size = settings.batch_size
        self._exit_timeout = settings.exit_timeout
        self._outlet = Outlet(signal, make)
        self.courier = Courier(
            "tokeneff-otel-spans",
            signal.interval,
            self._deliver,
            interrupt=self._outlet.interrupt,
            in_child=self._in_child,
        )
        self._in_child()

    def _in_child(self) -> None:
        self._queue: deque[ReadableSpan] = deque()  # what is in the parent's queue is the parent's to send
        self._travelling = 0
        self._refused = 0
        self._failed = 0
        self.sent = 0
        self._outlet.in_child()

    @property
    def lost(self) -> int:
        """Spans that did not and will not arrive."""
        left = len(self._queue) + self._travelling if self.courier.stopped else 0
        return self._refused + self._failed + left

    def on_end(self, span: ReadableSpan) -> None:
        # Runs at the end of each call, and in finalizers: no lock, no log, no wait.
        context = span.get_span_context()
        if context is None or not context.trace_flags.sampled:
            return
        if len(self._queue) >= self._size or self.courier.stopped:
            self._refused += 1
            return
        self._queue.append(span)
        if len(self._queue) >= self._batch_size:
            self.courier.nudge()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.courier.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what is left, for at most the exit timeout."""
        deadline = monotonic() + self._exit_timeout
        self.courier.stop(deadline)
        self.close(deadline)

    def close(self, deadline: float) -> bool:
        """Wait for the last delivery until *deadline*, and report what is lost with it."""
        complete = self.courier.finished(deadline)
        if self.lost:
            self._report("the process ended before they were taken")
        return complete

    def _deliver(self, deadline: float | None) -> bool:
        complete = True
        while self._queue:
            if self.courier.stopped and deadline is None:
                return False  # the last delivery takes over
            if deadline is not None and monotonic() >= deadline:
                return False
            complete = self._send_batch(deadline) and complete
        if self._refused:
            self._report(f"the queue of {self._size} is full, the collector takes them too slowly")
        return complete

    def _send_batch(self, deadline: float | None) -> bool:
        # They leave the queue before they are sent, so that it has room again as soon as possible.
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_size))]
        self._travelling = len(batch)
        reason = self._outlet.send(batch, deadline)
        self._travelling = 0
        if reason is None:
            self.sent += len(batch)
            return True
        if self.courier.stopped and deadline is None:
            self._queue.extendleft(reversed(batch))  # cut short by the stop: the last delivery tries once more
            return False
        self._failed += len(batch)
        self._report(reason)
        return False

    def _report(self, reason: str) -> None:
        self._outlet.report(f"Spans, {self.lost} so far", reason)
