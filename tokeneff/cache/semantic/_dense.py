"""Finding the nearest of many vectors by looking at all: with numpy where there is numpy (the extra ``fast``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import Any

Vector = Sequence[float]


def normal(vector: Any) -> list[float]:
    """The vector with length 1.

    Raises:
        ValueError: it is none: empty, not of finite numbers, or of length 0.
    """
    found = [float(value) for value in vector]
    length = math.sqrt(sum([value * value for value in found]))
    if not found or not math.isfinite(length) or not length:
        raise ValueError("an encoder has to return one vector of finite numbers, not all 0, for each text")
    return [value / length for value in found]


class Dense:
    """Vectors of length 1 by the number of their entry."""

    def __init__(self) -> None:
        self._entries: list[int] = []
        self._places: dict[int, int] = {}
        self._rows: Any = None
        self._numpy = _numpy()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: int, vector: Vector) -> None:
        """Let ``entry`` be found by its vector.

        Raises:
            ValueError: it has another number of dimensions than those before.
        """
        if self._rows is None:
            self._rows = [] if self._numpy is None else self._numpy.zeros((64, len(vector)), "float32")
        if self._entries and len(self._rows[0]) != len(vector):
            raise ValueError(f"an encoder has returned {len(vector)} dimensions, and {len(self._rows[0])} before")
        place = self._places[entry] = len(self._entries)
        self._entries.append(entry)
        if self._numpy is None:
            self._rows.append(list(vector))
            return
        if place == len(self._rows):
            self._rows = self._numpy.concatenate([self._rows, self._numpy.zeros_like(self._rows)])
        self._rows[place] = vector

    def remove(self, entry: int) -> None:
        """Let it be found no more; the last one takes its place."""
        place = self._places.pop(entry, None)
        if place is None:
            return
        last = self._entries.pop()
        if last != entry:
            self._entries[place], self._places[last] = last, place
            self._rows[place] = self._rows[len(self._entries)]
        if self._numpy is None:
            self._rows.pop()

    def nearest(self, vector: Vector, most: int) -> list[tuple[float, int]]:
        """The ``most`` nearest entries, as (cosine, entry), nearest first."""
        size = len(self._entries)
        if not size or len(self._rows[0]) != len(vector):
            return []
        if self._numpy is None:
            found = [sum(map(mul, row, vector)) for row in self._rows]
            first = sorted(range(size), key=found.__getitem__, reverse=True)[:most]
        else:
            found = self._rows[:size] @ self._numpy.asarray(vector, "float32")
            first = self._numpy.argsort(-found, kind="stable")[:most]
        return [(min(1.0, float(found[place])), self._entries[place]) for place in first]


def _numpy() -> Any:
    try:
        import numpy
    except ImportError:
        return None
    return numpy
