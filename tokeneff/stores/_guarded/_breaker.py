"""Who leaves a store alone that does not answer, and looks after it in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tokeneff._chance import chance
from tokeneff._log import log_once
from tokeneff.errors import StoreUnavailable

SHORTEST, LONGEST = 0.5, 30.0
"""Seconds between two looks at a store that is away; doubled each time."""


class Breaker:
    """Says whether a store may be asked. While it may not, one thread of this process looks after it now and then.

    Args:
        look: asks the store, and does what has to be done before others may; raises `StoreUnavailable`.
        told: is told of each change: what it was, and of how many seconds.
    """

    def __init__(self, look: Callable[[], None], told: Callable[[bool, float], None]) -> None:
        self._look = look
        self._told = told
        self.reset()

    def reset(self) -> None:
        """As new: nothing is known of the store. What a forked child begins with."""
        self.up = False
        self.reason = "it was not reached yet"
        self._lock = threading.Lock()
        self._met = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._since = 0.0

    def reachable(self, patience: float) -> bool:
        """Whether the store may be asked. The first time in a process it is looked for, for as long as ``patience``."""
        if self.up or self._met.is_set():
            return self.up
        with self._lock:
            if self._thread is None and not self._met.is_set():
                self._start(0.0)
        if not self._met.wait(patience):
            self._missed()  # later callers do not wait
        return self.up

    def worked(self) -> None:
        """A step was answered."""
        self._failures = 0

    def failed(self, fault: StoreUnavailable) -> None:
        """A step was not. Of many that fail at once the first counts."""
        with self._lock:
            if not self.up:
                return
            self.up, self.reason, self._since = False, str(fault), time.monotonic()
            self._start(self._pause())
        self._told(False, 0.0)

    def stop(self, timeout: float) -> None:
        """Have the thread end. Whoever asks for the store again begins anew."""
        self._wake.set()
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        thread.join(timeout)
        with self._lock:
            if self._thread is thread and not thread.is_alive():
                self._thread = None
                self._met.clear()

    def _pause(self) -> float:
        """Never the same for two processes, so that they do not all come at once."""
        pause = min(SHORTEST * 2**self._failures, LONGEST) * chance.uniform(0.8, 1.2)
        self._failures += 1
        return pause

    def _start(self, pause: float) -> None:
        self._wake.clear()
        thread = threading.Thread(target=self._serve, args=(pause,), name="tokeneff-budgets", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending
            self._met.set()
        else:
            self._thread = thread

    def _serve(self, pause: float) -> None:
        while not self._wake.wait(pause):
            try:
                self._look()
            except StoreUnavailable as fault:
                self.reason = str(fault)
            except Exception as fault:  # noqa: BLE001 - the thread has to live on
                self.reason = repr(fault)
                log_once(("store look", type(fault)), "looking after a store failed: %r", fault, exc_info=fault)
            else:
                self._back()
                return
            pause = self._pause()
            self._missed()

    def _missed(self) -> None:
        """The first contact failed, or takes too long."""
        with self._lock:
            if self._met.is_set():
                return
            self._since = time.monotonic()
            self._met.set()
        self._told(False, 0.0)

    def _back(self) -> None:
        with self._lock:
            self.up, self._thread = True, None
            first = not self._met.is_set()
            self._met.set()
        if not first:
            self._told(True, time.monotonic() - self._since)
