"""What waits for a store is settled before its process ends."""

from __future__ import annotations

import atexit
import os
import sys
import time
from typing import Protocol
from weakref import WeakSet

LONGEST = 1.0
"""Seconds that an ending process takes for it, for all stores together."""


class Finishing(Protocol):
    """Whoever has something to settle."""

    def finish(self, timeout: float) -> None: ...


owners: WeakSet[Finishing] = WeakSet()
_announced = 0
"""The process that multiprocessing was told of."""


def announce() -> None:
    """To be called where something waits: children that multiprocessing forks end without atexit."""
    global _announced
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _announced != os.getpid():
        _announced = os.getpid()
        util.Finalize(None, finish_all, exitpriority=100)


def finish_all() -> None:
    """Settle what waits, because the process ends."""
    until = time.monotonic() + LONGEST
    for owner in list(owners):
        owner.finish(max(until - time.monotonic(), 0.0))


atexit.register(finish_all)
