"""Requests recorded one by one, put together again: each goes on from the one whose messages it begins with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from tokeneff.logs._values import Logged
from tokeneff.trim._reading import history_of

_MOST_OPEN = 256
"""Conversations that may still go on; what was longest without a request is over first."""


class Joining:
    """Conversations that may still go on."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, bytes], list[Logged]] = OrderedDict()
        """By model, and the digest of all messages of the latest request."""

    def add(self, call: Logged) -> Iterator[list[Logged]]:
        """One request more; yields the conversations that are over."""
        history = history_of(call.dialect, call.body)
        if history is None or not history.chain:
            yield [call]
            return
        found: list[Logged] = []
        for digest in reversed(history.chain):
            before = self._open.pop((call.model, digest), None)
            if before is not None:
                found = before
                break
        found.append(call._replace(thread=found[0].thread) if found else call)
        self._open[call.model, history.chain[-1]] = found
        while len(self._open) > _MOST_OPEN:
            yield self._open.popitem(last=False)[1]

    def rest(self) -> Iterator[list[Logged]]:
        """Those that are left."""
        yield from self._open.values()
        self._open.clear()
