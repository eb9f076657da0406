"""Which requests a response cache would have answered: those that equal an earlier one."""

from __future__ import annotations

from tokeneff.advise._strand import Strand

_MOST = 1_000_000
"""Requests that are remembered: about 100 MB."""


class Repeats:
    """All requests so far, by their digests."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self.full = False
        """Whether there were more than can be remembered."""

    def of(self, strand: Strand) -> dict[int, bool]:
        """The requests of a conversation that have been made before, and whether each asks for the same reply."""
        found: dict[int, bool] = {}
        for place, heard in enumerate(strand.heard):
            if heard.key in self._seen:
                found[place] = heard.fixed
            elif heard.key and len(self._seen) < _MOST:
                self._seen.add(heard.key)
            else:
                self.full = self.full or bool(heard.key)
        return found
