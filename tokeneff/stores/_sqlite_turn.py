"""One process after the other: a lock on a file of its own, which ends with whoever holds it."""

from __future__ import annotations

import os
import random
import struct
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

TURNS = fcntl is not None
"""Whether there are such locks here."""
_STAMP = struct.Struct("d")
_RECENT = 0.002
"""Seconds for which somebody who said that he waits is taken to wait still; he says so with each try."""
_EAGER = 0.02
"""Seconds of short sleeps, before longer ones: a step takes a tenth of a millisecond."""


def pause(began: float) -> None:
    """Sleep while somebody else is at work, not for long at first.

    SQLite's own way of waiting (1, 2, 5, 10, 15, 20, 25 ms …) lets whoever waited longest wait longest.

    Args:
        began: when the waiting began, by ``time.monotonic``.
    """
    time.sleep(random.uniform(1e-6, 5e-5) if time.monotonic() - began < _EAGER else random.uniform(5e-5, 4e-4))


class Turn:
    """Taken for each step, and for whatever else is done to the file, so that no two processes ever do so at once.

    Who waits writes the time into the file. Who had it a moment ago lets those who wait go first: it would take it
    again and again before any of them wakes up.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be opened."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666) if fcntl is not None else -1
        self._gave = 0.0

    def take(self, until: float) -> bool:
        """Whether it is ours, at ``until`` (``time.monotonic``) at the latest."""
        if fcntl is None:
            return True
        began = now = time.monotonic()
        if now - self._gave < _RECENT and self._awaited(now):
            os.sched_yield()
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                now = time.monotonic()
                if now >= until:
                    return False
                os.pwrite(self._file, _STAMP.pack(now), 0)
                pause(began)

    def give(self) -> None:
        """Let another one have it."""
        if fcntl is not None and self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._gave = time.monotonic()

    def close(self) -> None:
        """Let the file go (and not the lock, if a parent process has that)."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _awaited(self, now: float) -> bool:
        stamp = os.pread(self._file, _STAMP.size, 0)
        return len(stamp) == _STAMP.size and abs(now - _STAMP.unpack(stamp)[0]) < _RECENT
