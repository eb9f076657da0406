"""How sure a difference between two groups of conversations is.

Costs of conversations have long tails, and few are held out, so intervals come from a studentised bootstrap over
conversations (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, 12.5; also Davison and Hinkley, 1997,
5.2.1): each resample draws as many conversations as there are from each group, and the difference is measured in
standard errors of that resample. It is the conversation that chance has put into its group, so it is that which is
drawn, with all its calls. The same calls give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from tokeneff._chance import repeatable
from tokeneff.report._trim_values import Interval

FEWEST = 20
"""Conversations that each group has to have: of fewer, nothing honest can be said of a mean with long tails."""
RESAMPLES = 999
_MOST = 1_000
"""Conversations from which on a normal distribution does as well."""
_TAIL = 0.025
_NORMAL = 1.959964


class Spent(NamedTuple):
    """What one conversation cost."""

    cost: int
    """All of it."""
    input: int
    """Its input."""
    baseline: int
    """What that would have cost."""


Moments: TypeAlias = tuple[float, ...]
"""Sums over conversations: how many, then cost, its square, input, baseline, and their squares and product."""
Measure: TypeAlias = Callable[[Moments, Moments], tuple[float, float]]
"""What two groups differ in, and the standard error of that."""


def saved(trimmed: Sequence[Spent], held_out: Sequence[Spent]) -> tuple[Interval | None, Interval | None]:
    """How many dollars less a conversation costs on average, and which share of its input dollars is saved, each
    conversation measured by what it would have cost. ``None``: there are too few, or nothing was paid for input.
    """
    if min(len(trimmed), len(held_out)) < FEWEST:
        return None, None
    ours, theirs = list(map(_moments, trimmed)), list(map(_moments, held_out))
    found = [(measure(_summed(ours), _summed(theirs)), measure) for measure in (_less, _ratio)]
    draws: list[tuple[Moments, ...]] = []
    if max(len(ours), len(theirs)) <= _MOST:
        random = repeatable(len(ours) * 1_000_003 + len(theirs))
        draws = [tuple(_summed(random.choices(one, k=len(one))) for one in (ours, theirs)) for _ in range(RESAMPLES)]
    each, log = (_interval(value, error, measure, draws) for (value, error), measure in found)
    if log is None or not all(sum(one.baseline * one.input for one in group) for group in (trimmed, held_out)):
        return each, None
    value, low, high = (1 - math.exp(-one) for one in log)
    return each, Interval(value, low, high)


def method_of(trimmed: int, held_out: int) -> str:
    """How an interval of so many conversations is found, or why there is none."""
    few, kind = min((trimmed, "trimmed"), (held_out, "held out"))
    if few < FEWEST:
        return f"too few conversations to say: {few} {kind}, and it takes {FEWEST} of each kind"
    if max(trimmed, held_out) > _MOST:
        return "95 % confidence by a normal distribution, over conversations"
    return f"95 % confidence by a studentised bootstrap over conversations, {RESAMPLES} resamples"


def _interval(value: float, error: float, measure: Measure, draws: Sequence[tuple[Moments, ...]]) -> Interval | None:
    if not error:
        return Interval(value, value, value)
    low, high = -_NORMAL, _NORMAL
    if draws:
        told = (measure(*drawn) for drawn in draws)
        scores = sorted((drawn - value) / spread for drawn, spread in told if spread)
        cut = math.floor(_TAIL * (len(scores) + 1)) - 1
        if cut < 0:
            return None
        low, high = scores[cut], scores[-1 - cut]
    return Interval(value, value - high * error, value - low * error)


def _moments(one: Spent) -> Moments:
    cost, paid, would = one.cost / 1e9, one.input / 1e9, one.baseline / 1e9
    return 1.0, cost, cost * cost, paid, would, paid * paid, would * would, paid * would


def _summed(group: Sequence[Moments]) -> Moments:
    return tuple(map(math.fsum, zip(*group, strict=True)))


def _less(ours: Moments, theirs: Moments) -> tuple[float, float]:
    """The difference of mean costs, and its standard error; dollars."""
    (mine, first), (others, second) = _mean(ours), _mean(theirs)
    return others - mine, math.sqrt(first + second)


def _mean(sums: Moments) -> tuple[float, float]:
    count, total, squares = sums[:3]
    return total / count, max(squares - total * total / count, 0.0) / (count - 1) / count


def _ratio(ours: Moments, theirs: Moments) -> tuple[float, float]:
    """The logarithm of the ratio of ratios, and its standard error by linearisation."""
    (mine, first), (others, second) = _log(ours), _log(theirs)
    return others - mine, math.sqrt(first + second)


def _log(sums: Moments) -> tuple[float, float]:
    count, _, _, paid, would, paid2, would2, both = sums
    if paid <= 0 or would <= 0:
        return 0.0, 0.0
    ratio = paid / would
    spread = max(paid2 - 2 * ratio * both + ratio * ratio * would2, 0.0) / (count - 1)
    return math.log(ratio), spread * count / (paid * paid)
