"""The two policies of an :class:`Output`: one above the cache sets what was left open, one below trimming watches what
comes of it.

What is set makes another reply, so it belongs to what a cache knows a call by. What a provider says to it is heard as
near to the provider as can be, so that nobody else takes a refusal for theirs.
"""

from __future__ import annotations

import copy
from collections.abc import Generator
from typing import Any

from tokeneff._done import Preset, Shaped
from tokeneff._flow import Call, Effect, Outcome, forward
from tokeneff._log import log_once
from tokeneff._metering import also
from tokeneff._plain import items
from tokeneff.context import current_overrides
from tokeneff.trim.output._output import Output, Wanted
from tokeneff.trim.output._presets import named, preset, without
from tokeneff.trim.output._runaway import Watch

_DIALECTS = ("chat", "responses", "messages")
_REFUSED = (400, 422)
_MOST_KNOWN = 10_000
_SETTINGS = ("max_tokens", "effort", "verbosity")
Market = tuple[str, str, str, bool]
"""Host, model, dialect, and whether there are tools: what is taken with none may be refused with some."""


class Shaping:
    """Shapes the output of the calls of one wrapping. Thread-safe.

    Args:
        output: what was asked for.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._taken: dict[tuple[Market, str], bool] = {}
        """Whether a provider takes a setting, as far as it has shown."""

    def above(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """Set what the caller has left open."""
        return (yield from forward(self._with_defaults(call)))

    def below(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """Send the call, watched; without its defaults, if the provider refuses them."""
        watches = self._watched(call)
        if watches is not None:
            call = _begun(call, *watches)
        set_ = call.preset
        outcome = yield from forward(call)
        refused: tuple[str, ...] = ()
        if set_ is not None and self._may_be_of_ours(call, set_, outcome):
            again = yield from forward(_bare(call, set_))
            if _is_answered(again):
                refused = self._give_up(call, set_, outcome)
            outcome = again
        elif set_ is not None and _is_answered(outcome):
            self._know(_market(call), tuple(set_.values), True)
        repeated = watches[0][-1].repeated if watches is not None and watches[0] else None
        if set_ is None and repeated is None:
            return outcome
        return outcome._replace(output=Shaped(set_.values if set_ is not None else {}, refused, repeated))

    def _with_defaults(self, call: Call) -> Call:
        if not _is_ours(call):
            return call
        try:
            wanted = self._output.wanted(call.tags)
            market = _market(call)
            left = {name: None for name in _SETTINGS if self._taken.get((market, name)) is False}
            found = preset(call.body, call.options.extra_json, market[2], market[0], wanted._replace(**left))
        except Exception as fault:  # noqa: BLE001 - the call goes on as it is
            log_once(("output", type(fault)), "a call was sent without defaults", exc_info=fault)
            return call
        return call if found is None else _sending(call, found[0]).with_(preset=found[1])

    def _watched(self, call: Call) -> tuple[list[Watch], int] | None:
        if not call.stream or not _is_ours(call):
            return None
        wanted: Wanted = self._output.wanted(call.tags)
        return None if wanted.repetition is None else ([], wanted.repetition)

    def _may_be_of_ours(self, call: Call, set_: Preset, outcome: Outcome) -> bool:
        """Whether a provider may have refused a call for what was set in it."""
        if not _is_refusal(outcome) or outcome.failure is None:
            return False
        market = _market(call)
        known = all(self._taken.get((market, name)) is True for name in set_.values)
        return not known or bool(named(outcome.failure.message, set_))

    def _give_up(self, call: Call, set_: Preset, outcome: Outcome) -> tuple[str, ...]:
        """The call is taken without them: which of them it was, and not again."""
        market, said = _market(call), outcome.failure.message if outcome.failure is not None else ""
        found = named(said, set_)
        if not found:
            found = tuple(name for name in set_.values if self._taken.get((market, name)) is None)
        gone = tuple(name for name in found if self._taken.get((market, name)) is None)  # else only this call's
        self._know(market, gone, False)
        if gone:
            log_once(
                ("output refused", market, gone),
                "%s refused a call to %s with the default of Output(%s), and took it without; it is not sent there for "
                "this model any more%s: %s",
                market[0],
                market[1],
                ", ".join(f"{name}={set_.values[name]!r}" for name in gone),
                " in calls with tools" if market[3] else "",
                said[:200],
            )
        return found

    def _know(self, market: Market, names: tuple[str, ...], taken: bool) -> None:
        if len(self._taken) > _MOST_KNOWN:
            self._taken.clear()
        for name in names:
            self._taken.setdefault((market, name), taken)


def _is_ours(call: Call) -> bool:
    endpoint = call.endpoint
    return endpoint.model and endpoint.dialect in _DIALECTS and current_overrides().trim is not False


def _market(call: Call) -> Market:
    body = call.body
    site = call.family.site(call.client)
    return site.host, str(body.get("model")), call.endpoint.dialect or "", bool(items(body.get("tools")))


def _sending(call: Call, body: dict[str, Any]) -> Call:
    options = copy.copy(call.options)
    options.json_data = body
    return call.with_(options=options)


def _bare(call: Call, set_: Preset) -> Call:
    return _sending(call, without(call.body, set_)).with_(preset=None)


def _begun(call: Call, watches: list[Watch], characters: int) -> Call:
    before = call.begun

    def begun(exchange: Any) -> None:
        watches.append(Watch(characters))
        also(exchange, watches[-1])
        if before is not None:
            before(exchange)

    return call.with_(begun=begun)


def _is_refusal(outcome: Outcome) -> bool:
    failure = outcome.failure
    return failure is not None and failure.status in _REFUSED and not outcome.chunks


def _is_answered(outcome: Outcome) -> bool:
    return outcome.status is not None and outcome.status < 300
