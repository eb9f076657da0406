"""The policy above the provider: sends less of a call where its whole conversation gets cheaper by that."""

from __future__ import annotations

import copy
from collections import Counter, OrderedDict
from collections.abc import Generator, Mapping
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from tokeneff._flow import Call, Effect, Outcome, do, forward
from tokeneff._forking import watch
from tokeneff._log import log_once
from tokeneff._values import Trimming as Told
from tokeneff.context import current_overrides
from tokeneff.errors import ContextTooLong, TokeneffError
from tokeneff.promptcache._means import means_of
from tokeneff.tokens import counter
from tokeneff.trim._limit import window_of
from tokeneff.trim._market import Asked, Market, Trimmed
from tokeneff.trim._opened import memo_of
from tokeneff.trim._reading import history_of
from tokeneff.trim._recalling import can_recall, tenant_of
from tokeneff.trim._validity import fault_of

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

    Raises:
        StoreError: there is no such store; the text says what to write or install.
    """

    def __init__(self, trim: Trim, prices: Prices, placed: bool = False) -> None:
        self._trim, self._prices, self._placed = trim, prices, placed
        self._memo = memo_of(trim)
        self._instant = self._memo.store.instant
        self.guard = Lock()
        self._markets: OrderedDict[tuple[str, bool], Market] = OrderedDict()
        self._given_up: OrderedDict[bytes, None] = OrderedDict()
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
        if self._held_out(asked):
            return (yield from forward(call))._replace(trimmed=Told("held out"))
        trimmed = self._trimmed(call, asked) if self._instant else (yield from do(self._trimmed, call, asked))
        if trimmed is None or trimmed.body is asked.history.body:
            return (yield from forward(call))
        options = copy.copy(call.options)
        options.json_data = trimmed.body
        outcome = yield from forward(call.with_(options=options))
        if _is_refusal(outcome):
            self._give_up(asked, outcome)
            outcome = yield from forward(call)
            return outcome._replace(trimmed=Told("refused"))
        return outcome._replace(trimmed=_told(trimmed))

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
        if history is None or not history.messages or history.chain[0] in self._given_up:
            return None
        site = call.family.site(call.client)
        prompt = counter().prompt(dialect, body, model)
        session = call.tags.get("session")
        name = None if session is None else str(session)
        total, _ = counter().expected(prompt, model, site.provider, name)
        most = self._trim.max_input_tokens
        most = window_of(model, body) if most is None else most
        placed = self._placed and dialect == "messages" and means_of(call.family.name, site).marks
        return Asked(history, prompt, model, site, name, total, most, placed)

    def _held_out(self, asked: Asked) -> bool:
        share = self._trim.holdout
        if not share:
            return False
        digest = blake2b(asked.history.chain[0], digest_size=8, person=b"tokeneff.holdout").digest()
        return int.from_bytes(digest) < share * 2**64

    def _trimmed(self, call: Call, asked: Asked) -> Trimmed | None:
        try:
            found = self._market(call, asked).trimmed(asked)
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
        with self.guard:
            found = self._markets.get((scope, recall))
            if found is None:
                found = Market(self._trim, self._memo, self._prices, scope, tenant=tenant, recall=recall)
                self._markets[scope, recall] = found
                if len(self._markets) > _MOST_MARKETS:
                    self._markets.popitem(last=False)
            self._markets.move_to_end((scope, recall))
        return found

    def _give_up(self, asked: Asked, outcome: Outcome) -> None:
        """Nothing of this conversation is trimmed any more."""
        with self.guard:
            self._given_up[asked.history.chain[0]] = None
            if len(self._given_up) > _MOST_GIVEN_UP:
                self._given_up.popitem(last=False)
        why = outcome.failure.message if outcome.failure is not None else ""
        log_once(
            ("trim refused", asked.site.host, asked.model),
            "%s refused a trimmed request to %s; it was sent again as it was, and its conversation is left alone from "
            "now on: %s",
            asked.site.host,
            asked.model,
            why[:200],
        )


def _told(trimmed: Trimmed) -> Told:
    kinds = Counter(done.kind for done in trimmed.arrived.edits)
    if trimmed.planned is not None and len(trimmed.planned.texts) > len(trimmed.arrived.texts):
        kinds["cleared"] = len(trimmed.planned.texts) - len(trimmed.arrived.texts)
    return Told("trimmed", cast("Mapping[str, int]", dict(kinds)), max(trimmed.before - trimmed.after, 0))


def _is_refusal(outcome: Outcome) -> bool:
    failure = outcome.failure
    return failure is not None and failure.status in _REFUSED and not outcome.chunks
