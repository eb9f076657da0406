"""What waits in the queues of this process is written before it ends, and is not a forked child's to write."""

from __future__ import annotations

import atexit
import os
import sys
import time
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from tokeneff.ledger._writer import Writer

_PATIENCE = 5.0
"""Seconds that an ending process gives its ledgers, all together."""

_writers: WeakSet[Writer] = WeakSet()
_process = 0


def finish_at_exit(writer: Writer) -> None:
    """See to it that what waits in this queue is written when the process ends."""
    global _process
    _writers.add(writer)
    if _process == os.getpid():
        return
    _process = os.getpid()
    atexit.unregister(finish_all)
    atexit.register(finish_all)
    # Children that multiprocessing forks end without atexit; this is how they say that they do.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, finish_all, exitpriority=100)


def finish_all() -> None:
    """Write what waits, because the process ends."""
    until = time.monotonic() + _PATIENCE
    for writer in list(_writers):
        writer.finish(max(0.1, until - time.monotonic()))


def _in_child() -> None:
    for writer in list(_writers):
        writer.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
