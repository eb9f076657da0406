"""What a store has yet to be told, and the telling."""

from __future__ import annotations

import math
import time
from contextlib import suppress

from tokeneff.errors import StoreUnavailable
from tokeneff.stores._contract import Granted, Store
from tokeneff.stores._guarded._backlog import Backlog, Settlement
from tokeneff.stores._guarded._exit import announce
from tokeneff.stores._guarded._ours import Ours


class Owed:
    """Settlements that wait, told the oldest first; what the store answers is what this process has seen."""

    def __init__(self, store: Store, ours: Ours) -> None:
        self.backlog = Backlog()
        self._store = store
        self._ours = ours

    def __len__(self) -> int:
        return len(self.backlog)

    def add(self, settlement: Settlement) -> None:
        """Have it told later."""
        self.backlog.add(settlement)
        announce()

    def tell(self, most: float = math.inf, timeout: float = -1) -> None:
        """Tell what waits, or the oldest ``most``, once nobody else does, who is waited for for ``timeout`` seconds.

        Raises:
            StoreUnavailable: the store cannot be asked.
        """
        self.backlog.drain(self._settle, most, timeout)

    def finish(self, until: float) -> None:
        """Tell as much as can be told by then (``time.monotonic``)."""

        def settle(one: Settlement) -> None:
            if time.monotonic() >= until:
                raise StoreUnavailable("the time is over")
            self._settle(one)

        with suppress(StoreUnavailable):
            if len(self):
                self.backlog.drain(settle, timeout=max(until - time.monotonic(), 0.0))
            self._ours.release(self._store, until)

    def _settle(self, one: Settlement) -> None:
        answer = self._store.settle(one.hold, one.amounts, one.claims, one.group, one.note)
        if isinstance(answer, Granted):
            self._ours.saw(answer.balances)
