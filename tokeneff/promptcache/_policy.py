"""The policy below the response cache: asks the provider's prompt cache for what the caller left out."""

from __future__ import annotations

import copy
import time
from collections import OrderedDict
from collections.abc import Generator, Mapping
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from tokeneff._flow import Call, Effect, Outcome, Tokens, forward
from tokeneff._forking import watch
from tokeneff._log import log_once
from tokeneff._values import Placed
from tokeneff.promptcache._additions import Spots, anthropic_own, head_point, is_set, openai_own
from tokeneff.promptcache._book import Book, Place
from tokeneff.promptcache._engines import Split, State, serve, told
from tokeneff.promptcache._means import Means, means_of
from tokeneff.promptcache._pieces import Mark, Pieces, pieces_of
from tokeneff.promptcache._plan import Case, sent
from tokeneff.promptcache._rules import Rule, rule_of

if TYPE_CHECKING:
    from tokeneff.adapters._hosts import Site
    from tokeneff.prices import Prices
    from tokeneff.prices._rates import Rates

V = TypeVar("V")

_MOST_BOOKS = 1_000
_MOST_STATES = 64
_DIALECTS = ("chat", "responses", "messages")
_PERSONAL = ("session", "user")
"""Tags that are a call's own; the rest say what kind of work it is, which has a rhythm."""
_BUSY = 15
"""Requests a minute that one ``prompt_cache_key`` can have before they overflow to other machines (OpenAI, "Prompt
caching" guide)."""
_SHARED = 1_024
"""Tokens of a head that are worth sharing between conversations."""
_REFUSED = (400, 422)


class _Request(NamedTuple):
    """A call that is about to be sent."""

    call: Call
    added: str
    """What was added: ``breakpoints``, ``key``, both, or nothing."""
    site: Site
    model: str
    rule: Rule
    rates: Rates | None
    pieces: Pieces
    book: Book
    place: Place
    before: State
    """What the cache held."""
    split: Split
    """What is expected of the cache."""
    bare: Split
    """The same without us."""
    at: float


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
        """Send the call with what pays; as it was if the provider refuses that."""
        request = self._prepared(call)
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

    def _prepared(self, call: Call) -> _Request | None:
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

    def _request(self, call: Call, dialect: str, site: Site, means: Means) -> _Request | None:
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
            request = _Request(call, "", site, model, rule, rates, pieces, book, place, before, Split(), Split(), at)
            if dialect == "messages":
                request, after = _with_marks(request, body, means)
                key = ""
            else:
                request, key = _with_key(request, body, dialect, name)
                _, after = serve(rule, before, request.pieces, at)
            self._states[site.host, model] = after
            book.wait(request.pieces, place, at, key)
        return request

    def _undone(self, request: _Request) -> None:
        with self.guard:
            now = self._states.get((request.site.host, request.model), State())
            entries = dict(now.entries)
            for digest in request.pieces.chain:
                entry = entries.get(digest)
                if entry is not None and entry.used == request.at:
                    before = request.before.entries.get(digest)
                    if before is None:
                        del entries[digest]
                    else:
                        entries[digest] = before
            self._states[request.site.host, request.model] = now._replace(entries=entries)
            _recharge(request, Split())

    def _give_up(self, request: _Request, outcome: Outcome) -> None:
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

    def _settled(self, request: _Request, outcome: Outcome) -> Outcome:
        said = _said(outcome.tokens)
        try:
            if said is None:
                if outcome.failure is not None:
                    self._undone(request)
                return outcome._replace(placed=Placed("placed", added=request.added)) if request.added else outcome
            saved = self._learnt(request, said)
        except Exception as fault:  # noqa: BLE001 - our fault is not the call's
            log_once(("prompt cache settled", type(fault)), "a call could not be learnt from", exc_info=fault)
            return outcome
        if not request.added:
            return outcome
        placed = Placed("placed", request.added, len(request.pieces.marks), saved, said.read, said.total)
        return outcome._replace(placed=placed)

    def _learnt(self, request: _Request, said: Split) -> int | None:
        """Correct what is known by what the provider says; returns what was saved, in nano-dollars."""
        rule = request.rule
        pieces = request.pieces.scaled(said.total)
        with self.guard:
            key = (request.site.host, request.model)
            now = self._states.get(key, State())
            self._states[key] = told(rule, request.before, now, pieces, said, request.at)
            if request.call.endpoint.dialect != "messages":
                return _gained(request, said)
            saved = _recharge(request, said)
        return saved if request.pieces.marks else None


