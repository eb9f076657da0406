"""The policy above the provider: sends less of a call where its whole conversation gets cheaper by that."""

from __future__ import annotations

import copy
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator, Mapping
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from tokeneff._done import Trimming as Told
from tokeneff._flow import Call, Effect, Outcome, do, forward
from tokeneff._forking import watch
from tokeneff._log import log_once
from tokeneff.context import current_overrides
from tokeneff.errors import ContextTooLong, TokeneffError
from tokeneff.promptcache._means import means_of
from tokeneff.tokens import counter
from tokeneff.trim._asked import Asked, Trimmed
from tokeneff.trim._market import Market
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of
from tokeneff.trim.memo._opened import memo_of
from tokeneff.trim.planning._limit import window_of
from tokeneff.trim.planning._plan import is_cleared
from tokeneff.trim.planning._told import Flight, conversation_of
from tokeneff.trim.provider._plan import CLEARED
from tokeneff.trim.provider._provider import Providing, headers_with, told_with
from tokeneff.trim.recall._recalling import can_recall, tenant_of
from tokeneff.trim.summaries._summing import is_summed

if TYPE_CHECKING:
    from tokeneff.prices import Prices
    from tokeneff.trim._trim import Trim

_DIALECTS = ("chat", "responses", "messages")
_REFUSED = (400, 413, 422)
_MOST_MARKETS = 500
_MOST_GIVEN_UP = 10_000
_NAMES = ("model", "messages", "system", "tools", "input", "instructions")


