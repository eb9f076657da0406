"""Loading what the first call will need before it needs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Thread
from weakref import WeakSet

from tokeneff._log import log_once

_LONGEST = 2.0
"""Seconds that a fork waits for what is being loaded."""

_under_way: WeakSet[Thread] = WeakSet()
_begun: set[str] = set()


def warm(name: str, load: Callable[[], object]) -> None:
    """Have ``load`` done in a thread, once in a process for each name.

    It must do no harm if it never runs, or fails: that is logged, once.
    """
    if name in _begun:
        return
    _begun.add(name)

    def run() -> None:
        try:
            load()
        except Exception as fault:  # noqa: BLE001 - whoever needs it meets the fault again, where it belongs
            log_once(("warm", name), "%s could not be loaded: %r", name, fault)

    try:
        thread = Thread(target=run, name=f"tokeneff-{name}", daemon=True)
        thread.start()
    except RuntimeError:  # no more threads, or the interpreter is going down
        return
    _under_way.add(thread)


def import_whole(name: str) -> None:
    """Import here and now, if it is installed, what would else be imported when something is first needed.

    The price list brings ``httpx2``, and openai 2 looks into ``sys.modules`` for that whenever a client is constructed:
    one that another thread is still importing has no ``AsyncClient`` yet, and the caller's construction fails.
    """
    with suppress(ImportError):
        import_module(name)


def _before_fork() -> None:
    # A child would inherit the locks of modules that are being imported, and nobody to open them.
    for thread in list(_under_way):
        thread.join(_LONGEST)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork)
