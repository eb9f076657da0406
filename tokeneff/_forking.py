"""What holds a lock at work finishes before a fork, and begins anew in the child."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

_PATIENCE = 2.0
"""Seconds that a fork waits for work to end."""


class Forking(Protocol):
    """Whoever must not be copied in the middle of something."""

    guard: threading.Lock
    """Held while at work."""

    def prepare(self) -> None:
        """Before a fork, with the guard held: let go what must not be there in two processes."""
        ...

    def abandon(self) -> None:
        """In a forked child: take a new guard, and let go what is the parent's."""
        ...


def watch(owner: Forking) -> None:
    """See to it that no fork happens while ``owner`` is at work, as far as that can be waited for."""
    _owners.add(owner)


_owners: WeakSet[Forking] = WeakSet()
_taken: dict[int, list[threading.Lock]] = {}
"""Guards that a forking thread has taken."""


def _before_fork() -> None:
    until = time.monotonic() + _PATIENCE
    taken = _taken[threading.get_ident()] = []
    for owner in list(_owners):
        guard = owner.guard
        if guard.acquire(timeout=max(0.0, until - time.monotonic())):
            taken.append(guard)
            with suppress(Exception):  # the others have to be prepared too
                owner.prepare()


def _in_parent() -> None:
    for guard in _taken.pop(threading.get_ident(), ()):
        guard.release()


def _in_child() -> None:
    _taken.clear()
    for owner in list(_owners):
        owner.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
