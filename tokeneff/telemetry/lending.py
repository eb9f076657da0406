"""Somebody else's span stands for the call: it gets what is ours to tell, at the latest when they end it."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, cast

from tokeneff._duplicates import Owner, span_of_reader
from tokeneff._exchange import Exchange
from tokeneff._flow import Call, Ending, Outcome
from tokeneff.telemetry import names
from tokeneff.telemetry.spans import add_events, end_attributes

_OURS = ("tokeneff.", "gen_ai.usage.")
_TAGGED = (names.USER, names.CONVERSATION)
_COMPLETE = (("stop",), ("tool_calls",))
_DEEPEST = 12


class Lending:
    """One call whose span is another's.

    Some of them end their span before the reply is over (from their ``__del__``, or before they close the stream), so
    what is known by then is added as they end it. What they hold for that leads to the exchange, never to the reply:
    a stream that is part of a cycle is not seen to be dropped.
    """

    __slots__ = ("_call", "_owner")

    def __init__(self, owner: Owner, call: Call) -> None:
        self._owner = owner
        self._call = call

    def begun(self, exchange: Exchange) -> None:
        """The call is being sent."""
        if not self._call.stream and self._call.raw is None:
            return  # a reply in one piece is over for us before it is for them
        if self._owner.late:
            exchange.reader = cast("Any", _FirstEvent(self, exchange))
        else:
            self._follow(exchange)

    def found(self, exchange: Exchange, span: Any) -> None:
        """The span that they made of a reply that had begun to come."""
        self._owner = replace(self._owner, span=span, late=False)
        self._follow(exchange)

    def end(self, outcome: Outcome) -> None:
        """The call is over."""
        self._tell(outcome)
        self._owner.finish(outcome.ending)

    def untold(self, outcome: Outcome) -> bool:
        """Whether they made no span of this call: those who make it from the reply do so of a complete one only."""
        if not self._owner.late or outcome.ending == "failed":
            return False
        if self._call.stream:
            return outcome.status is None
        return outcome.ending != "read" or outcome.facts.finish_reasons not in _COMPLETE

    def _follow(self, exchange: Exchange) -> None:
        self._owner.before_end(lambda: self._early(exchange))

    def _early(self, exchange: Exchange) -> bool:
        """They are about to end their span. Not yet, if the caller has still to read what they gave back unread."""
        ending = _ending_now(exchange)
        if ending == "broken_off" and not exchange.reader.seen and exchange.status is not None:
            return sys.exc_info()[1] is not None
        self._tell(exchange.outcome(ending))
        return True

    def _tell(self, outcome: Outcome) -> None:
        owner = self._owner
        found = end_attributes(self._call, outcome)
        lent = {key: found[key] for key in found if key.startswith(_OURS) or key in _TAGGED}
        owner.record(lent, _estimates(outcome))
        add_events(owner.event, outcome)


class _FirstEvent:
    """In the reader's place until the first event of a stream: whoever reads it through a span of theirs is near."""

    def __init__(self, lending: Lending, exchange: Exchange) -> None:
        self._lending = lending
        self._exchange = exchange
        self._reader = exchange.reader

    def event(self, data: Any) -> Any:
        exchange = self._exchange
        exchange.reader = self._reader
        span = span_of_reader()
        if span is not None:
            self._lending.found(exchange, span)
        return self._reader.event(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


def _estimates(outcome: Outcome) -> list[str]:
    tokens = outcome.tokens
    sources = ((names.INPUT_TOKENS, tokens.input_source), (names.OUTPUT_TOKENS, tokens.output_source))
    return [name for name, source in sources if source != "provider"]


def _ending_now(exchange: Exchange) -> Ending:
    """How the reply ends, if the span of its call is being ended before it is over."""
    if exchange.reader.terminal:
        return "read"
    error = sys.exc_info()[1]
    if isinstance(error, GeneratorExit) or _is_finalizing():
        return "dropped"
    return "broken_off" if error is None or isinstance(error, Exception) else "cancelled"


def _is_finalizing() -> bool:
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    for _ in range(_DEEPEST):
        if frame is None:
            return False
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
