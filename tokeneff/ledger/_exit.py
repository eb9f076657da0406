"""What waits in the queues of this process is written before it ends, and is not a forked child's to write."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING
from weakref import WeakSet

from tokeneff._exiting import at_exit

if TYPE_CHECKING:
    from tokeneff.ledger._writer import Writer

_PATIENCE = 10.0
"""Seconds that an ending process waits for a file that nobody writes to."""
_LONGEST = 60.0
"""Seconds that it waits for its turn where many write, for all files together."""

_writers: WeakSet[Writer] = WeakSet()


def finish_at_exit(writer: Writer) -> None:
    """See to it that what waits in this queue is written when the process ends."""
    _writers.add(writer)


def finish_all() -> None:
    """Write what waits, because the process ends."""
    until = time.monotonic() + _LONGEST
    for writer in list(_writers):
        writer.finish(_PATIENCE, max(0.1, until - time.monotonic()))


def _in_child() -> None:
    for writer in list(_writers):
        writer.reset()


announce = at_exit(finish_all)
"""To be called in each process that writes."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
