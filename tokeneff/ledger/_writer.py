"""The queue between calls and the ledger, and the thread that empties it.

A call appends to a queue and goes on. The thread writes what has come every half second in one transaction; it is
started by the first call, and ends when none has come for ten seconds. What cannot be written waits in the queue, which
is bounded: beyond, calls are counted as lost. So whatever becomes of the disk, no call waits for it, or fails.
"""

from __future__ import annotations

import _thread
import sqlite3
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TypeAlias

from tokeneff._chance import chance
from tokeneff._log import log_once
from tokeneff._sqlite.faults import busy, told
from tokeneff.errors import LedgerError
from tokeneff.ledger._exit import announce, finish_at_exit
from tokeneff.ledger._record import CallRecord
from tokeneff.ledger._store import Store

INTERVAL = 0.5
"""Seconds between writes: what a killed process may lose, beside what the disk could not take in time."""
MOST_ROWS = 20_000
"""Calls that wait at most."""
MOST_CONTENT = 64 * 1024 * 1024
"""Characters of content that wait at most; beyond, calls are kept without it."""
BATCH = 5_000
"""Calls written in one transaction at most."""
IDLE = 10.0
"""Seconds without a call after which the thread ends and the file is closed."""
_SLOWEST = 5.0
"""Seconds between two tries on a disk that takes nothing."""

Marker: TypeAlias = threading.Event
"""In the queue among the records: set when everything before it is written."""


_BROKEN = 1.0
"""Seconds that an ending process goes on trying with a disk that is full, read-only or broken."""


