"""Sums by groups, exactly: int64 throughout, never floating point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tokeneff.report._fast._evaluate import MOST, Array

NEVER = -(1 << 63)
"""A peak of no values."""


class Groups:
    """Collects sums and peaks by keys, part by part.

    Args:
        keys: how many keys. sums: how many of the columns are sums; the others are peaks.
    """

    def __init__(self, keys: int, sums: int) -> None:
        self._keys = keys
        self._sums = sums
        self._parts: list[list[Array]] = []

    def add(self, keys: Sequence[Array], columns: Sequence[Array]) -> None:
        """Add calls: their keys, then their sums and peaks."""
        self._parts.append(self._reduced(keys, columns))

    def rows(self) -> list[tuple[int, ...]]:
        """The groups in the order of their keys; a peak of no values is 0."""
        if not self._parts:
            return []
        whole = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        if len(self._parts) > 1:
            whole = self._reduced(whole[: self._keys], whole[self._keys :])
        for place in range(self._keys + self._sums, len(whole)):
            whole[place] = np.where(whole[place] == NEVER, 0, whole[place])
        return list(zip(*(column.tolist() for column in whole), strict=True))

    def _reduced(self, keys: Sequence[Array], columns: Sequence[Array]) -> list[Array]:
        if not keys:
            return [
                _reduce(np.add if place < self._sums else np.maximum, column, None)
                for place, column in enumerate(columns)
            ]
        order, starts = ordered(keys)
        made = [key[order[starts]] for key in keys]
        for place, column in enumerate(columns):
            made.append(_reduce(np.add if place < self._sums else np.maximum, column[order], starts))
        return made


def _reduce(how: np.ufunc, column: Array, starts: Array | None) -> Array:
    if starts is None:
        starts = np.zeros(1, np.intp)
    return how.reduceat(column, starts)


def ordered(keys: Sequence[Array]) -> tuple[Array, Array]:
    """The order that brings equal keys together, and where each group begins in it."""
    code = _code(keys)
    if code is None:
        order = np.lexsort(tuple(reversed(keys)))
        changes = np.zeros(len(order), bool)
        for key in keys:
            arranged = key[order]
            changes[1:] |= arranged[1:] != arranged[:-1]
    else:
        order = np.argsort(code, kind="stable")
        arranged = code[order]
        changes = np.empty(len(order), bool)
        changes[1:] = arranged[1:] != arranged[:-1]
    changes[0] = True
    return order, np.flatnonzero(changes)


def _code(keys: Sequence[Array]) -> Array | None:
    """All keys as one number, of two bytes if possible: such are sorted fastest."""
    spans: list[tuple[int, int]] = []
    whole = 1
    for key in keys:
        low = int(key.min())
        spans.append((low, int(key.max()) - low + 1))
        whole *= spans[-1][1]
    if whole > MOST or any(not -MOST < low < MOST for low, _ in spans):
        return None
    code = keys[0] - spans[0][0]
    for key, (low, span) in zip(keys[1:], spans[1:], strict=True):
        code = code * span + (key - low)
    return code.astype(np.uint16) if whole <= 1 << 16 else code


def of_requests(parts: Sequence[tuple[Array, ...]]) -> tuple[int, ...] | None:
    """Of requests made more than once at some cost: how many, their calls, cost, what all but the dearest call of each
    cost, their tokens but for the most of one call, and the last call of the one where that is most.

    Args:
        parts: of calls, the request (two columns), cost (0, and `NEVER`, if not known), tokens, and row.
    """
    if not parts:
        return None
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    by_half = np.argsort(columns[0])
    arranged = columns[0][by_half]
    equal = arranged[1:] == arranged[:-1]
    rows = by_half[np.append(equal, False) | np.append(False, equal)]
    rows = rows[(columns[0][rows] != 0) | (columns[1][rows] != 0)]
    if not len(rows):
        return None
    first, second, cost, dearest, tokens, row = (column[rows] for column in columns)
    order, starts = ordered((first, second))
    sums = [np.add.reduceat(column[order], starts) for column in (np.ones(len(order), np.int64), cost, tokens)]
    peaks = [np.maximum.reduceat(column[order], starts) for column in (dearest, tokens, row)]
    saves = sums[1] - peaks[0].clip(min=-MOST)
    found = (peaks[0] != NEVER) & (saves > 0) & (sums[0] > 1)
    if not found.any():
        return None
    calls, spent, all_tokens, most, last, saved = (column[found] for column in (*sums, peaks[1], peaks[2], saves))
    example = last[np.lexsort((last, saved))[-1]]
    return tuple(map(int, (len(calls), calls.sum(), spent.sum(), saved.sum(), (all_tokens - most).sum(), example)))
