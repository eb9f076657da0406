"""How many tokens of a reply have come: a bound from lengths for each chunk, counted only where that matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_LEAST, _ENOUGH, _MOST_MODELS = 64, 50_000, 500


class Ratios:
    """Tokens of models by those of the vocabulary that stands in for their own, from replies that came in full."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], tuple[int, int]] = {}

    def wanted(self, provider: str, model: str) -> bool:
        """Whether more replies are to be counted."""
        return self._sums.get((provider, model), (0, 0))[1] < _ENOUGH

    def learn(self, provider: str, model: str, said: int, counted: int) -> None:
        """Take in the provider's count of a reply, and ours."""
        if len(self._sums) >= _MOST_MODELS:
            self._sums.clear()
        before = self._sums.get((provider, model), (0, 0))
        self._sums[provider, model] = (before[0] + said, before[1] + counted)

    def of(self, provider: str, model: str, otherwise: float) -> float:
        """The ratio; ``otherwise`` as long as too little was learnt."""
        said, counted = self._sums.get((provider, model), (0, 0))
        return min(max(said / counted, 0.5), 3.0) if counted >= _LEAST else otherwise


class Tally:
    """The output of one stream as far as it has come.

    No token is shorter than a byte, so ``sure + loose`` is never too few.

    Args:
        count: tokens of a text.
        ratio: the model's tokens by those of ``count``.
    """

    __slots__ = (
        "_calls",
        "_chunks",
        "_counted",
        "_new",
        "_pieces",
        "_thoughts",
        "chunk",
        "count",
        "loose",
        "ratio",
        "sure",
    )

    def __init__(self, count: Callable[[str], int], ratio: float) -> None:
        self.count = count
        self.ratio = ratio
        self.sure = 0.0
        """Tokens, as counted."""
        self.loose = 0
        """Bytes that came since."""
        self.chunk = 0.0
        """Tokens that the next chunk is taken to have: those of the mean one, or of the largest of late."""
        self._new: list[str] = []
        self._chunks = self._counted = 0
        self._pieces = self._thoughts = 0
        self._calls: dict[Any, int] = {}

    def hear(self, reader: Any, chunks: int) -> None:
        """Take in what is new since the last time."""
        self._chunks += chunks
        pieces, thoughts = reader.pieces, reader.thoughts
        if len(pieces) != self._pieces:
            for text in pieces[self._pieces :]:
                self._add(text)
            self._pieces = len(pieces)
        if len(thoughts) != self._thoughts:
            for text in thoughts[self._thoughts :]:
                self._add(text)
            self._thoughts = len(thoughts)
        if reader.calls:
            for key, call in reader.calls.items():
                known = self._calls.get(key)
                for text in call if known is None else call[known:]:
                    self._add(text)
                self._calls[key] = len(call)

    def _add(self, text: str) -> None:
        self._new.append(text)
        self.loose += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))

    def tally(self) -> None:
        """Count what came since it was last counted; how large chunks are is seen from that."""
        before, since = self.sure, self._chunks - self._counted
        if self._new:
            self.sure += self.count("".join(self._new)) * self.ratio
            self._new.clear()
            self.loose = 0
        self._counted = self._chunks
        if self._chunks:
            latest = max(self.chunk, self.sure - before) if since <= 1 else 0.0
            self.chunk = max(self.sure / self._chunks, latest, 1.0)

    def within(self, allowed: int, more: float) -> bool:
        """Whether what came, and so many tokens more, are no more than that."""
        return self.sure + self.loose + more <= allowed