class Writer:
    """Writes what is added to one store, soon, and from a thread of its own."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.reset()
        finish_at_exit(self)

    def reset(self) -> None:
        """As new, with nothing waiting; what a forked child begins with."""
        self.lost = 0
        """Calls of this process that could not be kept."""
        self._rows: deque[CallRecord | Marker] = deque()
        self._taken: list[CallRecord | Marker] = []
        self._lock = threading.RLock()
        # A bare lock, taken: releasing it wakes the thread, and can interrupt nothing that waits for another lock.
        self._signal = _thread.allocate_lock()
        self._signal.acquire()
        self._running = self._ending = self._hurried = False
        self._thread: threading.Thread | None = None
        self._untold = 0
        self._content = 0
        self._failures = 0
        self._trouble = ""
        self._passing = True
        """Whether the last failure was others' turn, which ends, and no trouble of the disk's."""

    def add(self, record: CallRecord) -> None:
        """Have the record written. Never blocks, never raises."""
        try:
            rows = self._rows
            waiting = len(rows)
            if waiting >= MOST_ROWS:
                self._lose(1)
                return
            if record.content is not None:
                record = self._weighed(record)
            rows.append(record)
            if not self._running:
                self._start()
            elif waiting == BATCH:
                self._wake()
        except Exception as fault:  # noqa: BLE001 - a call must not fail because it could not be recorded
            log_once(("ledger add", type(fault)), "a call could not be recorded: %r", fault, exc_info=fault)

    def flush(self, timeout: float) -> bool:
        """Wait until everything added so far is in the store; whether it is.

        Args:
            timeout: seconds.
        """
        if not (self._running or self._rows or self._taken):
            return True
        marker = Marker()
        self._rows.append(marker)
        self._hurried = True
        if not self._running:
            self._start()
        self._wake()
        return marker.wait(timeout)

    def finish(self, timeout: float, longest: float | None = None) -> None:
        """Write what waits, end the thread and close the store; what cannot be written in time is lost.

        Args:
            timeout: seconds that may pass while neither we nor others write. longest: seconds in all; as ``timeout``
                unless told.
        """
        now = time.monotonic()
        until, end = now + timeout, now + (timeout if longest is None else longest)
        self._ending = self._hurried = True
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            self._wake()
            thread.join(timeout)
            if thread.is_alive():  # SQLite does not come back
                self._give_up()
                return
        pulse = self.store.pulse()
        while (self._rows or self._taken) and time.monotonic() < min(until, end):
            pause = self._step()
            if not (self._rows or self._taken):
                break
            if not self._passing:
                end = min(end, now + _BROKEN)
            if (seen := self.store.pulse()) != pulse:
                pulse, until = seen, time.monotonic() + timeout
            self._signal.acquire(True, min(pause, max(0.0, until - time.monotonic())))
        self._give_up()
        self.store.release()
        self._ending = False
        if self._rows:  # of somebody who did not know
            self._start()

    def _give_up(self) -> None:
        left = sum(not isinstance(row, Marker) for row in (*self._taken, *self._rows))
        self._rows.clear()
        self._taken = []
        if left:
            self._lose(left)

    def _start(self) -> None:
        with self._lock:
            if self._running or self._ending:
                return
            self._running = True
            announce()
            thread = threading.Thread(target=self._serve, name="tokeneff-ledger", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending; what waits is written by `finish`
                self._running = False
            else:
                self._thread = thread

    def _wake(self) -> None:
        with suppress(RuntimeError):  # it is awake
            self._signal.release()

    def _serve(self) -> None:
        pause, quiet_since = INTERVAL, time.monotonic()
        while True:
            if not self._ending:
                self._signal.acquire(True, pause)
            if self._rows or self._taken:
                quiet_since = time.monotonic()
            pause = self._step()
            if (self._ending or time.monotonic() - quiet_since >= IDLE) and self._stops():
                return

    def _stops(self) -> bool:
        """Whether the thread may end: said first, looked after again, for a call may come in between."""
        if not self._ending:
            self.store.release()
        with self._lock:
            self._running = False
            if self._ending or not (self._rows or self._taken):
                self._thread = None
                return True
            self._running = True
            return False

    def _step(self) -> float:
        """Write one batch; returns the seconds to wait before the next."""
        taken, rows = self._taken, self._rows
        while rows and len(taken) < BATCH:
            taken.append(rows.popleft())
        if not taken:
            return INTERVAL
        try:
            self._write(taken)
        except Exception as fault:  # noqa: BLE001 - the thread has to live on
            return self._failed(fault)
        self._failures = 0
        self._taken = []
        self._hurried = self._hurried and bool(rows)
        if self.store.unsealed and not (self._hurried or self._ending or len(rows) >= BATCH):
            with suppress(Exception):  # tried again after the next calls; reports go without
                self.store.seal()
        return 0.0 if self._hurried or len(rows) >= BATCH else INTERVAL

    def _write(self, taken: list[CallRecord | Marker]) -> None:
        records = [row for row in taken if not isinstance(row, Marker)]
        untold = self._untold
        if records or untold:
            self._keep(records, untold)
        with self._lock:
            self._untold -= untold
            self._content -= sum(len(record.content) for record in records if record.content is not None)
        for row in taken:
            if isinstance(row, Marker):
                row.set()

    def _keep(self, records: list[CallRecord], untold: int) -> None:
        try:
            unfit = self.store.write(records, (untold, self._trouble) if untold else None)[1]
        except Exception as fault:
            if _of_the_disk(fault):
                raise
            # One of them is at fault: found by halving, so that the others are kept.
            if len(records) > 1:
                middle = len(records) // 2
                self._keep(records[:middle], untold)
                self._keep(records[middle:], 0)
                return
            log_once(("ledger row", type(fault)), "a call does not fit the ledger %s: %s", self.name, told(fault))
            unfit = len(records)
        if unfit:
            self._lose(unfit)

    def _failed(self, fault: Exception) -> float:
        self._failures += 1
        self._trouble = told(fault)
        self._passing = isinstance(fault, sqlite3.Error) and busy(fault)
        if self._passing:
            if self._failures > 100:
                self._complain(fault)
            return chance.uniform(0.005, 0.03) * min(self._failures, 10)
        self._complain(fault)
        return min(INTERVAL * self._failures, _SLOWEST)

    def _complain(self, fault: Exception) -> None:
        log_once(
            ("ledger", self.name, type(fault)),
            "ledger %s cannot be written (%s); calls go on, the last %d wait to be recorded, and more are lost",
            self.name,
            told(fault),
            MOST_ROWS,
        )

    def _lose(self, calls: int) -> None:
        with self._lock:
            self.lost += calls
            self._untold += calls
        log_once(
            ("ledger lost", self.name),
            "ledger %s loses calls (%s); `Ledger.lost` counts them",
            self.name,
            self._trouble or "more come than can be written",
        )

    def _weighed(self, record: CallRecord) -> CallRecord:
        size = len(record.content or "")
        if self._content + size > MOST_CONTENT:
            log_once(("ledger content", self.name), "ledger %s keeps calls without their content for now", self.name)
            return record._replace(content=None)
        with self._lock:
            self._content += size
        return record


def _of_the_disk(fault: Exception) -> bool:
    """Whether the fault is the store's, and may be over later; otherwise it is one of the records'."""
    if isinstance(fault, sqlite3.Error):
        return isinstance(fault, sqlite3.OperationalError) or type(fault) is sqlite3.DatabaseError
    return isinstance(fault, (LedgerError, OSError))
