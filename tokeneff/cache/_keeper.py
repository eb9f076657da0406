"""What is done behind the callers' backs: replies are kept, leases renewed and let go.

One daemon thread for each store, started when there is something to do, which ends when there is nothing for a while.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from tokeneff._log import log_once
from tokeneff.errors import StoreUnavailable
from tokeneff.stores._guarded import _exit

if TYPE_CHECKING:
    from tokeneff.cache.stores import CacheStore

LEASE = 10.0
"""Seconds after which others ask for what a process that is gone was asking for."""
BEATS = 3
_LINGER = 2.0
"""Seconds for which a thread without work waits for more."""
_MOST_JOBS, _MOST_BYTES = 10_000, 64_000_000
"""What may wait to be kept; beyond, replies are not kept."""


class Keeper:
    """Works for one store.

    Args:
        store: whose leases are renewed.
    """

    def __init__(self, store: CacheStore) -> None:
        self._store = store
        self.reset()

    def reset(self) -> None:
        """As new; what a forked child begins with."""
        # The collector may end a call that leads in the midst of what is guarded, in the same thread.
        self._lock = threading.RLock()
        self._queue: SimpleQueue[tuple[Callable[[], None], int]] = SimpleQueue()
        self._leads: dict[bytes, str] = {}
        self._forgone: set[str] = set()
        self._running = False
        self._jobs = self._bytes = 0
        self._idle = threading.Event()
        self._idle.set()

    def do(self, work: Callable[[], None], size: int = 0) -> bool:
        """Have ``work`` done soon; ``False`` where too much waits already. ``size``: bytes that it holds."""
        with self._lock:
            if self._jobs >= _MOST_JOBS or self._bytes + size > _MOST_BYTES:
                full = True
            else:
                full = False
                self._jobs += 1
                self._bytes += size
                self._idle.clear()
        if full:
            log_once("cache full", "a store of replies is too slow for what is to be kept: some is not")
            return False
        self._queue.put((work, size))
        self._ensure()
        return True

    def leads(self, key: bytes, owner: str) -> None:
        """Renew the lease of ``owner`` from now on, unless it has given up meanwhile."""
        with self._lock:
            wanted = owner not in self._forgone
            if wanted:
                self._leads[key] = owner
        if wanted:
            self._ensure()
        else:
            self.release(key, owner)

    def forgo(self, owner: str) -> None:
        """``owner`` gives up while a thread still asks for its lease: what that comes to is let go."""
        with self._lock:
            if len(self._forgone) >= _MOST_JOBS:
                self._forgone.clear()
            self._forgone.add(owner)

    def led(self, key: bytes, owner: str) -> None:
        """Renew it no more, and let it go. Of one that never led, as where a kept reply was found, nothing is to do."""
        with self._lock:
            led = self._leads.get(key) == owner
            if led:
                del self._leads[key]
        if led:
            self.release(key, owner)

    def release(self, key: bytes, owner: str) -> None:
        """Let go a lease of ``owner``, if it has one."""
        self.do(lambda: self._store.led(key, owner))

    def finish(self, timeout: float) -> None:
        """Wait until all that was to be done is done, because the process ends."""
        self._idle.wait(timeout)

    def _ensure(self) -> None:
        with self._lock:
            if self._running:
                return
            self._running = True
        _exit.announce()
        try:
            threading.Thread(target=self._serve, name="tokeneff-cache", daemon=True).start()
        except RuntimeError:  # the interpreter is ending
            self._running = False
            self._drain()

    def _serve(self) -> None:
        beat = time.monotonic() + LEASE / BEATS
        until = time.monotonic() + _LINGER
        while True:
            now = time.monotonic()
            try:
                job = self._queue.get(timeout=max(min(beat, until) - now, 0.001))
            except Empty:
                job = None
            if job is not None:
                self._one(*job)
                until = time.monotonic() + _LINGER
            now = time.monotonic()
            if now >= beat:
                self._renew()
                beat = time.monotonic() + LEASE / BEATS
            if now >= until and self._end():
                return

    def _end(self) -> bool:
        with self._lock:
            if self._leads or self._jobs:
                return False
            self._running = False
            return True

    def _drain(self) -> None:
        while True:
            try:
                job = self._queue.get_nowait()
            except Empty:
                return
            self._one(*job)

    def _one(self, work: Callable[[], None], size: int) -> None:
        try:
            work()
        except StoreUnavailable as fault:
            log_once(("cache keep", str(fault)), "a reply could not be kept: %s", fault)
        except Exception as fault:  # noqa: BLE001 - the thread has to live on
            log_once(("cache keep", type(fault)), "a reply could not be kept: %r", fault, exc_info=fault)
        with self._lock:
            self._jobs -= 1
            self._bytes -= size
            if not self._jobs:
                self._idle.set()

    def _renew(self) -> None:
        for key, owner in list(self._leads.items()):
            try:
                self._store.lead(key, owner, int(LEASE * 1e6))
            except Exception as fault:  # noqa: BLE001 - the next beat tries again
                log_once(("cache lease", type(fault)), "a lease could not be renewed: %r", fault)
                return