def _with_marks(request: _Request, body: Mapping[str, Any], means: Means) -> tuple[_Request, State]:
    """The request to Anthropic with the breakpoints that pay, and what the cache then holds."""
    rule, rates, pieces = request.rule, request.rates, request.pieces
    if rule.engine != "marks" or rates is None or {"cache_read", "cache_write"}.intersection(rates.assumed):
        return request._replace(rates=None), request.before
    spots = Spots(body, pieces)
    hours = means.hours and "cache_write_1h" not in rates.assumed
    case = Case(rule, rates, request.before, request.book, pieces, request.place, request.at, spots.markable, hours)
    chosen, after = sent(case)
    request = request._replace(split=chosen.split)
    if not chosen.marks:
        return request, after
    return _with(request, spots.with_marks(chosen.marks), "breakpoints", pieces.marked(chosen.marks)), after


def _with_key(request: _Request, body: Mapping[str, Any], dialect: str, session: str | None) -> tuple[_Request, str]:
    """The request to OpenAI with a key, and a breakpoint after a head that conversations share; and the key."""
    rule, pieces = request.rule, request.pieces
    bare, _ = serve(rule, request.before, pieces, request.at)
    request = request._replace(bare=bare)
    if pieces.total < rule.minimum:
        return request, ""
    changed, added = dict(body), "key"
    if rule.engine == "points" and request.place.head_known and pieces.ends[pieces.head - 1] >= rule.minimum:
        point = head_point(body, dialect, pieces)
        if point is not None:
            changed, added = point, "key and breakpoint"
            pieces = pieces.marked([Mark(pieces.head - 1)])
    key = _key(request, session)
    changed["prompt_cache_key"] = key
    return _with(request, changed, added, pieces), key


def _recharge(request: _Request, said: Split) -> int:
    """Put what was said, or nothing, in the place of what was expected; returns what was saved, in nano-dollars."""
    rates, guess = request.rates, request.split
    if rates is None:
        return 0
    plain, cost = Split(uncached=said.total).dollars(rates), said.dollars(rates)
    request.book.charge(plain - Split(uncached=guess.total).dollars(rates), cost - guess.dollars(rates))
    return plain - cost


def _with(request: _Request, body: dict[str, Any], added: str, pieces: Pieces) -> _Request:
    options = copy.copy(request.call.options)
    options.json_data = body
    return request._replace(call=request.call.with_(options=options), added=added, pieces=pieces)


def _key(request: _Request, session: str | None) -> str:
    """A key that stays the same for a conversation; conversations with the same long head share one while few do."""
    place, pieces = request.place, request.pieces
    if place.before is not None and place.before.key:
        return place.before.key
    if session is not None:
        base = session.encode("utf-8", "surrogatepass")
    elif pieces.head and pieces.ends[pieces.head - 1] >= _SHARED and place.rate <= _BUSY:
        base = pieces.chain[pieces.head - 1]
    else:
        base = pieces.chain[min(pieces.head, len(pieces.chain) - 1)]
    return "tokeneff-" + blake2b(base, digest_size=12).hexdigest()


def _gained(request: _Request, said: Split) -> int | None:
    """What a breakpoint of ours had read: of a key alone it cannot be known."""
    if request.rates is None or not request.pieces.marks or said.read <= request.bare.read:
        return None
    gained = said.read - request.bare.read
    return Split(uncached=gained).dollars(request.rates) - Split(read=gained).dollars(request.rates)


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
    fields = cast("Mapping[Any, Any]", extra)
    return not any(name in names or "prompt_cache" in str(name) for name in fields) and not is_set(fields, "cache")


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
