"""The policy below the response cache: asks the provider's prompt cache for what the caller left out."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Generator, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tokeneff._done import Placed
from tokeneff._flow import Call, Effect, Outcome, Tokens, forward
from tokeneff._forking import watch
from tokeneff._log import log_once
from tokeneff.context import current_overrides
from tokeneff.promptcache._adding import Request, with_key, with_marks
from tokeneff.promptcache._additions import anthropic_own, openai_own
from tokeneff.promptcache._book import Book
from tokeneff.promptcache._engines import Split, State, serve, told
from tokeneff.promptcache._means import Means, means_of
from tokeneff.promptcache._pieces import pieces_of
from tokeneff.promptcache._rules import rule_of

if TYPE_CHECKING:
    from tokeneff.adapters._hosts import Site
    from tokeneff.prices import Prices

V = TypeVar("V")

_MOST_BOOKS = 1_000
_MOST_STATES = 64
_DIALECTS = ("chat", "responses", "messages")
_PERSONAL = ("session", "user")
"""Tags that are a call's own; the rest say what kind of work it is, which has a rhythm."""
_REFUSED = (400, 422)


class Placement:
    """Places breakpoints and keys for the calls of one wrapping. Thread-safe.

    Args:
        prices: what tokens cost.
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self.guard = Lock()
        self._books: OrderedDict[Any, Book] = OrderedDict()
        self._states: OrderedDict[Any, State] = OrderedDict()
        self._off: set[tuple[str, str]] = set()
        watch(self)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = Lock()

    def policy(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """Send the call with what pays; as it was if the provider refuses that, or a block says to leave caches out."""
        request = None if current_overrides().cache == "bypass" else self._prepared(call)
        if request is None:
            return (yield from forward(call))
        try:
            outcome = yield from forward(request.call)
        except BaseException:  # refused by a budget, or abandoned: nothing was sent
            self._undone(request)
            raise
        if request.added and _is_refusal(outcome):
            self._give_up(request, outcome)
            outcome = yield from forward(call)
            return outcome._replace(placed=Placed("refused"))
        return self._settled(request, outcome)

    def _prepared(self, call: Call) -> Request | None:
        dialect = call.endpoint.dialect
        if dialect not in _DIALECTS or not call.endpoint.model:
            return None
        try:
            site = call.family.site(call.client)
            means = means_of(call.family.name, site)
            if not (means.marks if dialect == "messages" else means.key):
                return None
            return self._request(call, dialect, site, means)
        except Exception as fault:  # noqa: BLE001 - the call goes on as it is
            log_once(("prompt cache", type(fault)), "a call was not prepared for the prompt cache", exc_info=fault)
            return None

    def _request(self, call: Call, dialect: str, site: Site, means: Means) -> Request | None:
        from tokeneff.tokens import counter

        body, extra, model = call.body, call.options.extra_json, call.body.get("model")
        if not isinstance(model, str) or (site.host, model) in self._off or (extra and not _harmless(extra)):
            return None
        prompt = counter().prompt(dialect, body, model)
        marked = any(piece.marked for piece in prompt.pieces)
        own = anthropic_own(body, marked) if dialect == "messages" else openai_own(body, marked)
        if own or not prompt.pieces:
            return None
        session = call.tags.get("session")
        name = None if session is None else str(session)
        total, _ = counter().expected(prompt, model, site.provider, name)
        pieces, rule, at = pieces_of(prompt, dialect, body, total), rule_of(model, site.provider), time.time()
        rates = self._prices.rates(model, site.provider, site.host, at, total)
        with self.guard:
            book = _kept(self._books, (site.host, model, _kind(call.tags)), Book, _MOST_BOOKS)
            before = _kept(self._states, (site.host, model), State, _MOST_STATES)
            place = book.place(pieces, at)
            request = Request(call, "", site, model, rule, rates, pieces, book, place, before, Split(), Split(), at)
            key = ""
            if dialect == "messages":
                request = with_marks(request, body, means)
            else:
                request, key = with_key(request, body, dialect, name)
            book.wait(request.pieces, place, at, key)
        return request

    def _undone(self, request: Request) -> None:
        """What was to be written was not."""
        with self.guard:
            request.book.spared -= request.spared
            _recharge(request, Split())

    def _give_up(self, request: Request, outcome: Outcome) -> None:
        self._undone(request)
        with self.guard:
            self._off.add((request.site.host, request.model))
        why = outcome.failure.message if outcome.failure is not None else ""
        log_once(
            ("prompt cache refused", request.site.host, request.model),
            "%s refused what was added to a request to %s for its prompt cache (%s); it was sent again as it was, and "
            "nothing is added to such requests from now on: %s",
            request.site.host,
            request.model,
            request.added,
            why[:200],
        )

    def _settled(self, request: Request, outcome: Outcome) -> Outcome:
        try:
            said = _said(outcome.tokens)
            if said is None and outcome.failure is not None:
                self._undone(request)
            saved = self._learnt(request, said) if said is not None or outcome.failure is None else None
        except Exception as fault:  # noqa: BLE001 - our fault is not the call's
            log_once(("prompt cache settled", type(fault)), "a call could not be learnt from", exc_info=fault)
            return outcome
        if not request.added:
            return outcome
        read, total = (None, None) if said is None else (said.read, said.total)
        return outcome._replace(placed=Placed("placed", request.added, len(request.pieces.marks), saved, read, total))

    def _learnt(self, request: Request, said: Split | None) -> int | None:
        """Note what the cache holds now, as the provider says if it does; returns what was saved, in nano-dollars.

        Only now, when the reply is there: of two requests at once, neither can read what the other writes.
        """
        rule, pieces, at = request.rule, request.pieces, request.at
        if rule.engine not in ("marks", "points"):
            return None  # nothing that is asked for depends on what such a cache holds
        key = (request.site.host, request.model)
        with self.guard:
            pieces = pieces if said is None else pieces.scaled(said.total)
            _, after = serve(rule, self._states.get(key, State()), pieces, at)
            self._states[key] = after if said is None else told(rule, request.before, after, pieces, said, at)
            if said is None:
                return None
            if request.call.endpoint.dialect != "messages":
                return _gained(request, said)
            saved = _recharge(request, said)
        return saved if request.pieces.marks else None


def _recharge(request: Request, said: Split) -> int:
    """Put what was said, or nothing, in the place of what was expected; returns what was saved, in nano-dollars."""
    rates, guess = request.rates, request.split
    if rates is None:
        return 0
    plain, cost = Split(uncached=said.total).dollars(rates), said.dollars(rates)
    more, paid = plain - Split(uncached=guess.total).dollars(rates), cost - guess.dollars(rates)
    request.book.charge(more, paid, request.place.talk)
    return plain - cost


def _gained(request: Request, said: Split) -> int | None:
    """What a breakpoint of ours had read, or was not written for us: of a key alone it cannot be known."""
    bare, rates = min(request.bare.read, said.total), request.rates
    if rates is None:
        return None
    if not request.pieces.implicit:
        return Split(bare, said.total - bare).dollars(rates) - said.dollars(rates)
    if not request.pieces.marks or said.read <= bare:
        return None
    return Split(bare, said.total - bare - said.uncached, 0, said.uncached).dollars(rates) - said.dollars(rates)


def _said(tokens: Tokens) -> Split | None:
    """The provider's own counts."""
    total, read, written = tokens.input_tokens, tokens.cache_read, tokens.cache_write or 0
    if total is None or read is None or tokens.input_source != "provider" or read + written > total:
        return None
    hour = min(tokens.cache_write_1h or 0, written)
    return Split(read, written - hour, hour, total - read - written)


def _is_refusal(outcome: Outcome) -> bool:
    failure = outcome.failure
    return failure is not None and failure.status in _REFUSED and "cache" in failure.message.lower()


def _harmless(extra: object) -> bool:
    """Whether what a caller adds to the body has nothing to do with what is cached."""
    if not isinstance(extra, Mapping):
        return False
    names = ("model", "messages", "system", "tools", "input", "instructions", "user", "cache_control")
    return not any(name in names or "prompt_cache" in str(name) for name in cast("Mapping[Any, Any]", extra))


def _kind(tags: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, value) for name, value in tags.items() if name not in _PERSONAL))


def _kept(known: OrderedDict[Any, V], key: Any, make: type[V], most: int) -> V:
    found = known.get(key)
    if found is None:
        found = known[key] = make()
        if len(known) > most:
            known.popitem(last=False)
    known.move_to_end(key)
    return found
