"""Who leaves a store alone that does not answer, and looks after it in the background."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeAlias
from weakref import WeakMethod

from tokeneff._chance import chance
from tokeneff._log import log_once
from tokeneff.errors import StoreUnavailable

SHORTEST, LONGEST = 0.5, 30.0
"""Seconds between two looks at a store that is away; doubled each time."""
_Look: TypeAlias = "WeakMethod[Callable[[], None]]"
_Wake: TypeAlias = "SimpleQueue[object]"
"""What ends a thread's pause. A queue, not an event: the garbage collector may put something into it at any point."""


class Breaker:
    """Says whether a store may be asked. While it may not, one thread of this process looks after it now and then.

    The thread holds whoever has the breaker only weakly, and ends with it: nobody looks after a store that nobody has
    any more. Only what waits for the store is waited for (`owes`).

    Args:
        look: a method that asks the store, and does what has to be done before others may; raises `StoreUnavailable`.
        told: a method that is told of each change: what it was, and of how many seconds.
    """

    def __init__(self, look: Callable[[], None], told: Callable[[bool, float], None]) -> None:
        self._look = WeakMethod(look)
        self._told = WeakMethod(told)
        self.reset()

    def reset(self) -> None:
        """As new: nothing is known of the store. What a forked child begins with."""
        self.up = False
        self.reason = "it was not reached yet"
        self._lock = threading.Lock()
        self._met = threading.Event()
        self._wake: _Wake = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._owing: object = None
        """Whoever has the breaker, while it must not be let go."""
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
        self._tell(False, 0.0)

    def owes(self, owner: object) -> None:
        """Keep ``owner``, which has the breaker, until the store is back: something waits there to be told to it."""
        if not self.up:
            self._owing = owner

    def stop(self, timeout: float) -> None:
        """Have the thread end. Whoever asks for the store again begins anew."""
        self._wake.put(None)
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        thread.join(timeout)
        with self._lock:
            if self._thread is thread and not thread.is_alive():
                self._thread = self._owing = None
                self._met.clear()

    def _pause(self) -> float:
        """Never the same for two processes, so that they do not all come at once."""
        pause = min(SHORTEST * 2**self._failures, LONGEST) * chance.uniform(0.8, 1.2)
        self._failures += 1
        return pause

    def _start(self, pause: float) -> None:
        look = self._look()
        if look is None:
            return
        wake = self._wake = SimpleQueue()
        watched = WeakMethod(look, wake.put)  # who waits is woken when there is nobody to look for any more
        thread = threading.Thread(target=self._serve, args=(pause, wake, watched), name="tokeneff-store", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending
            self._met.set()
        else:
            self._thread = thread

    def _serve(self, pause: float, wake: _Wake, watched: _Look) -> None:
        while _slept(pause, wake):
            look = watched()
            if look is None:
                return
            try:
                look()
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
            del look  # or the pause would keep it

    def _missed(self) -> None:
        """The first contact failed, or takes too long."""
        with self._lock:
            if self._met.is_set():
                return
            self._since = time.monotonic()
            self._met.set()
        self._tell(False, 0.0)

    def _back(self) -> None:
        with self._lock:
            self.up, self._thread = True, None
            first = not self._met.is_set()
            self._met.set()
        if not first:
            self._tell(True, time.monotonic() - self._since)
        self._owing = None

    def _tell(self, up: bool, seconds: float) -> None:
        told = self._told()
        if told is not None:
            told(up, seconds)


def _slept(pause: float, wake: _Wake) -> bool:
    """Whether nobody was woken for so many seconds."""
    try:
        wake.get(timeout=pause)
    except Empty:
        return True
    return False
