"""A logged call to a record, through the same accounts as a live one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tokeneff._flow import Tokens, Written
from tokeneff.accounts import Account, Asked, InputParts, OutputParts
from tokeneff.accounts._accounts import Accounts
from tokeneff.ledger import CallRecord
from tokeneff.logs._values import Logged
from tokeneff.prices import Cost, Prices

if TYPE_CHECKING:
    from tokeneff.tokens import Counter

_SECOND = 1_000_000
_NANO = 1_000_000_000


class Accountant:
    """Accounts for the calls of logs, one after another."""

    def __init__(self, counter: Counter, prices: Prices) -> None:
        self._counter = counter
        self._accounts = Accounts(counter, prices)

    def record(self, call: Logged) -> CallRecord:
        """Return what the ledger would have kept of the call."""
        at = call.time / _SECOND
        asked = Asked(call.dialect, call.body, call.model, call.provider, "", call.thread, at)
        opened = self._accounts.open(asked)
        tokens = self._estimated(call) if call.tokens is None else call.tokens
        ended = at + (call.duration or 0) / _SECOND
        account = self._accounts.close(opened, tokens, call.facts, ended, call.batch)
        return _record(call, tokens, account)

    def _estimated(self, call: Logged) -> Tokens:
        prompt = self._counter.prompt(call.dialect, call.body, call.model)
        given, _ = self._counter.expected(prompt, call.model, call.provider, call.thread, call.time / _SECOND)
        said = call.facts.written or Written()
        texts = (said.text, said.reasoning, *(part for tool in said.tool_calls for part in tool))
        output = sum(self._counter.text(text, call.model) for text in texts if text)
        return Tokens(given, output, input_source="estimated", output_source="estimated")


def _record(call: Logged, tokens: Tokens, account: Account) -> CallRecord:
    parts = account.input._asdict() if account.input is not None else dict.fromkeys(InputParts._fields)
    output = account.output._asdict() if account.output is not None else dict.fromkeys(OutputParts._fields)
    prefix, cost = account.prefix, _cost(call, account.cost)
    return CallRecord(
        call_id=hashlib.blake2b(call.call_id.encode("utf-8", "replace"), digest_size=16).hexdigest(),
        time=call.time,
        duration=call.duration,
        sdk=call.sdk,
        provider=call.provider,
        request_model=call.model,
        model=call.facts.model or call.model,
        service_tier=call.facts.service_tier or "",
        session=call.session,
        response_id=call.facts.id or "",
        ending=call.ending,
        error=call.error,
        status=call.status,
        finish=",".join(call.facts.finish_reasons),
        retries=call.retries,
        usage_source=tokens.source,
        input_tokens=tokens.input_tokens,
        output_tokens=tokens.output_tokens,
        cache_read=tokens.cache_read,
        cache_write=tokens.cache_write,
        cache_write_1h=tokens.cache_write_1h,
        reasoning=tokens.reasoning,
        **{f"in_{name}": value for name, value in parts.items()},
        **{f"out_{name}": value for name, value in output.items()},
        counted=account.counted,
        expected_error=account.expected_error,
        scale=account.scale,
        encoding=account.encoding,
        cost=cost.nano_usd,
        cost_input=cost.input,
        cost_cache_read=cost.cache_read,
        cost_cache_write=cost.cache_write,
        cost_output=cost.output,
        price_source=cost.source,
        price_version=cost.version,
        price_confidence=cost.confidence,
        prefix_repeated=prefix.repeated if prefix is not None else None,
        prefix_cause=prefix.cause if prefix is not None else "",
        prefix_part=(prefix.part or "") if prefix is not None else "",
        prefix_position=prefix.position if prefix is not None else None,
        prefix_detail=prefix.detail if prefix is not None else "",
        prefix_lost=prefix.lost if prefix is not None else 0,
        prefix_cost=prefix.cost if prefix is not None else None,
        stale_tokens=account.stale,
        toolset=account.toolset,
        tools=account.tools,
        called=account.called,
        request_hash=account.request_hash,
        system_hash=account.system_hash,
        tags=call.tags,
    )


def _cost(call: Logged, cost: Cost) -> Cost:
    """The cost by the price list; where it has none, what the program that wrote the log said."""
    if cost.nano_usd is not None or call.usd is None:
        return cost
    return Cost(round(call.usd * _NANO), source="provider", confidence="assumed", note="as the log says")
