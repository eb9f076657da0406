"""Where breakpoints pay: up to four of them, by what is in the cache and what is likely to be asked next."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tokeneff.prices._rates import Rates
from tokeneff.promptcache._book import Book, Place
from tokeneff.promptcache._engines import Split, State, serve
from tokeneff.promptcache._pieces import Mark, Pieces
from tokeneff.promptcache._rhythm import Ttl, Worth, worth
from tokeneff.promptcache._rules import Rule


class Plan(NamedTuple):
    """What to ask of the provider's cache."""

    marks: tuple[Mark, ...] = ()
    split: Split = Split()
    """What is expected of it."""


class Case(NamedTuple):
    """All that a choice of breakpoints depends on."""

    rule: Rule
    rates: Rates
    state: State
    """What the model's cache holds."""
    book: Book
    """What is known of the tag."""
    pieces: Pieces
    """The request, without breakpoints."""
    place: Place
    """Where it stands among those of its tag."""
    at: float
    """Now, in seconds since 1970."""
    markable: Callable[[int], bool]
    """Whether a breakpoint can end a piece."""
    hours: bool = True
    """Whether an hour can be asked for."""


def plan(case: Case) -> Plan:
    """Choose breakpoints for a request that has none.

    The candidates, from the one that writes most to the one that only reads: to the newest message, with the head
    (tools and system prompt) for other conversations; the head, and what was written before; the latter alone. Those
    that are expected to pay are tried, and the first is taken whose cost, if nothing of it is ever read, does not take
    the tag's balance below what :meth:`Book.allows`; and which its conversation has earned, or hardly is the last to
    go on with. (What opens a conversation has nothing to show yet, and is the tag's to pay.)
    """
    plain = Split(uncached=case.pieces.total)
    least = plain.dollars(case.rates)
    book, place = case.book, case.place
    book.met(Split(written=plain.total).dollars(case.rates) - least)
    for marks in _candidates(case):
        request = case.pieces.marked(marks)
        split, _ = serve(case.rule, case.state, request, case.at)
        hour, extra = split.written_1h > 0, split.dollars(case.rates) - least
        if split.uncached == split.total or not book.allows(extra, hour):
            continue
        if place.opening or book.earned(extra, least, place.talk) or book.dares(case.pieces, place, hour):
            return Plan(request.marks, split)
    return Plan(split=plain)


def sent(case: Case) -> tuple[Plan, State]:
    """Choose breakpoints, and take it that the request is sent with them; returns what the cache then holds."""
    chosen = plan(case)
    split, state = serve(case.rule, case.state, case.pieces.marked(chosen.marks), case.at)
    plain, cost = Split(uncached=split.total).dollars(case.rates), split.dollars(case.rates)
    case.book.charge(plain, cost, case.place.talk)
    return chosen, state


def values(case: Case) -> tuple[Worth, Worth]:
    """What a token is worth that is written now: of the conversation, and of its head."""
    book, rates, whole = case.book, case.rates, float(case.rates.input)
    read, write, hour = float(rates.cache_read) / whole, float(rates.cache_write) / whole, None
    if case.hours:
        hour = float(rates.cache_write_1h) / whole
    first, going = book.ahead(case.pieces, case.place)
    again = book.head.chances
    # An hour costs four times as much above plain input: no prior is enough for that.
    paused = book.going.paused or book.opening.paused
    tail = worth(first, going, read, write, hour if paused else None)
    return tail, worth(again, again, read, write, hour if book.head.paused else None)


def _candidates(case: Case) -> list[list[Mark]]:
    rule, pieces, markable = case.rule, case.pieces, case.markable
    tail_worth, head_worth = values(case)
    heads = [
        end - 1
        for end in dict.fromkeys((pieces.head, pieces.tools))
        if 0 < end < len(pieces.chain) and pieces.ends[end - 1] >= rule.minimum and markable(end - 1)
    ]
    live = _deepest(case)
    tail = next((piece for piece in range(len(pieces.chain) - 1, pieces.head - 1, -1) if markable(piece)), -1)
    found: list[dict[int, Ttl]] = []
    head_ttl = head_worth.ttl
    if tail_worth.ttl is not None and tail >= 0 and pieces.ends[tail] >= rule.minimum:
        marks: dict[int, Ttl] = {tail: tail_worth.ttl}
        if 0 <= live < tail:
            marks[live] = tail_worth.ttl
        for piece in heads:
            if len(marks) < rule.marks:
                marks.setdefault(piece, head_ttl or tail_worth.ttl)
        found.append(marks)
    anchor: dict[int, Ttl] = {live: "5m"} if live >= 0 else {}
    if head_ttl is not None and heads and heads[0] > live:
        found.append({**dict.fromkeys(heads, head_ttl), **anchor})
    if anchor:
        found.append(anchor)
    return [_legal(marks) for marks in found]


def _legal(marks: dict[int, Ttl]) -> list[Mark]:
    """In order; a longer life has to come first."""
    found: list[Mark] = []
    hour = False
    for piece in sorted(marks, reverse=True):
        hour = hour or marks[piece] == "1h"
        found.append(Mark(piece, "1h" if hour else None))  # five minutes go without saying
    return found[::-1]


def _deepest(case: Case) -> int:
    """The longest prefix that is in the cache now, and that a breakpoint can end."""
    chain, entries = case.pieces.chain, case.state.entries
    for piece in range(len(chain) - 1, -1, -1):
        entry = entries.get(chain[piece])
        if entry is not None and case.at - entry.used <= entry.life and case.markable(piece):
            return piece
    return -1
