"""Whether leaving something out of a history makes the whole conversation cheaper, and how much of it to leave out.

What is changed in the middle of a prompt is written to the provider's cache again with all that comes behind it, so an
edit costs something now and saves something with each request to come. The gate asks the simulator of the provider's
cache what the request costs with each of some edits and without, and how many more requests are likely.

Requests to come are a guess, so an edit is a bet, and each conversation has a purse of its own: what was saved so far,
and a small share of what it would have cost. A bet that could lose more than the purse is not made, however good it
looks. So at no time has a conversation cost more than 1.004 times what it would have cost without us (by the
simulator), and the first edits are those that pay at once: of a big result near the end, or after a pause in which the
cache has forgotten everything anyway.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import NamedTuple

from tokeneff.prices._rates import Rates
from tokeneff.promptcache import Mark, Pieces, Rule, Split, State, serve

SLACK = 250
"""Of so many dollars of input, one may be lost: 0.4 %, so that with what is rounded it stays below 0.5 %."""
MARGIN = 3, 2
"""What is likely to be saved later is at least this often what it costs now."""
FLOOR = 16_000
"""Tokens of a request below which history is left alone: rewriting small prompts costs more than they do."""
LEAST = 1_000
"""Tokens that a batch saves at least with each request."""
_MOST = 12
"""Places to begin that are tried."""
_ROUNDED = 10
"""Nano-dollars that an estimate may be too high."""
_STEPS = 8
"""Of a cache that grows in big steps, as many have to be there: of less, what is saved is lost again in rounding."""
_NEW = 4
"""Steps, of whatever size, that new messages have to have."""
_UNLUCKY = 5, 4
"""What rounding to big steps gives and takes is a walk by chance, of half a step with each request to come: so many of
these a conversation has to have saved before it sets out (2.5 standard deviations)."""


_EMPTY = State()


class Option(NamedTuple):
    """A message of which something can be left out."""

    piece: int
    """Where it is in the chain of pieces."""
    saved: int
    """Tokens."""


class Course(NamedTuple):
    """A conversation up to some request."""

    plain: State = _EMPTY
    """What the cache would hold without us."""
    ours: State = _EMPTY
    """What it holds."""
    spent: int = 0
    """Nano-dollars that its requests would have cost without us."""
    cost: int = 0
    """Nano-dollars that they cost."""
    turns: int = 0
    """Requests."""

    def after(self, rule: Rule, rates: Rates, plain: Pieces, ours: Pieces, at: float) -> Course:
        """The same with one more request."""
        split, kept = serve(rule, self.plain, plain, at)
        if ours is plain and self.ours is self.plain:  # nothing was left out yet
            cost = split.dollars(rates)
            return Course(kept, kept, self.spent + cost, self.cost + cost, self.turns + 1)
        sent, held = serve(rule, self.ours, ours, at)
        return Course(kept, held, self.spent + split.dollars(rates), self.cost + sent.dollars(rates), self.turns + 1)

    @property
    def sound(self) -> bool:
        """Whether it has cost no more than it may."""
        return (self.cost - self.spent) * SLACK <= self.spent


class Case(NamedTuple):
    """All that a decision depends on."""

    rule: Rule
    rates: Rates
    course: Course
    """Before this request."""
    plain: Pieces
    """The request as it would be without us."""
    ours: Pieces
    """With what was decided so far."""
    options: Sequence[Option]
    """Oldest first."""
    turns: float
    """Requests likely to come after this one."""
    at: float
    """Now, in seconds since 1970."""
    anchors: Sequence[int] = ()
    """Pieces that a breakpoint of ours could end, should one be wanted."""
    most: int | None = None
    """Tokens that the request may have."""
    now: Course | None = None
    """With this request as ``ours`` has it, where that is known."""


class Verdict(NamedTuple):
    """What to leave out."""

    first: int
    """This option and all newer ones."""
    anchor: Mark | None
    """A breakpoint that has the part before the edits read."""
    saved: int
    """Tokens."""
    extra: int
    """Nano-dollars that this request costs more for it; negative: less."""
    gain: int
    """Nano-dollars that the conversation is likely to cost less in all."""


def may_shorten(
    rule: Rule,
    plain: Pieces,
    arrived: int,
    rates: Rates | None = None,
    course: Course | None = None,
    turns: float = 0.0,
) -> bool:
    """Whether what has just arrived may be made shorter.

    A prompt that is shorter than the least that a provider caches costs more than a longer one that is cached. As long
    as all before the new messages does not reach that size by itself, they stay as they are; once it does, it always
    will. Where caches grow in steps, what few tokens save is less than what rounding gives or takes; where the steps
    are big, the conversation must have saved what that may cost it.

    Args:
        plain: the request without us. arrived: the first piece that is new. rates: what it costs.
        course: the conversation before it. turns: requests likely to come after it.
    """
    before = plain.ends[arrived - 1] if 0 < arrived <= len(plain.ends) else 0
    if rule.engine == "none":
        return True
    if before < max(rule.minimum, _STEPS * rule.grain):
        return False
    if rule.grain and not _outlasts(rule, rates, course, turns):
        return False
    return rule.engine not in ("prefix", "units") or plain.total - before >= _NEW * rule.step


def _outlasts(rule: Rule, rates: Rates | None, course: Course | None, turns: float) -> bool:
    """Whether a conversation that is unlucky with each rounding still costs no more than without us."""
    if rates is None or course is None:
        return False
    return course.spent - course.cost + course.spent // SLACK >= _unlucky(rule, rates, 1, turns)


def _unlucky(rule: Rule, rates: Rates, less: int, turns: float) -> int:
    """Nano-dollars that rounding to big steps may cost a conversation whose requests are so many tokens shorter."""
    if not rule.grain:
        return 0
    step = Split(uncached=rule.grain).dollars(rates) - Split(read=rule.grain).dollars(rates)
    each = -(-less // rule.grain) * step - Split(uncached=less).dollars(rates)
    over, under = _UNLUCKY
    return max(min(int(each * (turns + 1)), int(step * over * math.sqrt(turns + 1) / under)), 0)


def decide(case: Case) -> Verdict | None:
    """What to leave out of a request, if anything: the choice that is likely to save most, of those it can afford.

    Where the request is longer than it may be, the cheapest choice that makes it fit; if none does, all there is.
    """
    forced = case.most is not None and case.ours.total > case.most
    if not case.options or (case.ours.total < FLOOR and not forced):
        return None
    now = case.now or case.course.after(case.rule, case.rates, case.plain, case.ours, case.at)
    cost = now.cost - case.course.cost
    sums = list(accumulate(option.saved for option in reversed(case.options)))
    if forced:
        return _fitting(case, cost)
    best: Verdict | None = None
    for most, first in _promising(case, sums, now, cost):
        if best is not None and most <= best.gain:
            break
        verdict = _weighed(case, first, cost)
        least = verdict.saved >= LEAST and verdict.gain > 0
        left = now.spent + now.spent // SLACK - now.cost - verdict.extra
        if least and left >= _unlucky(
            case.rule, case.rates, case.plain.total - case.ours.total + verdict.saved, case.turns
        ):
            best = verdict if best is None or verdict.gain > best.gain else best
    return best


def _fitting(case: Case, cost: int) -> Verdict:
    """The cheapest choice that makes a request fit; all there is if none does."""
    fitting: Verdict | None = None
    for back in _tried(len(case.options)):
        verdict = _weighed(case, len(case.options) - back, cost)
        if case.most is not None and case.ours.total - verdict.saved <= case.most:
            fitting = verdict if fitting is None or verdict.extra < fitting.extra else fitting
    return fitting or _weighed(case, 0, cost)


def _promising(case: Case, sums: Sequence[int], now: Course, cost: int) -> list[tuple[float, int]]:
    """Where to begin, and what that could gain at most, were all before it read: most first. Nearly all choices fall
    here, without a look at the cache."""
    rates, ends, total = case.rates, case.ours.ends, case.ours.total
    whole, read = float(rates.input), float(rates.cache_read)
    again = min(whole, float(rates.cache_write))
    if case.rule.engine == "none":
        read = again = whole
    purse = now.spent - now.cost + now.spent / SLACK
    over, under = MARGIN
    found: list[tuple[float, int]] = []
    for back in _tried(len(case.options)):
        saved, first = sums[back - 1], len(case.options) - back
        if saved < LEAST:
            continue
        piece = case.options[first].piece
        head = ends[piece - 1] if piece else 0
        extra = head * read + max(total - saved - head, 0) * again - cost - _ROUNDED
        gain = case.turns * saved * read - (extra * over / under if extra > 0 else extra)
        if extra <= purse and gain > 0:
            found.append((gain, first))
    return sorted(found, reverse=True)


def _tried(count: int) -> list[int]:
    """How many of the newest options to try."""
    if count <= _MOST:
        return list(range(1, count + 1))
    return sorted({(place + 1) * count // _MOST for place in range(_MOST)} | {1})


def _weighed(case: Case, first: int, cost: int) -> Verdict:
    chosen = case.options[first:]
    anchor = _anchor(case, chosen[0].piece)
    pieces = edited(case.ours, chosen, anchor)
    split, _ = serve(case.rule, case.course.ours, pieces, case.at)
    saved, extra = case.ours.total - pieces.total, split.dollars(case.rates) - cost
    rates = case.rates
    each = Split(read=saved) if case.rule.engine != "none" else Split(uncached=saved)
    later = int(case.turns * each.dollars(rates))
    over, under = MARGIN
    gain = later - (extra * over // under if extra > 0 else extra)
    return Verdict(first, anchor, saved, extra, gain)


def _anchor(case: Case, piece: int) -> Mark | None:
    """A breakpoint at the newest place before an edit that can have one, if there is room for it and none is there."""
    marks = case.ours.marks
    if case.rule.engine != "marks" or len(marks) >= case.rule.marks:
        return None
    found = max((place for place in case.anchors if place < piece), default=None)
    if found is None or any(mark.piece == found for mark in marks):
        return None
    # What is kept for longer has to come first.
    return Mark(found, next((mark.ttl for mark in marks if mark.piece > found), None))


def edited(pieces: Pieces, chosen: Sequence[Option], anchor: Mark | None = None) -> Pieces:
    """A request as a cache would see it with these options taken."""
    gone = dict[int, int]()
    for option in chosen:
        gone[option.piece] = gone.get(option.piece, 0) + option.saved
    first = min(gone)
    chain, ends = list(pieces.chain[:first]), list(pieces.ends[:first])
    less, before = 0, ends[-1] if ends else 0
    for place in range(first, len(pieces.chain)):
        less += gone.get(place, 0)
        before = max(pieces.ends[place] - less, before)
        ends.append(before)
        chain.append(blake2b(pieces.chain[place], digest_size=16, person=b"tokeneff.trim").digest())
    marks = pieces.marks if anchor is None else tuple(sorted((*pieces.marks, anchor)))
    return pieces._replace(chain=tuple(chain), ends=tuple(ends), marks=marks)
