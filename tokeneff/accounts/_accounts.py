"""Accounts of calls: opened before a request is sent, closed when the call is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tokeneff._flow import Facts, Tokens
from tokeneff._log import log_once
from tokeneff._shares import split
from tokeneff.accounts._account import Account, Asked, InputParts, OutputParts, Prefix
from tokeneff.accounts._input import UNSEEN, Beyond, Scaled, beyond, grown, scaled
from tokeneff.accounts._loss import Shown
from tokeneff.accounts._needs import Counts, Tariff
from tokeneff.accounts._opened import Opened
from tokeneff.accounts._output import output_parts
from tokeneff.accounts._prefix import prefix_of
from tokeneff.accounts._seen import Settled
from tokeneff.accounts._sessions import Sessions
from tokeneff.prices import Cost
from tokeneff.prices._cost import UNPRICED
from tokeneff.prices._rates import Rates
from tokeneff.tokens import Prompt

_CONVERSATIONS = ("chat", "responses", "messages")
_LEAST_RATIO, _MOST_RATIO = 0.6, 1.6


class _Closing(NamedTuple):
    """What the steps of closing an account work on."""

    opened: Opened
    prompt: Prompt
    tokens: Tokens
    facts: Facts
    total: int | None
    raw: InputParts


class Accounts:
    """Tells of each call what its tokens were, how much of its prompt was a repeat, and what it cost.

    ::

        accounts = Accounts(tokeneff.tokens.counter(), Prices())
        opened = accounts.open(asked)  # before the request is sent
        account = accounts.close(opened, outcome.tokens, outcome.facts, time.time())
        account.input.tool_results, account.prefix.cause, account.cost.micro_usd

    One for each wrapping: sessions are found among the calls that it has seen. Thread-safe; calls of many sessions,
    and parallel ones of the same, may be opened and closed in any order, and an account that is never closed costs
    nothing. Our own faults are logged once, and leave a field of the account empty.

    Args:
        counter: counts prompts and replies, and learns from what providers count.
        prices: what tokens cost.
    """

    def __init__(self, counter: Counts, prices: Tariff) -> None:
        self._counter = counter
        self._prices = prices
        self._sessions = Sessions()

    def open(self, asked: Asked) -> Opened:
        """Count a request that is about to be sent, and find its session.

        Args:
            asked: the request; its body is read here and not kept.
        """
        opened = Opened(asked)
        try:
            self._open(opened, asked)
        except Exception as fault:  # noqa: BLE001 - accounting must not reach the call
            _told("open", fault)
        return opened

    def close(self, opened: Opened, tokens: Tokens, facts: Facts, ended_at: float, batch: bool = False) -> Account:
        """The account of a call that is over.

        Args:
            opened: what :meth:`open` gave.
            tokens: the counts, the provider's where it sent them.
            facts: what the reply said of itself.
            ended_at: seconds since 1970.
            batch: whether it is priced as a batch.
        """
        cost = _safely("cost", UNPRICED, self._cost, opened, tokens, facts, batch)
        try:
            return self._account(opened, tokens, facts, cost)
        except Exception as fault:  # noqa: BLE001 - as above
            _told("account", fault)
            return Account(cost, session=opened.session)

    def _open(self, opened: Opened, asked: Asked) -> None:
        prompt = opened.prompt = self._counter.prompt(asked.dialect, asked.body, asked.model)
        if asked.dialect in _CONVERSATIONS and prompt.pieces:
            try:
                opened.place_in(self._sessions, asked, prompt)
            except Exception as fault:  # noqa: BLE001 - as above
                _told("place", fault)
        if asked.dialect is not None:
            session = opened.session or asked.session
            opened.counted, opened.error = self._counter.expected(
                prompt, asked.model, asked.provider, session, asked.at
            )

    def _cost(self, opened: Opened, tokens: Tokens, facts: Facts, batch: bool) -> Cost:
        return self._prices.cost(
            tokens,
            model=facts.model or opened.model,
            provider=opened.provider,
            host=opened.host,
            tier=facts.service_tier,
            batch=batch,
            at=opened.at,
        )

    def _account(self, opened: Opened, tokens: Tokens, facts: Facts, cost: Cost) -> Account:
        prompt, seen = opened.prompt, opened.seen
        if prompt is None:
            return Account(cost, session=opened.session)
        total = tokens.input_tokens
        total = None if total is None or total < 0 else total
        raw = seen.raw if seen is not None and seen.raw is not None else grown(prompt.pieces, None)
        closing = _Closing(opened, prompt, tokens, facts, total, raw)
        made = _safely("input", None, _input, closing)
        output = _safely("output", None, self._output, closing)
        prefix = _safely("prefix", None, self._prefix, closing, made)
        _safely("settle", None, self._settle, closing, made)
        written = facts.written
        return Account(
            cost=cost,
            input=made.parts if made is not None else None,
            output=output,
            scale=made.scale if made is not None else None,
            counted=opened.counted,
            expected_error=opened.error,
            encoding=prompt.encoding,
            session=opened.session,
            prefix=prefix,
            stale=_safely("stale", 0, _stale, closing, made)
            if seen is not None and seen.stale and seen.stale.pending
            else 0,
            tools=_safely("tools", (), _tools, closing, made) if seen is not None and seen.tools else (),
            toolset=seen.toolset if seen is not None else "",
            called=tuple(dict.fromkeys([name for name, _ in written.tool_calls])) if written is not None else (),
            request_hash=prompt.digest.hex(),
            system_hash=seen.system_hash if seen is not None else "",
            unknown=(*prompt.unknown, UNSEEN) if made is not None and made.unseen else prompt.unknown,
        )

    def _output(self, closing: _Closing) -> OutputParts | None:
        model = closing.opened.model
        return output_parts(closing.tokens, closing.facts.written, lambda text: self._counter.text(text, model))

    def _prefix(self, closing: _Closing, made: Scaled | None) -> Prefix | None:
        opened = closing.opened
        place, seen, rules = opened.place, opened.seen, opened.rules
        if place is None or seen is None or rules is None:
            return None
        total = closing.total if closing.total is not None else opened.counted
        if total is None:
            return None
        model = closing.facts.model or opened.model

        def rates() -> Rates | None:
            return self._prices.rates(model, opened.provider, opened.host, opened.at, total)

        scale = made.scale if made is not None else None
        if scale is None:
            scale = total / closing.prompt.tokens if closing.prompt.tokens else 1.0
        before = made.head if made is not None else 0
        return prefix_of(place, seen, Shown(closing.tokens, total, scale, before, rules, rates, opened.under_way))

    def _settle(self, closing: _Closing, made: Scaled | None) -> None:
        """Keep what the next request of the session is compared with, and let the counter learn."""
        opened, tokens, facts, total = closing.opened, closing.tokens, closing.facts, closing.total
        seen, place = opened.seen, opened.place
        if seen is not None and place is not None:
            if total is None and facts.id is None and facts.model is None and facts.written is None:
                self._sessions.withdraw(place.session, seen, place.earlier if place.related else None)
                return
            earlier = place.earlier.settled if place.earlier is not None and place.related else None
            hour = earlier is not None and earlier.hour
            if tokens.cache_write:
                hour = 2 * (tokens.cache_write_1h or 0) >= tokens.cache_write
            answer = max((tokens.output_tokens or 0) - (tokens.reasoning or 0), 0)
            head, parts = (made.head, made.parts) if made is not None else (0, None)
            seen.settled = Settled(total, tokens.cache_read, tokens.cache_write, hour, head, parts, answer)
            if facts.id and opened.keeps_replies:
                self._sessions.answered(place.session, seen, facts.id)
        whole = facts.managed is None  # or the provider counted something else than it was sent
        if total is not None and tokens.input_source == "provider" and closing.prompt.pieces and whole:
            self._counter.learn(closing.prompt, opened.model, opened.provider, total, opened.session)


def _input(closing: _Closing) -> Scaled | None:
    opened, raw, total = closing.opened, closing.raw, closing.total
    if total is None:
        return None
    place = opened.place
    earlier = place.earlier.settled if place is not None and place.related and place.earlier is not None else None
    if opened.kept:
        more = Beyond("history", earlier=earlier.said if earlier is not None else None, certain=True)
    else:
        unseen = earlier.unseen if earlier is not None else 0
        hosted = opened.seen is not None and opened.seen.hosted
        more = beyond(raw, closing.tokens, closing.prompt.unknown, unseen, hosted=hosted)
    ratio = 1.0
    if opened.counted and closing.prompt.tokens:
        ratio = min(max(opened.counted / closing.prompt.tokens, _LEAST_RATIO), _MOST_RATIO)
    return scaled(total, raw, ratio, more)


def _stale(closing: _Closing, made: Scaled | None) -> int:
    seen = closing.opened.seen
    if seen is None or seen.stale is None or not seen.stale.pending:
        return 0
    tokens = seen.stale.tokens
    if made is None or made.scale is None:
        return tokens
    return min(round(tokens * made.scale), made.parts.tool_results)


def _tools(closing: _Closing, made: Scaled | None) -> tuple[tuple[str, int], ...]:
    """Each tool schema with its tokens, which sum to what all tools are."""
    seen = closing.opened.seen
    if seen is None or not seen.tools:
        return ()
    pieces = seen.pieces[: seen.tools]
    tokens = [piece.tokens for piece in pieces]
    if made is not None:
        tokens = split(made.parts.tools, tokens)
    names = [piece.traits.names[0] if piece.traits.names else "" for piece in pieces]
    return tuple(zip(names, tokens, strict=True))


def _safely(step: str, otherwise: Any, work: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except Exception as fault:  # noqa: BLE001 - accounting must not reach the call
        _told(step, fault)
        return otherwise


def _told(step: str, fault: Exception) -> None:
    log_once(("accounts", step, type(fault)), "a part of a call's account failed: %s", step, exc_info=fault)
