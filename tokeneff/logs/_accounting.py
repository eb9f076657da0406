"""A logged call to a record, through the same accounts as a live one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tokeneff._flow import Tokens, Written
from tokeneff.accounts import Account, Accounts, Asked
from tokeneff.ledger import CallRecord
from tokeneff.ledger._building import ACCOUNTED, accounted
from tokeneff.ledger._record import unbilled
from tokeneff.logs._values import Logged
from tokeneff.prices import Cost, Prices
from tokeneff.tokens._models import style_of
from tokeneff.tokens._vocabulary import vocabularies

if TYPE_CHECKING:
    from tokeneff.tokens import Counter

_PATIENCE = 2.0
"""Seconds to wait for a vocabulary: one that is on this machine is loaded in less."""
_SECOND = 1_000_000
_NANO = 1_000_000_000


class Accountant:
    """Accounts for the calls of logs, one after another."""

    def __init__(self, counter: Counter, prices: Prices) -> None:
        self._counter = counter
        self._accounts = Accounts(counter, prices)
        self._awaited: set[str] = set()

    def record(self, call: Logged) -> CallRecord:
        """Return what the ledger would have kept of the call."""
        at = call.time / _SECOND
        self._await_vocabulary(call.model)
        asked = Asked(call.dialect, call.body, call.model, call.provider, "", call.thread, at)
        opened = self._accounts.open(asked)
        tokens = self._estimated(call) if call.tokens is None else call.tokens
        ended = at + (call.duration or 0) / _SECOND
        account = self._accounts.close(opened, tokens, call.facts, ended, call.batch)
        return _record(call, tokens, account)

    def _await_vocabulary(self, model: str) -> None:
        """Nobody waits for a log, so that a vocabulary is waited for (once), and all of it counted by the same."""
        encoding = style_of(model).encoding
        if encoding not in self._awaited:
            self._awaited.add(encoding)
            vocabularies.ready(encoding, _PATIENCE)

    def _estimated(self, call: Logged) -> Tokens:
        prompt = self._counter.prompt(call.dialect, call.body, call.model)
        given, _ = self._counter.expected(prompt, call.model, call.provider, call.thread, call.time / _SECOND)
        said = call.facts.written or Written()
        texts = (said.text, said.reasoning, *(part for tool in said.tool_calls for part in tool))
        output = sum(self._counter.text(text, call.model) for text in texts if text)
        return Tokens(given, output, input_source="estimated", output_source="estimated")


def _record(call: Logged, tokens: Tokens, account: Account) -> CallRecord:
    """What the log says of the call, and the account of it."""
    facts = call.facts
    record = CallRecord(
        # As an identifier of its own in hexadecimal, which a ledger keeps in half the space.
        call_id=hashlib.blake2b(call.call_id.encode("utf-8", "replace"), digest_size=16).hexdigest(),
        time=call.time,
        duration=call.duration,
        sdk=call.sdk,
        provider=call.provider,
        request_model=call.model,
        model=facts.model or call.model,
        service_tier=facts.service_tier or "",
        session=call.session,
        response_id=facts.id or "",
        ending=call.ending,
        error=call.error,
        status=call.status,
        finish=",".join(facts.finish_reasons),
        retries=call.retries,
        usage_source=tokens.source,
        input_tokens=tokens.input_tokens,
        output_tokens=tokens.output_tokens,
        cache_read=tokens.cache_read,
        cache_write=tokens.cache_write,
        cache_write_1h=tokens.cache_write_1h,
        reasoning=tokens.reasoning,
        tags=call.tags,
    )
    account = account._replace(cost=_cost(call, account.cost))
    fields = dict(zip(ACCOUNTED, accounted(account, account.called), strict=True))
    return unbilled(record._replace(**fields))


def _cost(call: Logged, cost: Cost) -> Cost:
    """The cost by the price list; where it has none, what the program that wrote the log said."""
    if cost.nano_usd is not None or call.usd is None:
        return cost
    return Cost(round(call.usd * _NANO), source="provider", confidence="assumed", note="as the log says")
