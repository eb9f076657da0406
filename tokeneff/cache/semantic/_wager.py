"""Whether a rate of faults is below a bound, looked at after every outcome for as long as one likes.

A game against the claim "each of these is false with a probability of at least ``bound``": money is put on several
lower rates, and each outcome multiplies each stake by how much likelier it was at that rate than at the bound. If the
claim holds, nobody can expect to gain, whenever they stop, so that money ever comes to ``1 / (1 - confidence)`` with a
probability of at most ``1 - confidence`` (Ville's inequality): then the claim is given up, and the rate is below the
bound at that confidence. Unlike an interval of Clopper and Pearson, which holds for a number of outcomes that was fixed
before, this holds at all times at once.

Money may be thrown away or moved between stakes without harm to that. It is, so that evidence does not outlive what it
is evidence of: what is above ``_MOST`` times what is needed is thrown away, and half of it each half life; and a
hundredth of all is spread over the stakes again, so that some is left on every rate.

Sources: J. Ville, Étude critique de la notion de collectif, 1939; H. Robbins, "Statistical methods related to the law
of the iterated logarithm", Ann. Math. Stat. 41, 1970; I. Waudby-Smith and A. Ramdas, "Estimating means of bounded
random variables by betting", J. R. Stat. Soc. B 86, 2024; M. Herbster and M. Warmuth, "Tracking the best expert",
Machine Learning 32, 1998 (stakes moved).
"""

from __future__ import annotations

_STAKES = ((0.0, 0.4), (0.125, 0.3), (0.33, 0.2), (0.6, 0.1))
"""Rates, in parts of the bound, and the share of the money that is put on each at first."""
_MOVED = 0.01
_MOST = 50.0


class Wager:
    """Evidence that less than ``bound`` of something is false.

    >>> wager = Wager(0.05, 0.95)
    >>> for _ in range(79):
    ...     wager.take(False)
    >>> wager.sure
    True
    >>> wager.take(True)
    >>> wager.sure
    False

    Args:
        bound: between 0 and 1. confidence: between 0 and 1. half_life: seconds in which half of the evidence is lost.
    """

    __slots__ = ("_at", "_bound", "_half_life", "_money", "_needed", "seen", "wrong")

    def __init__(self, bound: float, confidence: float, half_life: float | None = None) -> None:
        self._bound = bound
        self._needed = 1 / (1 - confidence)
        self._half_life = half_life
        self._money = [share for _, share in _STAKES]
        self._at: float | None = None
        self.seen = 0
        """Outcomes taken."""
        self.wrong = 0
        """How many of them were false."""

    def take(self, wrong: bool, at: float | None = None) -> None:
        """Take an outcome; ``at``: when it was, in seconds."""
        self.seen += 1
        self.wrong += wrong
        self._age(at)
        bound, money = self._bound, self._money
        for index, (part, _) in enumerate(_STAKES):
            money[index] *= part if wrong else (1 - part * bound) / (1 - bound)
        total = sum(money)
        keep = (1 - _MOVED) * min(1.0, _MOST * self._needed / total) if total else 0.0
        spread = _MOVED * min(total, _MOST * self._needed)
        self._money = [stake * keep + spread * share for stake, (_, share) in zip(money, _STAKES, strict=True)]

    @property
    def money(self) -> float:
        """What one unit at the beginning has become."""
        return sum(self._money)

    def sure_at(self, at: float) -> bool:
        """Whether the rate is below the bound, by evidence that is as old as it is at that time."""
        self._age(at)
        return self.sure

    @property
    def sure(self) -> bool:
        """Whether the rate is below the bound, at the confidence."""
        return sum(self._money) >= self._needed

    def _age(self, at: float | None) -> None:
        if at is None or self._half_life is None:
            return
        if self._at is not None and at > self._at and (total := sum(self._money)) > 1:
            lost = max(0.5 ** ((at - self._at) / self._half_life), 1 / total)
            self._money = [stake * lost for stake in self._money]
        self._at = at if self._at is None else max(at, self._at)
