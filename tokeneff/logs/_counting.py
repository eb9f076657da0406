"""A counter for logs: messages of one session are the same objects from call to call, and are known again as such."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokeneff.tokens import Counter
from tokeneff.tokens._remembered import Known
from tokeneff.tokens._scheme import Scheme


class SessionCounter(Counter):
    """Counts as any counter does; a message object that was seen in this session is not even looked at again.

    Whoever gives messages to it changes none after it was given, and says when a session is over.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int], tuple[Any, Known]] = {}
        """By encoding and identity; the message is held so that no other object takes its identity."""

    def begin(self) -> None:
        """Forget the messages of the session before."""
        self._seen = {}

    def _messages(self, scheme: Scheme, messages: Sequence[Any], found: list[Known]) -> None:
        seen, key = self._seen, scheme.key
        for message in messages:
            known = seen.get((key, id(message)))
            if known is None:
                one: list[Known] = []
                super()._messages(scheme, (message,), one)
                known = seen[key, id(message)] = (message, one[0])
            found.append(known[1])
