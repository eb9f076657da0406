"""What a provider's own counts tell of a request that was trimmed: what its cache holds now, and what was saved.

Of each conversation two courses are kept: of the requests as they were sent, and of the same as the caller wrote them.
Only of the first the provider says anything; but what was gone from its cache would have been gone from it all the
same, and what it read unexpectedly it would have read as well. So each surprise is carried over to the other course, as
a place in the conversation: a read that ended behind the tenth message would have ended there.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from tokeneff._flow import Tokens
from tokeneff.promptcache import Mark, Pieces, Rule, Split, State, serve, told
from tokeneff.trim.planning._gate import Course

if TYPE_CHECKING:
    from tokeneff.prices._rates import Rates
    from tokeneff.tokens import Prompt
    from tokeneff.trim._history import History

Proof: TypeAlias = Literal["", "provider", "simulated"]
"""Where dollars that were saved come from: the provider counted the request, and the cost of the untrimmed one needs
nothing else (``provider``), or its cache had to be simulated (``simulated``); empty where nothing is known."""

_NEAR = 0.05


class Flight(NamedTuple):
    """A request on its way."""

    chain: Sequence[bytes]
    """Of the history as the caller has it."""
    rule: Rule
    rates: Rates
    plain: Pieces
    """As the caller wrote it."""
    ours: Pieces
    """As it is sent."""
    at: float
    before: Course
    known: Course | None
    """What was noted of this very request before, if it was sent before."""
    bare: State | None = None
    """What the cache would hold by simulation alone, of requests as they were written."""
    expected: int | None = None
    """Nano-dollars that the request is expected to cost less than it would have."""
    spent: int = 0
    """Nano-dollars that were spent on what stands in it for what was left out; they are in ``before``."""
    cut: bool = False
    """Whether something was left out of its history that earlier requests had."""


class Verified(NamedTuple):
    """What a request came to. Money is in nano-dollars, of input."""

    tokens: int
    """Input tokens that were removed."""
    untrimmed: int | None = None
    """What it would have cost as the caller wrote it."""
    saved: int | None = None
    """That, less what it did cost; negative where it was dearer."""
    proof: Proof = ""
    baseline: int | None = None
    """What it would have cost by simulation alone: of what was held out and what was not found in the same way."""


def said_of(tokens: Tokens, rule: Rule) -> Split | None:
    """The provider's own counts of a request; ``None`` where it does not say what it read from its cache."""
    total, read, written = tokens.input_tokens, tokens.cache_read, tokens.cache_write or 0
    if total is None or tokens.input_source != "provider":
        return None
    if read is None:
        return Split(uncached=total) if rule.engine == "none" and not written else None
    if read + written > total:
        return None
    hour = min(tokens.cache_write_1h or 0, written)
    return Split(read, written - hour, hour, total - read - written)


def as_marked(pieces: Pieces, sent: Pieces) -> Pieces:
    """A request with the breakpoints that it was sent with; what is not the same request says nothing of it."""
    return pieces._replace(marks=sent.marks, implicit=sent.implicit) if pieces.chain == sent.chain else pieces


def marked_alike(plain: Pieces, ours: Pieces) -> Pieces:
    """The request as the caller wrote it with breakpoints at the same messages."""
    gone = len(plain.chain) - len(ours.chain)
    marks = [Mark(_place(mark.piece, plain, gone), mark.ttl) for mark in ours.marks]
    return plain.marked(marks, ours.implicit)


def _place(piece: int, plain: Pieces, gone: int) -> int:
    """Where a piece of the request as it is sent is in the one that was written: what is gone is behind the head."""
    return piece if piece < plain.head else min(piece + gone, len(plain.chain) - 1)


def course_of(flight: Flight, said: Split, removed: int) -> tuple[Course, Split]:
    """A conversation after a request, as its provider counted it; and the split that it would have had untrimmed.

    Args:
        removed: tokens that the request would have had more.
    """
    rule, at, before = flight.rule, flight.at, flight.before
    ours = flight.ours.scaled(said.total)
    guess, after = serve(rule, before.ours, ours, at)
    held = told(rule, before.ours, after, ours, said, at)
    if flight.plain.chain == flight.ours.chain and before.plain == before.ours:
        cost = said.dollars(flight.rates)
        return Course(held, held, before.spent + cost, before.cost + cost, before.turns + 1), said
    plain = flight.plain.scaled(said.total + removed)
    simulated, then = serve(rule, before.plain, plain, at)
    split = _carried(rule, plain, simulated, ours, guess, said, flight.cut)
    kept = told(rule, before.plain, then, plain, split, at)
    spent, cost = split.dollars(flight.rates), said.dollars(flight.rates)
    return Course(kept, held, before.spent + spent, before.cost + cost, before.turns + 1), split


def _carried(rule: Rule, plain: Pieces, simulated: Split, ours: Pieces, guess: Split, said: Split, cut: bool) -> Split:
    """What the untrimmed request would have read and written, given what was expected of the other and what came."""
    if rule.engine == "none" or (said.uncached == said.total and guess.uncached < guess.total):
        return Split(uncached=plain.total)
    read = simulated.read
    ours_to_blame = cut and 0 < said.read < guess.read  # as long as anything was there, our edit may have been it
    if abs(said.read - guess.read) > _NEAR * max(said.read, guess.read) and not ours_to_blame:
        end = _boundary(plain, ours, said.read)
        read = max(read, end) if said.read > guess.read else min(read, end)
    rest = plain.total - read
    if rule.engine in ("prefix", "units"):
        return Split(read, uncached=rest)
    tail = said.uncached if guess.uncached == guess.total > said.uncached else simulated.uncached
    written = rest - min(tail, rest)
    both = simulated.written + simulated.written_1h
    hour = written * simulated.written_1h // both if both else said.written_1h and written
    return Split(read, written - hour, hour, rest - written)


def _boundary(plain: Pieces, ours: Pieces, read: int) -> int:
    """Where a read of the request as it was sent ends, in tokens of the one that was written."""
    if read <= 0:
        return 0
    gone = len(plain.chain) - len(ours.chain)
    nearest = min(range(len(ours.ends)), key=lambda index: abs(ours.ends[index] - read))
    if abs(ours.ends[nearest] - read) <= _NEAR * read:
        return plain.ends[_place(nearest, plain, gone)]
    start = nearest if ours.ends[nearest] < read else nearest - 1
    return read if start < 0 else plain.ends[_place(start, plain, gone)] + read - ours.ends[start]


def conversation_of(prompt: Prompt, history: History, session: str | None) -> str:
    """Which conversation a request is a part of, as a digest: the caller's name of the session, or all up to the first
    message of a user's. A system prompt that is likely to differ each time, as by a date, does not count."""
    if session is not None:
        return blake2b(session.encode("utf-8", "surrogatepass"), digest_size=8, person=b"session").hexdigest()
    made = blake2b(digest_size=8, person=b"beginning")
    for piece in prompt.pieces:
        if piece.kind != "tools" and not (piece.kind == "system" and piece.traits.volatile):
            made.update(piece.digest)
        if piece.kind == "user":
            return made.hexdigest()
    return history.chain[0].hex()[:16]
