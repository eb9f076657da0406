"""A small robust fit, one a model: what provider-counted tokens are, as weights of our own counts by content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tokeneff.tokens._prompt import Piece

Mix = Sequence[float]
"""Our own count by class: see ``CLASSES``."""

CLASSES = ("text", "assistant", "tool_call", "tool_result", "schema", "reasoning", "attached", "pieces")
"""What is weighed apart: what users and systems say, what the model said, …; ``pieces`` is a number of messages."""
_AT = {name: index for index, name in enumerate(CLASSES)}
_SIZE = len(CLASSES)
_LOW, _HIGH = 0.3, 3.0
_PIECE_LOW, _PIECE_HIGH = -10.0, 100.0
_KEPT = 64
_RECENT = 17
_PRIOR_WEIGHT = 8
"""Observations that the error expected beforehand is worth."""
_NOISE = 0.05
"""Relative error of an observation that the fit reckons with."""
_SHARE = 0.85
"""Share of true errors that the expected error is to cover."""


def mix_of(pieces: Sequence[Piece]) -> list[float]:
    """The counts of some pieces by class."""
    mix = [0.0] * _SIZE
    for piece in pieces:
        kind = piece[0]
        for content, tokens in piece[3]:
            if content == "text":
                mix[1 if kind == "assistant" else 0] += tokens
            else:
                mix[_AT[content]] += tokens
        if kind != "tools":
            mix[7] += 1
    return mix


class Errors:
    """The last relative errors, and how large the next may be."""

    __slots__ = ("_added", "_bound", "_seen", "prior")

    def __init__(self, prior: float, seen: Sequence[float] = ()) -> None:
        self.prior = prior
        self._seen = list(seen)[-_KEPT:]
        self._bound: float | None = None
        self._added = len(self._seen)

    def add(self, error: float) -> None:
        """Take in one more."""
        self._seen.append(min(error, 100.0))
        if len(self._seen) > _KEPT:
            del self._seen[0]
        self._added += 1
        if self._added < _KEPT // 2 or self._added % 4 == 0:
            self._bound = None

    @property
    def bound(self) -> float:
        """What about five of six errors are below: of those seen, and of some expected beforehand."""
        if self._bound is None:
            some = max(0, _PRIOR_WEIGHT - len(self._seen))
            ranked = sorted([*self._seen, *[self.prior * (index + 1) / _PRIOR_WEIGHT for index in range(some)]])
            self._bound = ranked[min(len(ranked) - 1, int(_SHARE * len(ranked)))]
        return self._bound

    def state(self) -> list[float]:
        """As JSON data."""
        return [round(error, 5) for error in self._seen]


class Fit:
    """Weights of one model's classes, learnt one count at a time (recursive least squares, outliers held down)."""

    __slots__ = ("_covariance", "grown", "hidden", "own", "ratios", "weights", "wholes")

    def __init__(self, ratio: float, own: bool) -> None:
        self.own = own
        """Whether counts are by the model's own encoding: then little is left to learn."""
        self.weights = [*[ratio] * (_SIZE - 2), 1.0, 0.0]  # images follow published rules: no ratio
        spread = (0.02, 0.02, 0.1, 0.1, 0.15, 0.3, 0.3, 2.0) if own else (0.2, 0.2, 0.3, 0.2, 0.3, 0.5, 0.5, 5.0)
        self._covariance = [[spread[i] ** 2 if i == j else 0.0 for j in range(_SIZE)] for i in range(_SIZE)]
        self.hidden: list[float] = []
        """What whole requests had beyond our count of them, most of it nothing; tokens."""
        self.ratios: list[float] = []
        """What whole requests were of our count, where nothing was hidden: their texts are not those of later turns."""
        self.wholes = Errors(0.05 if own else 0.3)
        """Relative errors where nothing of the request was known before."""
        self.grown = Errors(0.1 if own else 0.35)
        """Errors relative to what a request had more than the one that it goes on from."""

    def tokens(self, mix: Mix) -> float:
        """The provider's tokens of a mix of ours."""
        return sum([weight * count for weight, count in zip(self.weights, mix, strict=True) if count])

    def expected(self, mix: Mix) -> float:
        """The provider's tokens of a whole request, with what is not seen of it, as in a recording that leaves out
        the system prompt."""
        return self.tokens(mix) * _middle(self.ratios, 1.0) + _middle(self.hidden, 0.0)

    def whole(self, mix: Mix, tokens: float) -> None:
        """Learn from a request of which nothing was known before."""
        own = self.tokens(mix)
        rest = tokens - own
        seen = rest <= 0.6 * own + 100
        if seen and own > 0:
            self._learn(mix, tokens)
            self.ratios.append(min(max(tokens / max(self.tokens(mix), 1.0), 0.5), 2.0))
            del self.ratios[:-_RECENT]
        self.hidden.append(0.0 if seen else rest)
        del self.hidden[:-_RECENT]

    def growth(self, mix: Mix, tokens: float) -> None:
        """Learn from what a request had more than the one that it goes on from."""
        self._learn(mix, tokens)

    def _learn(self, mix: Mix, tokens: float) -> None:
        own = self.tokens(mix)
        if own < 8 or not 0.2 < tokens / own < 4:
            return  # a rewritten history, a lost count: not what tokenizers differ by
        error = tokens - own
        if abs(error) <= 1 + 0.002 * own:
            return  # nothing to be learnt, and no time to be spent
        used = [index for index, count in enumerate(mix) if count]
        covariance = self._covariance
        gains = [sum([row[index] * mix[index] for index in used]) for row in covariance]
        noise = (_NOISE * max(own, 200.0)) ** 2
        spread = sum([gains[index] * mix[index] for index in used]) + noise
        limit = 2.5 * spread**0.5
        error = min(max(error, -limit), limit)
        weights = [weight + gain * error / spread for weight, gain in zip(self.weights, gains, strict=True)]
        self.weights = [min(max(weight, _LOW), _HIGH) for weight in weights[:-1]]
        self.weights.append(min(max(weights[-1], _PIECE_LOW), _PIECE_HIGH))
        self._covariance = [
            [value - gain * other / spread for value, other in zip(row, gains, strict=True)] if gain else row
            for row, gain in zip(covariance, gains, strict=True)
        ]

    def state(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "own": self.own,
            "weights": [round(weight, 6) for weight in self.weights],
            "covariance": [[float(f"{value:.6g}") for value in row] for row in self._covariance],
            "hidden": [round(value, 1) for value in self.hidden],
            "ratios": [round(value, 5) for value in self.ratios],
            "wholes": self.wholes.state(),
            "grown": self.grown.state(),
        }

    @classmethod
    def of(cls, state: object) -> Fit:
        """What :meth:`state` gave; raises ``ValueError`` for anything else."""
        try:
            found = cast("dict[str, Any]", state)
            fit = cls(1.0, bool(found["own"]))
            weights, rows = _numbers(found["weights"]), [_numbers(row) for row in found["covariance"]]
            if {len(weights), len(rows), *map(len, rows)} != {_SIZE}:
                raise ValueError("sizes differ")
            fit.weights = [min(max(weight, _LOW), _HIGH) for weight in weights[:-1]]
            fit.weights.append(min(max(weights[-1], _PIECE_LOW), _PIECE_HIGH))
            fit._covariance = rows
            fit.hidden = _numbers(found["hidden"])[-_RECENT:]
            fit.ratios = [min(max(ratio, 0.5), 2.0) for ratio in _numbers(found["ratios"])[-_RECENT:]]
            fit.wholes = Errors(fit.wholes.prior, _numbers(found["wholes"]))
            fit.grown = Errors(fit.grown.prior, _numbers(found["grown"]))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no state of a counter's: {error}") from error
        return fit


def _middle(values: list[float], otherwise: float) -> float:
    """The median: it is little moved by a few requests of another kind."""
    return sorted(values)[len(values) // 2] if values else otherwise


def _numbers(value: Any) -> list[float]:
    found = [float(number) for number in value]
    if not all(abs(number) < 1e12 for number in found):
        raise ValueError("a number out of bounds")
    return found
