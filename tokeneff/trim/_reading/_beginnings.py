"""What was read of conversations, gone on from with their next requests: of a long one only what is new is looked at.

A request is known by what it holds, not by its objects: copies are kept of the messages' own lists and objects (the
texts in them are shared), and compared. Equal messages have equal texts at equal places.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from tokeneff._forking import watch
from tokeneff.tokens._remembered import shallow_mark
from tokeneff.trim._history import Spot
from tokeneff.trim._reading._said import Said

_LEAST = 6
"""Messages from which on a request is remembered."""
_MOST, _MOST_SIZE = 256, 16_000_000
"""Conversations, and characters of them."""
_SAME = 6
"""Conversations that begin with the same two messages, or forms of one."""
_MOVED = 4
"""Messages at the end that may differ a little in what goes on from a request: breakpoints move with the newest."""
_PLAIN = frozenset((int, float, bool, type(None)))


class Read(NamedTuple):
    """A request as it was read, or its beginning."""

    messages: list[Any]
    """Copies."""
    saids: list[Said]
    size: int = 0
    """Characters."""
    head: bytes = b""
    """Digest of what comes before them; empty where no chain was asked for."""
    chain: tuple[bytes, ...] = ()
    spots: tuple[Spot, ...] = ()
    settled: int = 0
    """Messages whose spots stay as they are, whatever comes behind them."""
    cited: int = -1
    """The last message that cites documents."""


NOTHING = Read([], [])


class _Strange(Exception):
    """A message that is no plain data."""


class Beginnings:
    """Requests that were read last. Thread-safe."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self._known: OrderedDict[Any, list[Read]] = OrderedDict()
        self._size = 0
        watch(self)

    def of(self, dialect: str, messages: Sequence[Any]) -> tuple[Read, int]:
        """The request that begins like this one for longest, and how many messages they share."""
        key = _key(dialect, messages)
        with self.guard:
            known = list(self._known.get(key, ())) if key is not None else []
        best, most = NOTHING, 0
        try:
            for read in known:
                shared = _shared(read.messages, cast("list[Any]", messages))
                if shared > most:
                    best, most = read, shared
        except Exception:  # noqa: BLE001 - what a caller put there may not like to be compared
            return NOTHING, 0
        return best, most

    def note(self, dialect: str, messages: Sequence[Any], read: Read, before: Read, shared: int) -> None:
        """Remember a request; ``before``, of which it shares so many messages, gives what was copied of these, and is
        forgotten if this is what has become of it."""
        key = _key(dialect, messages)
        if key is None:
            return
        copies, size = before.messages[:shared], before.size if shared else 0
        try:
            for message in messages[shared:]:
                copy, more = _copied(message)
                copies.append(copy)
                size += more + 200
        except (_Strange, RecursionError):
            return
        made = read._replace(messages=copies, size=size)
        with self.guard:
            rows = self._known.pop(key, [])
            gone = shared >= len(before.messages) - _MOVED
            kept = [made, *[row for row in rows if not (gone and row is before)]][:_SAME]
            self._known[key] = kept
            self._size += sum(row.size for row in kept) - sum(row.size for row in rows)
            while len(self._known) > _MOST or (self._size > _MOST_SIZE and len(self._known) > 1):
                _, oldest = self._known.popitem(last=False)
                self._size -= sum(row.size for row in oldest)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = threading.Lock()


def _key(dialect: str, messages: Sequence[Any]) -> tuple[Any, ...] | None:
    """What conversations are looked for by: their first two messages."""
    if type(messages) is not list or len(cast("list[Any]", messages)) < _LEAST:
        return None
    first, second = cast("list[Any]", messages)[:2]
    if type(first) is not dict or type(second) is not dict:
        return None
    marks = (shallow_mark(dialect, cast("Any", first)), shallow_mark(dialect, cast("Any", second)))
    if marks[0] is None:
        return None
    return marks if marks[1] is not None else marks[:1]


def _shared(known: list[Any], messages: list[Any]) -> int:
    """How many messages two requests begin with alike."""
    most = min(len(known), len(messages))
    if known[:most] == messages[:most]:
        return most
    least = 0
    while most - least > 1:
        middle = (least + most) // 2
        if known[least:middle] == messages[least:middle]:
            least = middle
        else:
            most = middle
    return least


def _copied(value: Any) -> tuple[Any, int]:
    """Plain data in lists and objects of its own, and its size."""
    kind = cast("Any", type(value))
    if kind is str:
        return value, len(value)
    if kind in _PLAIN:
        return value, 8
    size = 50
    if kind is list:
        found: list[Any] = []
        for item in cast("list[Any]", value):
            copy, more = _copied(item)
            found.append(copy)
            size += more
        return found, size
    if kind is not dict:
        raise _Strange
    made: dict[Any, Any] = {}
    for name, item in cast("dict[Any, Any]", value).items():
        made[name], more = _copied(item)
        size += more
    return made, size


histories, others = Beginnings(), Beginnings()
"""Requests as their callers have them; those and what is sent instead."""
