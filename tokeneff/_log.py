"""The ``tokeneff`` logger, and a way to report each distinct fault once."""

from __future__ import annotations

import _thread
import atexit
import logging
import os
import sys
import weakref
from collections import deque
from contextlib import suppress
from types import CodeType, FrameType
from typing import Any

log = logging.getLogger("tokeneff")
"""Where everything that goes wrong inside tokeneff is reported."""

_MOST_KEYS = 1000
_LONGEST_KEY = 200
_FINALIZE: CodeType = vars(weakref.finalize)["__call__"].__code__

# A dict and a deque, and no lock of our own: one call of each is atomic, so a finalizer that interrupts this very
# thread in the middle of `log_once` finds nothing it could wait for.
_seen: dict[str, object] = {}
_pending: deque[tuple[int, str, tuple[object, ...], Any]] = deque()


def log_once(
    key: object, msg: str, *args: object, level: int = logging.WARNING, exc_info: bool | BaseException | None = None
) -> None:
    """Report a fault on the ``tokeneff`` logger the first time its key is seen in this process, and never raise.

    >>> for _ in range(3):
    ...     log_once("cache.read", "the cache could not be read: %s", "disk full")  # one record, not three

    Called below a finalizer (``__del__``, ``weakref.finalize``) the record is emitted from another thread: the thread
    that was interrupted may hold a lock of the application's own log handler, and waiting for it would never end.

    Args:
        key: what tells this fault from others; its text, up to 200 characters, is remembered (at most 1000 of them,
            after which one last record says that further faults are not logged).
        msg: the message, with ``%``-style places for *args*.
        level: the record's level; ``logging.WARNING`` unless told.
        exc_info: ``True`` for the exception being handled, or an exception, whose traceback is to be logged.
    """
    with suppress(Exception):
        if not _first(str(key)[:_LONGEST_KEY]):
            return
        if len(_seen) > _MOST_KEYS:
            if not _first("tokeneff: too many faults"):
                return
            msg, args, exc_info = "%d distinct faults logged; further ones are not logged", (_MOST_KEYS,), None
        if not log.isEnabledFor(level):
            return
        if not _below_finalizer(sys._getframe()):  # pyright: ignore[reportPrivateUsage]
            log.log(level, msg, *args, exc_info=exc_info, stacklevel=2)
            return
        _pending.append((level, msg, args, sys.exc_info() if exc_info is True else exc_info))
        try:
            # Not `threading.Thread`: starting one takes locks of that module, which the interrupted thread may hold.
            _thread.start_new_thread(_emit_pending, ())
        except RuntimeError:
            _emit_pending()  # the interpreter is going down; no other thread is left to wait for


def _first(key: str) -> bool:
    if len(_seen) > _MOST_KEYS + 1:
        return False
    mine = object()
    return _seen.setdefault(key, mine) is mine


def _below_finalizer(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is _FINALIZE or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _emit_pending() -> None:
    while _pending:
        with suppress(Exception):
            level, msg, args, exc_info = _pending.popleft()
            log.log(level, msg, *args, exc_info=exc_info)


def _forget() -> None:
    _seen.clear()
    _pending.clear()


atexit.register(_emit_pending)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
