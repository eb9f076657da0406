"""A request on its way to being trimmed: what it is, and what is sent instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff.promptcache import Pieces
from tokeneff.promptcache._additions import anthropic_own
from tokeneff.tokens import Prompt, counter
from tokeneff.trim._history import History, Path
from tokeneff.trim.arrival._arriving import Arrived
from tokeneff.trim.planning._aligning import aligned
from tokeneff.trim.planning._anchoring import usual
from tokeneff.trim.planning._planner import Planned
from tokeneff.trim.planning._told import Flight
from tokeneff.trim.provider._provider import Asking, Can

if TYPE_CHECKING:
    from tokeneff.adapters._hosts import Site


class Asked(NamedTuple):
    """A request before it is trimmed."""

    history: History
    prompt: Prompt
    model: str
    site: Site
    session: str | None
    total: int
    """Input tokens, as expected."""
    most: int | None
    """That may be sent."""
    placed: bool = False
    """Whether breakpoints are set further down where the caller sets none."""
    conversation: str = ""
    """What it is a part of (:func:`conversation_of`)."""
    can: Can | None = None
    """What of its history is left to the provider; ``None``: nothing."""
    counted: dict[int, tuple[Mapping[str, Any], Prompt]] | None = None
    """Bodies that were made of it, as they were counted, by their identity."""

    def prompt_of(self, body: Mapping[str, Any]) -> Prompt:
        """What a body made of this request was counted to be; each is counted once."""
        if body is self.history.body:
            return self.prompt
        found = None if self.counted is None else self.counted.get(id(body))
        if found is not None and found[0] is body:
            return found[1]
        prompt = counter().prompt(self.history.dialect, body, self.model)
        if self.counted is not None:
            self.counted[id(body)] = body, prompt
        return prompt


class Trimmed(NamedTuple):
    """What is sent instead."""

    body: Mapping[str, Any]
    arrived: Arrived
    planned: Planned | None
    before: int
    """Input tokens, as expected."""
    after: int
    texts: Mapping[Path, str] = {}
    """All that is sent instead of texts of the caller's."""
    gone: int = 0
    """Exchanges that are left out whole."""
    asking: Asking | None = None
    """What its provider is asked to leave out of it."""
    flight: Flight | None = None
    """What to learn from how it ends; ``None`` where no price is known."""


def aligned_for(asked: Asked, prompt: Prompt, body: Mapping[str, Any], total: int) -> Pieces:
    """Pieces of a body, with the breakpoints that it is likely to have when it leaves."""
    found = aligned(prompt, asked.history.dialect, body, total)
    return usual(found) if is_placed(asked, prompt) else found


def is_placed(asked: Asked, prompt: Prompt) -> bool:
    """Whether the breakpoints of a request are set further down."""
    marked = any(piece.marked for piece in prompt.pieces)
    return asked.placed and not anthropic_own(asked.history.body, marked)
