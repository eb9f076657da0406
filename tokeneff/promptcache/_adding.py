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
    spared: int = 0
    """Nano-dollars that the provider is kept from charging for writing unasked."""


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
    """The request to OpenAI with a key, and the key.

    Where its models write unasked, a head that conversations share gets a breakpoint, and what nobody is going to go
    on from is kept from being written.
    """
    rule, pieces = request.rule, request.pieces
    if pieces.total < rule.minimum:
        return request, ""
    changed, added = dict(body), "key"
    if rule.engine == "points":
        if request.place.head_known and pieces.ends[pieces.head - 1] >= rule.minimum:
            point = head_point(body, dialect, pieces)
            if point is not None:
                changed, added = point, "key and breakpoint"
                request, pieces = request._replace(bare=_bare(request)), pieces.marked([Mark(pieces.head - 1)])
        spared = _spared(request, pieces)
        if spared:
            changed["prompt_cache_options"] = {"mode": "explicit"}
            added = "key and mode" if added == "key" else "key, breakpoint and mode"
            pieces = pieces._replace(implicit=False)
            request.book.spared += spared
            request = request._replace(spared=spared)
    key = _key(request, session)
    changed["prompt_cache_key"] = key
    return _with(request, changed, added, pieces), key


def _spared(request: Request, pieces: Pieces) -> int:
    """Nano-dollars that are spared if the provider writes, and reads, nothing but what is marked; 0: let it write."""
    rates, place, book = request.rates, request.place, request.book
    if rates is None or {"cache_read", "cache_write"}.intersection(rates.assumed):
        return 0
    if place.before is not None and place.before.unwritten:  # it was gone on from after all
        lost = place.before.unwritten
        book.spared -= 2 * (Split(written=lost).dollars(rates) - Split(read=lost).dollars(rates))
    read, write = float(rates.cache_read / rates.input), float(rates.cache_write / rates.input)
    if not book.ends_at_once(place, read, write):
        return 0
    let, kept = (
        serve(request.rule, request.before, each, request.at)[0] for each in (pieces, pieces._replace(implicit=False))
    )
    return max(let.dollars(rates) - kept.dollars(rates), 0)


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
