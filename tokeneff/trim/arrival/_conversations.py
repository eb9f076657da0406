"""What a process remembers of conversations, so that of the next request only what is new is looked at."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, cast

from tokeneff._forking import watch
from tokeneff.trim._history import History, Path, Spot
from tokeneff.trim.arrival._calls import Called, calls_of
from tokeneff.trim.kinds._earlier import Earlier
from tokeneff.trim.kinds._kind import Back

LEAST = 240
"""Characters of a text from which on it is looked up whether it stands there already."""
_MOST = 256
_MOST_SIZE = 32_000_000
"""Conversations, and characters of them."""
_NAME = 120


class Done(NamedTuple):
    """One edit of one text: what it takes to undo it, after those behind it are undone."""

    path: Path
    kind: str
    back: Back
    kept: str
    """The name of the original in the vault; empty where ``back`` says how the text before it is got."""
    saved: int
    """Characters."""


class Decided(NamedTuple):
    """What was decided about one message."""

    texts: Mapping[Path, str]
    edits: tuple[Done, ...]
    leans: Mapping[int, tuple[int, ...]]


UNDECIDED = Decided({}, (), {})
"""It stays as it is."""


def place_of(spot: Spot) -> str:
    """Where a text is in its message, as text."""
    return "/".join(map(str, spot.path[2:]))


class Conversation:
    """A request up to some message. One thread at a time has it.

    Args:
        decided: of each message, what was decided.
    """

    def __init__(self) -> None:
        self.decided: list[Decided] = []
        self.keys: list[bytes] = []
        """Of what was decided, in the memo."""
        self.told = time.monotonic()
        """When the memo was last told that they are used."""
        self.calls: dict[str, Called] = {}
        self._heard: dict[int, list[Called]] = {}
        """Calls with long arguments, by message, which were not looked through yet."""
        self._earlier = Earlier()
        self._read = 0
        """Messages whose texts are there."""

    @property
    def size(self) -> int:
        """Characters."""
        return self._earlier.size + 1000 * len(self.decided)

    def hear(self, history: History, message: int) -> None:
        """Note what a message calls."""
        for called in calls_of(history.dialect, history.messages[message]):
            self.calls[called.call] = called
            if len(called.arguments) >= 2 * LEAST:
                self._heard.setdefault(message, []).append(called)

    def gone(self, sources: Collection[int | tuple[int, str]]) -> None:
        """Nothing is to refer to these messages, and texts by their place in one."""
        self._earlier.gone = sources

    def up_to(self, history: History, message: int) -> Earlier:
        """All that stands before a message, as it is sent; from now on it is that of the message itself, too."""
        if self._read > message:
            return self._earlier
        spots: dict[int, list[Spot]] = {}
        for spot in reversed(history.spots):
            if spot.message < self._read:
                break
            if spot.message < message:
                spots.setdefault(spot.message, []).insert(0, spot)
        for number in range(self._read, message):
            self._calls(number)
            texts = self.decided[number].texts
            for spot in spots.get(number, ()):
                self.add(spot, texts.get(spot.path, spot.text))
        self._calls(message)
        self._read = message + 1
        return self._earlier

    def add(self, spot: Spot, text: str) -> None:
        """This stands there from now on."""
        if spot.kind == "assistant" or len(text) < LEAST:
            return
        called = self.calls.get(spot.call)
        name = {"tool_result": "the result of", "document": "the document", "user": "the user's message"}[spot.kind]
        if spot.kind == "tool_result":
            name = f"{name} {_name(called)}" if called else f"{name} {spot.tool or 'a tool'}"
        self._earlier.add(spot.message, place_of(spot), name, text)

    def _calls(self, message: int) -> None:
        for called in self._heard.pop(message, ()):
            for name, text in texts_of(called):
                self._earlier.add(message, f"call:{called.call}:{name}", f"{name} of {_name(called)}", text)


def texts_of(called: Called) -> list[tuple[str, str]]:
    """Long texts that a call was given, by the names of its arguments."""
    return [(name, text) for name, text in _given(called).items() if isinstance(text, str) and len(text) >= 2 * LEAST]


def _name(called: Called) -> str:
    """A call, so that who made it knows it again."""
    given = _given(called)
    short = {name: one for name, one in given.items() if len(str(one)) < _NAME}
    told = json.dumps(short, ensure_ascii=False, separators=(",", ":")) if given else called.arguments
    told = " ".join(told.split())
    if len(told) > _NAME:
        told = f"{told[: _NAME // 4]}…{told[-_NAME * 3 // 4 :]}"
    return f"{called.tool} {told}".strip()


def _given(called: Called) -> dict[str, Any]:
    """Arguments of a call by name; none where they are written otherwise."""
    try:
        given = json.loads(called.arguments)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", given) if isinstance(given, dict) else {}


class Conversations:
    """The conversations that were seen last, by the digest of what they consist of."""

    least = LEAST

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self._found: OrderedDict[bytes, Conversation] = OrderedDict()
        self._size = 0
        watch(self)

    def seen(self, chain: Sequence[bytes], since: float) -> list[Decided] | None:
        """What was decided about all messages of this one; ``None`` where not all are known, or the memo was not told
        since then that they are used."""
        with self.guard:
            found = self._found.get(chain[-1]) if chain else None
            return None if found is None or found.told < since else list(found.decided)

    def take(self, chain: Sequence[bytes]) -> Conversation:
        """The conversation of which this one is the newest state, which nobody else has from now on, or a new one."""
        with self.guard:
            for digest in reversed(chain):
                found = self._found.pop(digest, None)
                if found is not None:
                    self._size -= found.size
                    return found
        return Conversation()

    def put(self, chain: Sequence[bytes], conversation: Conversation) -> None:
        """Have it here, in the state that this is."""
        with self.guard:
            before = self._found.pop(chain[-1], None)
            if before is not None:
                self._size -= before.size
            self._found[chain[-1]] = conversation
            self._size += conversation.size
            while len(self._found) > _MOST or (self._size > _MOST_SIZE and len(self._found) > 1):
                _, gone = self._found.popitem(last=False)
                self._size -= gone.size

    def prepare(self) -> None:
        """There is nothing to let go before a fork."""

    def abandon(self) -> None:
        """In a forked child: a conversation that another thread had then is not there."""
        self.guard = threading.Lock()
