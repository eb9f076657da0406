"""What waits for a store is settled before its process ends."""

from __future__ import annotations

import time
from typing import Protocol
from weakref import WeakSet

from tokeneff._exiting import at_exit

LONGEST = 1.0
"""Seconds that an ending process takes for it, for all stores together."""


class Finishing(Protocol):
    """Whoever has something to settle."""

    def finish(self, timeout: float) -> None: ...


owners: WeakSet[Finishing] = WeakSet()


def finish_all() -> None:
    """Settle what waits, because the process ends."""
    until = time.monotonic() + LONGEST
    for owner in list(owners):
        owner.finish(max(until - time.monotonic(), 0.0))


announce = at_exit(finish_all)
