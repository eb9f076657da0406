"""The heartbeat of a process: while calls are on their way, their holds are given new leases.

One daemon thread, started with the first hold; it ends when it wakes and there is none. A process that is killed, or
stopped for longer than a lease, renews nothing, and its holds are charged.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from tokeneff._log import log_once

if TYPE_CHECKING:
    from tokeneff.budgets._holding import Holding

BEATS = 3
"""Beats in the time of a lease: one may come late, and one be lost."""

_holdings: dict[int, Holding] = {}
_lock = threading.Lock()
_wake = threading.Event()
_running = False
_pause = 0.0


def hold(holding: Holding) -> None:
    """Renew its holds from now on."""
    global _running, _pause
    with _lock:
        _holdings[id(holding)] = holding
        if not _running:
            _running, _pause = True, holding.lease / BEATS / 1e6
            threading.Thread(target=_beat, name="tokeneff-heartbeat", daemon=True).start()
        elif holding.lease / BEATS / 1e6 < _pause:
            _wake.set()


def let_go(holding: Holding) -> None:
    """Renew them no more."""
    _holdings.pop(id(holding), None)


def held() -> int:
    """How many calls are on their way."""
    return len(_holdings)


def _beat() -> None:
    global _running, _pause
    while True:
        early = _wake.wait(_pause)
        with _lock:
            holdings = list(_holdings.values())
            if not holdings:
                _running = False
                return
            _pause = min(holding.lease for holding in holdings) / BEATS / 1e6
            _wake.clear()
        if not early:
            _renew(holdings)


def _renew(holdings: list[Holding]) -> None:
    stores: dict[tuple[int, int], tuple[Any, list[tuple[str, str]]]] = {}
    for holding in holdings:
        for part in holding.parts:
            known = stores.setdefault((id(part.store), holding.lease), (part.store, []))
            known[1].append((holding.id, part.group))
    for (_, lease), (store, holds) in stores.items():
        try:
            store.renew(holds, lease)
        except Exception as fault:  # noqa: BLE001 - the next beat tries again
            log_once(("renew", type(fault)), "holds could not be renewed: %r", fault)


def _forget() -> None:
    """In a forked child: the thread is gone, and the parent's calls are the parent's."""
    global _lock, _running, _wake, _pause
    _lock, _wake, _running, _pause = threading.Lock(), threading.Event(), False, 0.0
    _holdings.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