class Trimming:
    """Trims the calls of one wrapping. Thread-safe.

    Args:
        trim: what was asked for. prices: what tokens cost.
        placed: whether breakpoints are set further down where the caller sets none.
        learns: whether nobody else teaches the counter what providers count.

    Raises:
        StoreError: there is no such store; the text says what to write or install.
    """

    def __init__(
        self, trim: Trim, prices: Prices, placed: bool = False, learns: Callable[[], bool] = lambda: False
    ) -> None:
        self._learns = learns
        self._trim, self._prices, self._placed = trim, prices, placed
        self._memo = memo_of(trim)
        self._instant = self._memo.store.instant and trim.summarise is None
        self.guard = Lock()
        self._providing = Providing() if trim.via == "provider" else None
        self._markets: OrderedDict[tuple[str, bool, bool], Market] = OrderedDict()
        self._given_up: OrderedDict[tuple[str, str], None] = OrderedDict()
        watch(self)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = Lock()

    def policy(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """Send the call as it pays; as it was, if the provider refuses that."""
        asked = None if current_overrides().trim is False else self._asked(call)
        if asked is None:
            return (yield from forward(call))
        market = self._market(call, asked)
        alone = self._left_alone(market, asked)
        if alone is not None and not self._over(asked):
            return (yield from self._sent(call, asked, market, market.untouched(asked), alone))
        decide = market.trimmed if alone is None else market.limited
        trimmed = self._trimmed(decide, asked) if self._instant else (yield from do(self._trimmed, decide, asked))
        if trimmed is None:
            return (yield from self._sent(call, asked, market, market.untouched(asked), Told("whole")))
        if trimmed.body is asked.history.body:
            return (yield from self._sent(call, asked, market, trimmed.flight, Told("whole")))
        options = copy.copy(call.options)
        options.json_data = trimmed.body
        if trimmed.asking is not None:
            options.headers = headers_with(call, trimmed.asking)
        shorter = call.with_(options=options)
        outcome = yield from self._sent(shorter, asked, market, trimmed.flight, _told(trimmed))
        if not _is_refusal(outcome) or (self._over(asked) and trimmed.asking is None):
            return outcome  # not even now is more sent than the caller has allowed
        original = yield from self._sent(call, asked, market, market.untouched(asked), Told("refused"))
        if not _is_refusal(original):  # else it was not for what was left out
            self._give_up(market, asked, trimmed, outcome)
        return original

    def _left_alone(self, market: Market, asked: Asked) -> Told | None:
        """What is told of a conversation of which nothing is left out, but for its limit."""
        if self._held_out(asked):
            return Told("held out")
        return Told("whole") if (market.scope, asked.conversation) in self._given_up else None

    def _over(self, asked: Asked) -> bool:
        """Whether a request as it was written is longer than the caller allows; what its model takes is not meant."""
        most = self._trim.max_input_tokens
        return most is not None and asked.total > most

    def _sent(
        self, call: Call, asked: Asked, market: Market, flight: Flight | None, told: Told
    ) -> Generator[Effect, Any, Outcome]:
        """Send a call, and learn from how it ends."""
        try:
            outcome = yield from forward(call)
        except BaseException:  # nothing was sent
            market.unsent(flight)
            raise
        told = self._verified(call, asked, market, flight, told, outcome)
        if self._providing is not None:
            self._providing.learn(asked.history, outcome)
            told = told_with(told, outcome.facts.managed)
        return outcome._replace(trimmed=told)

    def _verified(
        self, call: Call, asked: Asked, market: Market, flight: Flight | None, told: Told, outcome: Outcome
    ) -> Told:
        told = told._replace(conversation=asked.conversation)
        try:
            total = outcome.tokens.input_tokens
            managed = outcome.facts.managed  # where it says something, it has counted something else than was sent
            if total and outcome.tokens.input_source == "provider" and managed is None and self._learns():
                prompt = asked.prompt_of(call.body)
                counter().learn(prompt, asked.model, asked.site.provider, total, asked.session)
            if flight is None or (managed is not None and managed.compacted):
                return told
            found = market.over(asked, call.body, flight, outcome)
        except Exception as fault:  # noqa: BLE001 - our fault is not the call's
            log_once(("trim settled", type(fault)), "a trimmed call could not be learnt from", exc_info=fault)
            return told
        money = {"realised": found.saved, "untrimmed": found.untrimmed, "proof": found.proof}
        told = told._replace(**money, baseline=found.baseline)
        if told.said == "trimmed":
            counted = managed is not None and managed.tokens > 0
            told = told._replace(saved=found.tokens, counted=counted, expected=flight.expected)
        return told

    def _asked(self, call: Call) -> Asked | None:
        dialect = call.endpoint.dialect
        if dialect not in _DIALECTS or not call.endpoint.model:
            return None
        try:
            return self._read(call, dialect)
        except Exception as fault:  # noqa: BLE001 - the call goes on as it is
            log_once(("trim", type(fault)), "a call was not looked at for trimming", exc_info=fault)
            return None

    def _read(self, call: Call, dialect: str) -> Asked | None:
        body, extra, model = call.body, call.options.extra_json, call.body.get("model")
        if not isinstance(model, str) or (extra and any(name in extra for name in _NAMES)):
            return None
        history = history_of(dialect, body)
        if history is None or not history.messages:
            return None
        site = call.family.site(call.client)
        prompt = counter().prompt(dialect, body, model)
        session = call.tags.get("session")
        name = None if session is None else str(session)
        total, _ = counter().expected(prompt, model, site.provider, name)
        most = self._trim.max_input_tokens
        most = window_of(model, body) if most is None else most
        placed = self._placed and dialect == "messages" and means_of(call.family.name, site).marks
        can = None if self._providing is None else self._providing.can(call, history, model, site)
        conversation = conversation_of(prompt, history, name)
        return Asked(history, prompt, model, site, name, total, most, placed, conversation, can, {})

    def _held_out(self, asked: Asked) -> bool:
        share = self._trim.holdout
        if not share:
            return False
        digest = blake2b(asked.conversation.encode(), digest_size=8, person=b"tokeneff.holdout").digest()
        return int.from_bytes(digest) < share * 2**64

    def _trimmed(self, decide: Callable[[Asked], Trimmed], asked: Asked) -> Trimmed | None:
        try:
            found = decide(asked)
            if found.body is not asked.history.body:
                dialect = asked.history.dialect
                if fault_of(dialect, found.body) and not fault_of(dialect, asked.history.body):
                    raise RuntimeError("a trimmed request would not be taken")
            return found
        except ContextTooLong:
            if self._trim.max_input_tokens is None:
                return None  # what a model takes is the provider's to say
            raise
        except TokeneffError:
            raise
        except Exception as fault:  # noqa: BLE001 - the call goes on as it is
            log_once(("trim", type(fault)), "a call was not trimmed", exc_info=fault)
            return None

    def _market(self, call: Call, asked: Asked) -> Market:
        recall, tenant = self._trim.recall and can_recall(call.body), tenant_of(self._trim.by, call.tags)
        scope = "\n".join([asked.site.host, asked.model, tenant])
        key = scope, recall, asked.can is not None
        with self.guard:
            found = self._markets.get(key)
            if found is None:
                found = self._markets[key] = Market(
                    self._trim, self._memo, self._prices, scope, tenant=tenant, recall=recall, provided=key[2]
                )
                if len(self._markets) > _MOST_MARKETS:
                    self._markets.popitem(last=False)
            self._markets.move_to_end(key)
        return found

    def _give_up(self, market: Market, asked: Asked, trimmed: Trimmed, outcome: Outcome) -> None:
        """Nothing of this conversation is trimmed any more, or its provider is not asked to do it any more."""
        why = outcome.failure.message if outcome.failure is not None else ""
        if trimmed.asking is not None and self._providing is not None:
            self._providing.refused(trimmed.asking, asked.site, asked.model, why)
            return
        with self.guard:
            self._given_up[market.scope, asked.conversation] = None
            if len(self._given_up) > _MOST_GIVEN_UP:
                self._given_up.popitem(last=False)
        log_once(
            ("trim refused", asked.site.host, asked.model),
            "%s refused a trimmed request to %s; it was sent again as it was, and its conversation is left alone from "
            "now on: %s",
            asked.site.host,
            asked.model,
            why[:200],
        )


def _told(trimmed: Trimmed) -> Told:
    arrived, texts = trimmed.arrived, trimmed.texts
    texts = {path: text for path, text in texts.items() if text != CLEARED}  # those its provider tells of
    own = {path for path, text in texts.items() if arrived.texts.get(path) == text}
    kinds = Counter(done.kind for done in arrived.edits if done.path in own)
    kinds.update("cleared" if is_cleared(text) else "cut" for path, text in texts.items() if path not in own)
    if summed := sum(map(is_summed, texts.values())):
        kinds["summarised"] = summed
    if trimmed.gone:
        kinds["dropped"] = trimmed.gone
    planned = trimmed.planned
    gain = planned.batch.gain if planned is not None and planned.batch is not None else None
    saved = max(trimmed.before - trimmed.after, 0)
    return Told("trimmed", cast("Mapping[str, int]", dict(kinds)), saved, texts=len(texts), gain=gain)


def _is_refusal(outcome: Outcome) -> bool:
    failure = outcome.failure
    return failure is not None and failure.status in _REFUSED and not outcome.chunks
