"""Where each budget stood when its store last answered this process: what gauges show, without asking a store."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

from tokeneff.stores._contract import Balance, Claim

MOST = 2000
"""Accounts that are remembered; beyond, those that were not heard of for longest are forgotten."""
UNITS = ("usd", "tokens", "requests")


class Seen(NamedTuple):
    """One limited unit of one account. Whole numbers: nano-dollars, tokens or requests."""

    budget: str
    scope: str
    unit: str
    limit: int
    spent: int
    held: int

    @property
    def remaining(self) -> int:
        """What is left; negative where a budget that only watches is over."""
        return self.limit - self.spent - self.held


_noted: dict[tuple[str, str], tuple[Claim, Balance, float]] = {}
"""By budget and scope, the one noted last at the end: of an account's windows only the newest."""
_lock = Lock()


def noted(claims: Sequence[Claim], balances: Sequence[Balance]) -> None:
    """Take note of what a store answered: one balance for each claim. Cheap: a lock and a dict store for each."""
    at = time.time()
    with _lock:
        for claim, balance in zip(claims, balances, strict=False):
            key = claim.budget, claim.scope
            known = _noted.pop(key, None)
            # A call of a window that is over may settle when the next one has begun.
            late = known is not None and known[0].start > claim.start
            _noted[key] = known if known is not None and late else (claim, balance, at)
        while len(_noted) > MOST:
            del _noted[next(iter(_noted))]


def balances(now: float | None = None) -> list[Seen]:
    """Every limited unit of every account, the account noted last first.

    An account whose window is over by now is left out, and a rolling one that nothing was heard of for as long as it
    reaches back: what they have now spent, nobody here knows.

    Args:
        now: seconds since 1970; the present unless told.
    """
    now = time.time() if now is None else now
    with _lock:
        known = list(_noted.values())
    return [
        Seen(claim.budget, claim.scope, unit, limit, spent, held)
        for claim, balance, at in reversed(known)
        if not _over(claim, at, now)
        for unit, limit, spent, held in zip(UNITS, balance.limits, balance.spent, balance.held, strict=True)
        if limit is not None
    ]


def _over(claim: Claim, at: float, now: float) -> bool:
    if claim.end:
        return now * 1e6 >= claim.end
    return bool(claim.span) and (now - at) * 1e6 >= claim.span + claim.bucket


def forget() -> None:
    """Forget them all."""
    global _lock
    _lock = Lock()  # in a forked child the other may be held by a thread that is not there
    _noted.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
