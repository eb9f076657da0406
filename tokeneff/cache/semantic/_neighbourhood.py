"""The questions of one context, which of them share an answer, and how often the nearest one's was the right one."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tokeneff.cache.semantic._answers import Mark
from tokeneff.cache.semantic._dense import Dense
from tokeneff.cache.semantic._guard import refused
from tokeneff.cache.semantic._lexical import Lexical
from tokeneff.cache.semantic._wager import Wager
from tokeneff.cache.semantic._words import words_of

NEIGHBOURS = 8
"""How many of the nearest questions are looked at."""
FEATURES = 8
LIKE = 0.3
"""Likeness below which a question is not near."""


@dataclass(slots=True)
class Record:
    """What was found of the answer that several questions share."""

    seen: int = 0
    wrong: int = 0


@dataclass(slots=True)
class Kept:
    """One question that has an answer."""

    key: bytes
    question: str
    mark: Mark
    record: Record
    """One object for all that share the answer."""


class Sight(NamedTuple):
    """What was seen from one question."""

    near: tuple[bytes, ...] = ()
    """Keys of the nearest, whatever the guard says."""
    key: bytes | None = None
    """The candidate's."""
    features: tuple[float, ...] = ()
    proven: bool = False
    """Whether the candidate's answer was the right one for another question before."""


@dataclass(slots=True)
class Neighbourhood:
    """One context.

    Args:
        wager: whether candidates that are thought to be right are. lexical: whether there are no vectors.
    """

    wager: Wager
    lexical: bool
    _kept: OrderedDict[int, Kept] = field(default_factory=OrderedDict[int, Kept])
    _numbers: dict[bytes, int] = field(default_factory=dict[bytes, int])
    _marks: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    _next: int = 0
    _words: Lexical = field(default_factory=Lexical)
    _vectors: Dense = field(default_factory=Dense)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: bytes) -> bool:
        return key in self._numbers

    def look(self, question: str, vector: Sequence[float] | None) -> Sight:
        """What is near a question, and which of it may answer it too."""
        if vector is None:
            found = self._words.nearest(question, NEIGHBOURS)
        else:
            found = self._vectors.nearest(vector, NEIGHBOURS)
        near = [(like, self._kept[number]) for like, number in found if like >= LIKE]
        votes: Counter[int] = Counter()
        for like, kept in near:
            votes[id(kept.record)] += like  # pyright: ignore[reportArgumentType] - a counter of weights
        keys = tuple([kept.key for _, kept in near])
        allowed = [(like, kept) for like, kept in near if not refused(question, kept.question)]
        if not allowed:
            return Sight(keys)
        like, kept = max(allowed, key=lambda one: (votes[id(one[1].record)], one[0]))
        record = kept.record
        features = _features(like, kept, near, votes[id(record)], question)
        return Sight(keys, kept.key, features, record.seen > record.wrong)

    def judge(self, key: bytes, wrong: bool) -> None:
        """Whether the answer of ``key`` was the wrong one for another question."""
        number = self._numbers.get(key)
        if number is not None:
            record = self._kept[number].record
            record.seen += 1
            record.wrong += wrong

    def recall(self, key: bytes, seen: int, wrong: int) -> None:
        """What was found of its answer before it came back to memory, if nothing is known there."""
        number = self._numbers.get(key)
        if number is not None and not self._kept[number].record.seen:
            self._kept[number].record.seen, self._kept[number].record.wrong = seen, wrong

    def add(
        self,
        key: bytes,
        question: str,
        vector: Sequence[float] | None,
        mark: Mark,
        judged: tuple[bytes, bool] | None = None,
        near: Sequence[bytes] = (),
    ) -> None:
        """Keep a question that has an answer.

        Args:
            key: of its reply. question, vector: what it is found by. mark: of its answer.
            judged: a key, and whether its answer was found to be the same. near: keys whose answers may be the same.
        """
        self.remove(key)
        record = self._record_of(mark, judged, near)
        number = self._next
        if self.lexical:
            self._words.add(number, question)
        elif vector is not None:
            self._vectors.add(number, vector)
        self._next += 1
        self._numbers[key] = number
        self._kept[number] = Kept(key, question, mark, record)
        self._marks.setdefault(mark.same, set()).add(number)

    def remove(self, key: bytes) -> None:
        """Forget a question."""
        number = self._numbers.pop(key, None)
        if number is None:
            return
        kept = self._kept.pop(number)
        (self._words if self.lexical else self._vectors).remove(number)
        same = self._marks[kept.mark.same]
        same.discard(number)
        if not same:
            del self._marks[kept.mark.same]

    def oldest(self) -> bytes | None:
        """The key of the question that was kept first, or not served for longest."""
        return next(iter(self._kept.values())).key if self._kept else None

    def used(self, key: bytes) -> None:
        """It was served."""
        self._kept.move_to_end(self._numbers[key])

    def _record_of(self, mark: Mark, judged: tuple[bytes, bool] | None, near: Sequence[bytes]) -> Record:
        """Of the kept answer that this one is the same as, or a new one."""
        other: Record | None = None
        if judged is not None and judged[0] in self._numbers:
            other = self._kept[self._numbers[judged[0]]].record
            if judged[1]:
                return other
        found = list(self._marks.get(mark.same, ()))
        found += [number for number in map(self._numbers.get, near) if number is not None]
        for kept in map(self._kept.__getitem__, found):
            if kept.record is not other and kept.mark.like(mark):
                return kept.record
        return Record()


def _features(
    like: float, kept: Kept, near: Sequence[tuple[float, Kept]], votes: float, question: str
) -> tuple[float, ...]:
    """What a candidate is judged by beforehand."""
    record = kept.record
    for_it = sum([other.record is record for _, other in near])
    rival = max([likeness for likeness, other in near if other.record is not record], default=0.0)
    asked, answered = words_of(question), words_of(kept.question)
    mine, theirs = set(asked.content), set(answered.content)
    return (
        1.0,
        like,
        min(1.5, rival / like),
        votes / sum([likeness for likeness, _ in near]),
        math.log2(1 + for_it) / math.log2(1 + NEIGHBOURS),
        (record.wrong + 0.3) / (record.seen + 1),
        len(mine & theirs) / max(1, len(mine | theirs)),
        float(asked.words == answered.words and asked.exact == answered.exact),
    )
