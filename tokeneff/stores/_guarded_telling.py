"""Who is told that a store went away, or is back: the log, and whoever asked to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from tokeneff._log import log, log_once

Told: TypeAlias = Callable[[str, Mapping[str, object]], None]

AWAY, BACK = "tokeneff.store.away", "tokeneff.store.back"


def tell_away(told: Told | None, url: str, on_error: str, reason: str) -> None:
    """The store cannot be asked."""
    log_once(
        ("store away", url),
        "the store of budgets %s cannot be asked (%s); %s",
        url,
        reason,
        "no call passes" if on_error == "closed" else "calls go on, counted in this process, until it can",
    )
    _tell(told, AWAY, {"tokeneff.store.url": url, "tokeneff.store.on_error": on_error, "tokeneff.store.reason": reason})


def tell_back(told: Told | None, url: str, on_error: str, seconds: float) -> None:
    """It can be asked again, after so long."""
    log.info("the store of budgets %s is back after %.1f s", url, seconds)
    about = {"tokeneff.store.url": url, "tokeneff.store.on_error": on_error, "tokeneff.store.seconds": seconds}
    _tell(told, BACK, about)


def _tell(told: Told | None, name: str, about: Mapping[str, object]) -> None:
    if told is None:
        return
    try:
        told(name, about)
    except Exception as fault:  # noqa: BLE001 - who is told must not harm the calls
        log_once(("store told", type(fault)), "telling of a store failed: %r", fault, exc_info=fault)
