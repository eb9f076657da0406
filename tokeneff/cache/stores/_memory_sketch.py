"""About how often keys were asked for lately, in two bytes a key."""

from __future__ import annotations

import struct

_MOST = 15
_ROWS = 4
_WORDS = struct.Struct("<4Q")
_HALVED = bytes(number // 2 for number in range(256))
_LATELY = 10
"""Times that as many keys as there are may be asked for before all counts are halved."""


class Sketch:
    """Counts up to 15, never too low and seldom too high, which are halved now and then: what was popular fades.

    A count-min sketch whose rows are found by the words of the key, which is a digest, so that nothing has to be hashed
    (Einziger, Friedman, Manes: TinyLFU, ACM Transactions on Storage 13(4), 2017).

    >>> sketch = Sketch()
    >>> sketch.add(bytes(32)); sketch.add(bytes(32))
    >>> sketch.count(bytes(32)), sketch.count(b"1" * 32)
    (2, 0)
    """

    def __init__(self, width: int = 1024) -> None:
        self._width = width
        self._rows = [bytearray(width) for _ in range(_ROWS)]
        self._added = 0

    def add(self, key: bytes) -> None:
        """It was asked for."""
        mask = self._width - 1
        for row, word in zip(self._rows, _WORDS.unpack(key), strict=True):
            if row[word & mask] < _MOST:
                row[word & mask] += 1
        self._added += 1
        if self._added >= _LATELY * self._width:
            self._rows = [row.translate(_HALVED) for row in self._rows]
            self._added //= 2

    def count(self, key: bytes) -> int:
        """How often, about."""
        mask = self._width - 1
        words: tuple[int, ...] = _WORDS.unpack(key)
        return min(row[word & mask] for row, word in zip(self._rows, words, strict=True))

    def fit(self, keys: int) -> None:
        """Be wide enough for as many keys. What was counted stays."""
        while self._width < keys:
            self._rows = [row + row for row in self._rows]
            self._width *= 2
