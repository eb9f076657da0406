"""What a process knows of its store: balances as last seen, and the holds of its calls that are on their way."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from tokeneff.stores._contract import Amounts, Balance, Claim, Granted, Store
from tokeneff.stores._rules import ZERO, most

MOST = 100_000
"""Balances, and holds, that are remembered."""


class Out(NamedTuple):
    """A hold of this process, of a call that is on its way."""

    amounts: Amounts
    claims: tuple[Claim, ...]
    group: str
    lease: int
    there: bool = False
    """Whether the store may have it."""
    floor: Amounts | None = None
    """``None``: it was never extended."""


class Ours:
    """Bounded; what is forgotten is no longer known when the store goes away, or comes back."""

    def __init__(self) -> None:
        self.seen: dict[str, Balance] = {}
        self.out: dict[str, Out] = {}
        self._doubtful: dict[str, str] = {}
        """Holds that the store may have, of calls that were not let through: id and group."""

    def saw(self, balances: Sequence[Balance]) -> None:
        """The store said so."""
        for balance in balances:
            self.seen[balance.account] = balance
        if len(self.seen) > MOST:
            with suppress(RuntimeError, StopIteration, KeyError):  # another thread was first
                del self.seen[next(iter(self.seen))]

    def granted(self, hold: str, out: Out) -> None:
        """The call is on its way."""
        self._doubtful.pop(hold, None)
        if len(self.out) < MOST:
            self.out[hold] = out

    def extended(self, hold: str, amounts: Amounts, floor: Amounts) -> None:
        """Its hold has become greater."""
        out = self.out.get(hold)
        if out is not None:
            self.out[hold] = out._replace(amounts=most(out.amounts, amounts), floor=floor)

    def doubted(self, hold: str, out: Out) -> None:
        """The call was not let through, and the store may hold it all the same."""
        if out.there and len(self._doubtful) < MOST:
            self._doubtful[hold] = out.group

    def tell(self, store: Store) -> None:
        """Have a store that was away let go what is not on its way, and hold what is, also if it lost it.

        Raises:
            StoreUnavailable: it is away again.
        """
        for hold, group in list(self._doubtful.items()):
            store.settle(hold, ZERO, (), group)
            self._doubtful.pop(hold, None)
        for hold, out in list(self.out.items()):
            if hold not in self.out:
                continue
            watched = [claim._replace(enforced=False) for claim in out.claims]
            answer = store.reserve(hold, out.amounts, watched, out.lease, out.group)
            if isinstance(answer, Granted) and out.floor is not None:
                store.extend(hold, out.amounts, out.floor, out.lease, out.group)
            if (now := self.out.get(hold)) is not None:
                self.out[hold] = now._replace(there=True)
