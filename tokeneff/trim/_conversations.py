"""What a process remembers of conversations, so that of the next request only what is new is looked at."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from tokeneff._forking import watch
from tokeneff.trim._calls import Called, calls_of
from tokeneff.trim._history import History, Spot
from tokeneff.trim.kinds._earlier import Earlier

LEAST = 240
"""Characters of a text from which on it is looked up whether it stands there already."""
_MOST = 256
_MOST_SIZE = 32_000_000
"""Conversations, and characters of them."""
_NAME = 100


class Conversation:
    """A request up to some message. One thread at a time has it.

    Args:
        decided: of each message, what was decided.
    """

    def __init__(self) -> None:
        self.decided: list[Mapping[str, Any]] = []
        self.calls: dict[str, Called] = {}
        self._earlier = Earlier()
        self._read = 0
        """Messages whose texts are there."""

    @property
    def size(self) -> int:
        """Characters."""
        return self._earlier.size + 1000 * len(self.decided)

    def up_to(self, history: History, message: int) -> Earlier:
        """All that stands before a message, as it is sent; from now on it is that of the message itself, too."""
        if self._read > message:
            return self._earlier
        spots: dict[int, list[Spot]] = {}
        for spot in history.spots:
            if self._read <= spot.message < message:
                spots.setdefault(spot.message, []).append(spot)
        for number in range(self._read, message):
            self._calls(history, number)
            texts = {one["path"]: one["text"] for one in self.decided[number].values()}
            for spot in spots.get(number, ()):
                self.add(spot, texts.get(spot.path, spot.text))
        self._calls(history, message)
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
        self._earlier.add(spot.message, json.dumps(spot.path[2:], separators=(",", ":")), name, text)

    def _calls(self, history: History, message: int) -> None:
        for called in calls_of(history.dialect, history.messages[message]):
            if len(called.arguments) >= 2 * LEAST:
                for name, text in texts_of(called):
                    self._earlier.add(message, f"call:{called.call}:{name}", f"{name} of {_name(called)}", text)


def texts_of(called: Called) -> list[tuple[str, str]]:
    """Long texts that a call was given, by the names of its arguments."""
    try:
        given = json.loads(called.arguments)
    except (ValueError, RecursionError):
        return []
    if not isinstance(given, dict):
        return []
    found: dict[str, Any] = given
    return [(name, text) for name, text in found.items() if isinstance(text, str) and len(text) >= 2 * LEAST]


def _name(called: Called) -> str:
    """A call, so that who made it knows it again."""
    try:
        given = json.loads(called.arguments)
    except (ValueError, RecursionError):
        given = None
    if isinstance(given, dict):
        found: dict[str, Any] = given
        short = {name: one for name, one in found.items() if not isinstance(one, (str, list, dict)) or len(one) < _NAME}
        told = json.dumps(short, ensure_ascii=False, separators=(",", ":"))
    else:
        told = called.arguments
    told = " ".join(told.split())
    return f"{called.tool} {told[:_NAME]}{'…' if len(told) > _NAME else ''}".strip()


class Conversations:
    """The conversations that were seen last, by the digest of what they consist of."""

    least = LEAST

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self._found: OrderedDict[bytes, Conversation] = OrderedDict()
        self._size = 0
        watch(self)

    def seen(self, chain: Sequence[bytes]) -> list[Mapping[str, Any]] | None:
        """What was decided about all messages of this one; ``None`` where not all are known."""
        with self.guard:
            found = self._found.get(chain[-1]) if chain else None
            return None if found is None else list(found.decided)

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
