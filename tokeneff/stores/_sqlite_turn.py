"""One process after the other: a lock on a file of its own, which ends with whoever holds it."""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path

from tokeneff._chance import chance

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

TURNS = fcntl is not None
"""Whether there are such locks here."""
_PLACE = struct.Struct("dd")
"""What is written of who waits: since when, and when it last looked."""
_NOBODY = bytes(_PLACE.size)
_PLACES = 64
_ROUND = 0.01
"""Seconds after which who waits looks by itself, should nobody have called it."""
_FRESH = 0.04
"""Seconds for which it is taken to wait still."""


def pause() -> None:
    """Sleep while somebody else is at work, who takes a tenth of a millisecond."""
    time.sleep(chance.uniform(1e-6, 5e-5))


class Turn:
    """Taken for each step, and for whatever else is done to the file, so that no two processes ever do so at once.

    Who waits has a place in the file, where it writes since when; and an ear, a socket named after the place, by which
    it is called when the turn is given and nobody waits for longer. So all others sleep, and nobody takes the turn
    twice while another one waits. Places are only for being fair and quick: nothing but the lock decides whose turn it
    is, who is not called looks by itself, and of who was killed, or stopped, nobody waits for more than some
    hundredths of a second. (SQLite's own way of waiting, for 1, 2, 5, 10, 15, 20, 25 ms …, lets who waited longest
    wait longest.)
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError where the file cannot be opened."""
        self._path = path
        self._file, self._place, self._ear = -1, 0, None  # as `close` leaves it
        if fcntl is not None:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            found = os.fstat(self._file)
            self._name = f"\0tokeneff-{found.st_dev}-{found.st_ino}-"
            self._identity = found.st_dev, found.st_ino
            self._place, self._ear = self._seated()

    def take(self, until: float) -> bool:
        """Whether it is ours, at ``until`` (``time.monotonic``) at the latest."""
        began = now = time.monotonic()
        if fcntl is None or (self._first(now, began) and self._locked()):
            return True
        called = False
        try:
            while now < until:
                if not called:
                    os.pwrite(self._file, _PLACE.pack(began, now), self._place * _PLACE.size)
                if (called or self._first(now, began)) and self._locked():
                    return True
                called = self._listen(min(_ROUND, until - now))
                now = time.monotonic()
            return False
        finally:
            os.pwrite(self._file, _NOBODY, self._place * _PLACE.size)

    def give(self) -> None:
        """Let another one have it, and call who waits for longest."""
        if fcntl is None or self._file < 0:
            return
        fcntl.flock(self._file, fcntl.LOCK_UN)
        if self._ear is None:
            return
        for _, place in sorted(self._waiting(time.monotonic())):
            try:
                self._ear.sendto(b"", f"{self._name}{place}")
                return
            except ConnectionRefusedError:  # it was killed
                continue
            except OSError:  # it was called more often than it listened
                return

    def current(self) -> bool:
        """Whether it is a lock on the file that others find there."""
        if fcntl is None:
            return True
        try:
            found = os.stat(self._path)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def close(self) -> None:
        """Let the file go (and not the lock, if a parent process has that)."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)
        if self._ear is not None:
            self._ear.close()

    def __del__(self) -> None:
        self.close()

    def _seated(self) -> tuple[int, socket.socket | None]:
        """A place that nobody has, as long as there are any; and an ear, where there are names without files."""
        places = chance.sample(range(_PLACES), _PLACES)
        try:
            ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        except OSError:
            return places[0], None
        for place in places:
            try:
                ear.bind(f"{self._name}{place}")
                return place, ear
            except OSError:
                continue
        ear.close()
        return places[0], None

    def _locked(self) -> bool:
        assert fcntl is not None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _first(self, now: float, began: float) -> bool:
        """Whether nobody waits for longer."""
        return not any(since < began for since, _ in self._waiting(now))

    def _waiting(self, now: float) -> list[tuple[float, int]]:
        """Since when who waits, and where."""
        written = os.pread(self._file, _PLACES * _PLACE.size, 0)
        if not written.strip(b"\0"):
            return []
        return [
            (since, place)
            for place, (since, looked) in enumerate(_PLACE.iter_unpack(written))
            if since and abs(now - looked) < _FRESH
        ]

    def _listen(self, seconds: float) -> bool:
        """Whether we were called in that time."""
        if self._ear is None:
            time.sleep(min(seconds, chance.uniform(2e-4, 1e-3)))
            return False
        self._ear.settimeout(seconds)
        try:
            self._ear.recv(1)
        except OSError:
            return False
        return True
