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
_STAMP = struct.Struct("dd")
_FRESH = 0.002
"""Seconds for which the one in front is taken to wait still; it says so with each try."""


def pause() -> None:
    """Sleep while somebody else is at work, who takes a tenth of a millisecond."""
    time.sleep(random.uniform(1e-6, 5e-5))


class Turn:
    """Taken for each step, and for whatever else is done to the file, so that no two processes ever do so at once.

    Who waited longest stands in front: it tries again and again, and writes into the file when it last did so and when
    it began to wait. The others look there now and then, and try when they waited longer, or nobody stands there. So
    few are awake, and nobody takes the turn twice while another one waits. (SQLite's own way of waiting, for 1, 2, 5,
    10, 15, 20, 25 ms …, lets who waited longest wait longest.)
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be opened."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666) if fcntl is not None else -1

    def take(self, until: float) -> bool:
        """Whether it is ours, at ``until`` (``time.monotonic``) at the latest."""
        if fcntl is None:
            return True
        began = now = time.monotonic()
        while True:
            if self._behind(now, began):
                time.sleep(random.uniform(2e-4, 1e-3))
            else:
                try:
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.pwrite(self._file, _STAMP.pack(now, began), 0)
                    pause()
                else:
                    if now != began:
                        os.pwrite(self._file, _STAMP.pack(0.0, 0.0), 0)
                    return True
            now = time.monotonic()
            if now >= until:
                return False

    def give(self) -> None:
        """Let another one have it."""
        if fcntl is not None and self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let the file go (and not the lock, if a parent process has that)."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def _behind(self, now: float, began: float) -> bool:
        stamp = os.pread(self._file, _STAMP.size, 0)
        if len(stamp) < _STAMP.size:
            return False
        tried, since = _STAMP.unpack(stamp)
        return since < began and abs(now - tried) < _FRESH
