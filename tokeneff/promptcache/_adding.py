"""A call with what pays for its provider's prompt cache."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff._flow import Call
from tokeneff.promptcache._additions import Spots, head_point
from tokeneff.promptcache._book import Book, Place
from tokeneff.promptcache._engines import Split, State, serve
from tokeneff.promptcache._means import Means
from tokeneff.promptcache._pieces import Mark, Pieces
from tokeneff.promptcache._plan import Case, sent
from tokeneff.promptcache._rules import Rule

if TYPE_CHECKING:
    from tokeneff.adapters._hosts import Site
    from tokeneff.prices._rates import Rates

_BUSY = 15
"""Requests a minute that one ``prompt_cache_key`` can have before they overflow to other machines (OpenAI, "Prompt
caching" guide)."""
_SHARED = 1_024
"""Tokens of a head that are worth sharing between conversations."""


class Request(NamedTuple):
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


def with_marks(request: Request, body: Mapping[str, Any], means: Means) -> Request:
    """The request to Anthropic with the breakpoints that pay."""
    rule, rates, pieces = request.rule, request.rates, request.pieces
    if rule.engine != "marks" or rates is None or {"cache_read", "cache_write"}.intersection(rates.assumed):
        return request._replace(rates=None)
    spots = Spots(body, pieces)
    hours = means.hours and "cache_write_1h" not in rates.assumed
    case = Case(rule, rates, request.before, request.book, pieces, request.place, request.at, spots.markable, hours)
    chosen, _ = sent(case)
    request = request._replace(split=chosen.split)
    if not chosen.marks:
        return request
    return _with(request, spots.with_marks(chosen.marks), "breakpoints", pieces.marked(chosen.marks))


def with_key(request: Request, body: Mapping[str, Any], dialect: str, session: str | None) -> tuple[Request, str]:
    """The request to OpenAI with a key, and a breakpoint after a head that conversations share; and the key."""
    rule, pieces = request.rule, request.pieces
    if pieces.total < rule.minimum:
        return request, ""
    changed, added = dict(body), "key"
    if rule.engine == "points" and request.place.head_known and pieces.ends[pieces.head - 1] >= rule.minimum:
        point = head_point(body, dialect, pieces)
        if point is not None:
            changed, added = point, "key and breakpoint"
            request, pieces = request._replace(bare=_bare(request)), pieces.marked([Mark(pieces.head - 1)])
    key = _key(request, session)
    changed["prompt_cache_key"] = key
    return _with(request, changed, added, pieces), key


def _bare(request: Request) -> Split:
    """What the cache would make of it if no head had ever been marked."""
    head = request.pieces.chain[request.pieces.head - 1]
    entries = {digest: entry for digest, entry in request.before.entries.items() if digest != head}
    return serve(request.rule, request.before._replace(entries=entries), request.pieces, request.at)[0]


def _with(request: Request, body: dict[str, Any], added: str, pieces: Pieces) -> Request:
    options = copy.copy(request.call.options)
    options.json_data = body
    return request._replace(call=request.call.with_(options=options), added=added, pieces=pieces)


def _key(request: Request, session: str | None) -> str:
    """A key that stays the same for a conversation; conversations with the same long head share one while few do."""
    place, pieces = request.place, request.pieces
    if session is None and place.before is not None and place.before.key:
        return place.before.key
    if session is not None:
        base = session.encode("utf-8", "surrogatepass")
    elif pieces.head and pieces.ends[pieces.head - 1] >= _SHARED and place.rate <= _BUSY:
        base = pieces.chain[pieces.head - 1]
    else:
        base = pieces.chain[min(pieces.head, len(pieces.chain) - 1)]
    return "tokeneff-" + blake2b(base, digest_size=12).hexdigest()
