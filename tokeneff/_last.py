"""What is known of the last call that ended in this thread or task."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from tokeneff._flow import Call, Ending, Failure, Outcome, Tokens

if TYPE_CHECKING:
    from tokeneff.cache._reply import Served
    from tokeneff.totals import Totals

_MOST = 8
"""Calls that a context remembers: those still on their way, and the last of each wrapping."""


@dataclass(frozen=True, slots=True)
class Last:
    """What is known of a call that is over, as :func:`last` tells it."""

    model: str
    """The model that answered, else the one that was asked for."""
    operation: str
    """``chat``, ``embeddings``, …"""
    ending: Ending
    tokens: Tokens
    """What it used: nothing, if it was answered from the cache."""
    nano_usd: int | None
    """What it cost, in billionths of a US dollar; ``None`` where that is not known."""
    seconds: float
    """From the call to its end, retries included."""
    first_chunk: float | None
    """Seconds to the first chunk, of a stream."""
    id: str | None
    """The response's own id; of a call answered from the cache, that of the reply that was kept."""
    finish_reasons: tuple[str, ...]
    retries: int
    failure: Failure | None
    served: Served | None
    """What the cache did about it; ``None`` where there is none."""

    @property
    def usd(self) -> float | None:
        """``nano_usd`` in US dollars, to be shown."""
        return None if self.nano_usd is None else self.nano_usd / 1e9


class Box:
    """Where a call's outcome is put when it is over. Made in the caller's context, and filled from any."""

    __slots__ = ("_model", "_outcome", "_owner", "_price", "number", "operation")

    def __init__(self, owner: Totals) -> None:
        self._owner = owner
        self.number = 0

    def over(self, call: Call, outcome: Outcome, price: Callable[[Call, Outcome], Callable[[], int | None]]) -> None:
        """The call has ended."""
        asked = call.body.get("model")
        self._model = outcome.facts.model or (asked if isinstance(asked, str) else "")
        self.operation = call.endpoint.operation
        self._outcome = outcome._replace(sent=None, account=None, guard=None, facts=_plain(outcome))
        self._price = price(call, outcome)
        self.number = next(_numbers)

    def of(self, owner: Totals | None) -> bool:
        """Whether it tells of a call of this wrapping; of any, without."""
        return bool(self.number) and (owner is None or owner is self._owner)

    def stands_for(self, other: Box) -> bool:
        """Whether an older call need not be remembered any more once this one is over."""
        return bool(other.number) and other._owner is self._owner

    def told(self) -> Last:
        """What is known of it."""
        outcome = self._outcome
        facts = outcome.facts
        return Last(
            self._model,
            self.operation,
            outcome.ending,
            outcome.tokens,
            self._price(),
            outcome.ended - outcome.started,
            None if outcome.first_chunk is None else outcome.first_chunk - outcome.started,
            facts.id,
            facts.finish_reasons,
            len(outcome.attempts),
            outcome.failure,
            outcome.served,
        )


_numbers = count(1)
_boxes: ContextVar[tuple[Box, ...]] = ContextVar("tokeneff_last", default=())


def begun(owner: Totals) -> Box:
    """A call begins here; what becomes of it is put into the box that is returned."""
    box = Box(owner)
    held = _boxes.get()
    _boxes.set((box, *[one for one in held if not (one.number and _superseded(one, held))][: _MOST - 1]))
    return box


def latest(owner: Totals | None) -> Last | None:
    """The call that ended last of those that were made here."""
    found = [box for box in _boxes.get() if box.of(owner)]
    return max(found, key=_number).told() if found else None


def _superseded(box: Box, held: tuple[Box, ...]) -> bool:
    return any(one.number > box.number and one.stands_for(box) for one in held)


def _number(box: Box) -> int:
    return box.number


def _plain(outcome: Outcome) -> Any:
    """The reply's facts without anything of its messages."""
    return outcome.facts._replace(output=None, written=None)
