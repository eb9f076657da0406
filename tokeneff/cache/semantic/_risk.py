"""How likely a candidate is the wrong answer, learnt from those that were judged: a guess, and how unsure it is.

A logistic regression with a normal prior, one outcome after the other: its weights and their covariance, with the
logistic function approximated at the present guess. It only chooses which candidates are looked at as a group; whether
those are right often enough is not for it to say (:mod:`tokeneff.cache.semantic._wager`).

Sources: D. Spiegelhalter and S. Lauritzen, "Sequential updating of conditional probabilities on directed graphical
structures", Networks 20, 1990; D. MacKay, "The evidence framework applied to classification networks", Neural
Computation 4, 1992 (the average over the weights).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_BEFORE = -1.5
"""Log odds that an unknown candidate is wrong, about 1 of 5."""
_VARIANCE = 9.0
_FORGOTTEN = 1.0005
"""By how much weights get less sure with each outcome, so that what was learnt long ago can be unlearnt."""


class Risk:
    """The probability that a candidate with these features is wrong.

    Args:
        features: how many there are. The first has to be 1.
    """

    def __init__(self, features: int) -> None:
        self._mean = [_BEFORE] + [0.0] * (features - 1)
        self._spread = [[_VARIANCE * (one == other) for other in range(features)] for one in range(features)]

    def at_most(self, features: Sequence[float]) -> float:
        """The probability, with one standard error of its log odds added."""
        guess, spread = self._guess(features), self._along(features)
        return _logistic(guess + math.sqrt(max(0.0, _dot(features, spread))))

    def learn(self, features: Sequence[float], wrong: bool) -> None:
        """Take an outcome."""
        along = self._along(features)
        variance = max(0.0, _dot(features, along))
        guess = _logistic(self._guess(features) / math.sqrt(1 + math.pi * variance / 8))
        weight = guess * (1 - guess)
        less = weight / (1 + weight * variance)
        for row, mine in zip(self._spread, along, strict=True):
            row[:] = [value - less * mine * other for value, other in zip(row, along, strict=True)]
        step = wrong - guess
        self._mean = [mean + gain * step for mean, gain in zip(self._mean, self._along(features), strict=True)]
        if all(row[index] * _FORGOTTEN < _VARIANCE for index, row in enumerate(self._spread)):
            self._spread = [[value * _FORGOTTEN for value in row] for row in self._spread]

    def _guess(self, features: Sequence[float]) -> float:
        return _dot(self._mean, features)

    def _along(self, features: Sequence[float]) -> list[float]:
        return [_dot(row, features) for row in self._spread]


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum([a * b for a, b in zip(one, other, strict=True)])


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, value))))
