"""Lines of tools' outputs that a model's recorded turn quotes, and that what was sent for it did not have any more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokeneff.trim.planning._plan import strings
from tokeneff.trim.planning._replay import Policy, Sent, Turn

_LEAST = 20
"""Characters of a line that is told from others."""


class Watched:
    """A policy, and what it sent."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.sent: list[Mapping[str, Any]] = []

    def __call__(self, turn: Turn) -> Sent:
        """What is sent of a request."""
        made = self._policy(turn)
        self.sent.append(made.body)
        return made


def quotes(conversation: Sequence[Turn]) -> list[list[str]]:
    """Of each request: lines of its tools' outputs that the reply to it has, whole. The last reply is not known."""
    found: list[list[str]] = []
    for turn, after in zip(conversation, [*conversation[1:], None], strict=True):
        messages = turn.body["messages"]
        reply = [] if after is None else after.body["messages"][len(messages) : len(messages) + 1]
        lines = {line for message in reply if message["role"] == "assistant" for line in _lines(message)}
        outputs = _bare("\n".join(_outputs(messages))) if lines else ""
        found.append(sorted(line for line in lines if line in outputs))
    return found


def gone(quoted: Sequence[Sequence[str]], sent: Sequence[Mapping[str, Any]]) -> int:
    """How many of these lines were nowhere in what was sent."""
    lost = 0
    for lines, body in zip(quoted, sent, strict=True):
        if lines:
            text = _bare("\n".join(strings(body)))
            lost += sum(line not in text for line in lines)
    return lost


def _lines(message: Mapping[str, Any]) -> Iterator[str]:
    for text in strings(message):
        for part in _within(text):
            for line in part.splitlines():
                if len(line.strip()) >= _LEAST:
                    yield _bare(line)


def _bare(text: str) -> str:
    """Without blanks, which mean nothing in most of what tools give."""
    return "".join(text.split())


def _within(text: str) -> Iterator[str]:
    """A text, or the texts in the JSON that it is, as arguments of a call are."""
    try:
        value = json.loads(text) if text.startswith("{") else None
    except ValueError:
        value = None
    yield from (text,) if value is None else strings(value)


def _outputs(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What tools, or an agent's user turns behind the first, gave."""
    for place, message in enumerate(messages):
        if message["role"] == "tool" or (message["role"] == "user" and place > 1):
            yield from strings(message.get("content"))
