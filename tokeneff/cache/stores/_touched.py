"""What was found lately, told to the store in one go: a hit is then no write."""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from tokeneff._forking import watch

_MOST = 128
_LONGEST = 30.0
"""Keys, and seconds, after which they are told."""


class Touch(NamedTuple):
    """Hits of one key."""

    key: bytes
    used: int
    hits: int


class Touched:
    """Hits that the store does not know of yet. What a killed process did not tell is lost.

    Nobody may hold another guard while asking for these (see `tokeneff._forking`: a fork takes all of them).
    """

    def __init__(self) -> None:
        self.abandon()
        watch(self)

    def prepare(self) -> None:
        """There is nothing to let go before a fork."""

    def abandon(self) -> None:
        """As new: what is still to be told in a forked child is its parent's to tell."""
        self.guard = threading.Lock()
        self._found: dict[bytes, Touch] = {}
        self._since = 0.0

    def add(self, key: bytes, used: int) -> bool:
        """It was found. Whether it is time to tell."""
        now = time.monotonic()
        with self.guard:
            if not self._found:
                self._since = now
            before = self._found.get(key)
            self._found[key] = Touch(key, used, 1 if before is None else before.hits + 1)
            return len(self._found) >= _MOST or now - self._since >= _LONGEST

    def take(self) -> list[Touch]:
        """What is to be told, once."""
        with self.guard:
            found, self._found = list(self._found.values()), {}
        return found
