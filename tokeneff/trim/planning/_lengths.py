"""How long conversations are, told by the requests themselves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from tokeneff.trim.planning._outlook import Outlook

_OVER = 3_600.0
"""Seconds without a request after which a conversation counts as over."""
_MOST_OPEN = 2_000


class Lengths:
    """How many requests conversations have, learnt as they end; not thread-safe by itself."""

    def __init__(self) -> None:
        self.outlook = Outlook()
        self._open: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def asked(self, chain: Sequence[bytes], at: float) -> None:
        """One more request."""
        turns = 0
        for digest in reversed(chain):
            before = self._open.pop(digest, None)
            if before is not None:
                turns = before[1] - (digest == chain[-1])  # the same request again is no other turn
                break
        self._open[chain[-1]] = at, turns + 1
        while self._open:
            newest, lasted = next(iter(self._open.values()))
            if at - newest <= _OVER and len(self._open) <= _MOST_OPEN:
                break
            self._open.popitem(last=False)
            self.outlook.ended(lasted)
