"""Work that is left over is done before its process ends, however it ends in Python."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable


def at_exit(finish: Callable[[], None]) -> Callable[[], None]:
    """Have ``finish`` called when this process ends.

    Returns:
        What is to be called where there is something to finish: children that multiprocessing forks end without atexit,
        and have to be told each by itself.
    """
    atexit.register(finish)
    announced = 0

    def announce() -> None:
        nonlocal announced
        util = sys.modules.get("multiprocessing.util")
        if util is not None and announced != os.getpid():
            announced = os.getpid()
            util.Finalize(None, finish, exitpriority=100)

    return announce
