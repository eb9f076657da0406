"""Whether a text that is still coming says the same over and over."""

from __future__ import annotations

from typing import NamedTuple

UNIT = 1_600
"""Characters of what is repeated, at most."""
TIMES = 20
"""How often it has to come, at least."""
_EVERY = 256
"""Characters between two looks: so much later than it could be, at most, a repetition is noticed."""
_HINT = 16
"""Characters of the end of a text that are looked for before it: where they are not, nothing repeats itself."""


class Runaway(NamedTuple):
    """What a text ends with."""

    unit: str
    times: int


class Repetition:
    """Watches one text as it comes.

    The rule: the newest N characters are one unit of p characters over and over, where p is at most ``UNIT``, and N is
    ``characters`` or ``TIMES`` × p, whichever is more. It is looked at every 256 characters; each look costs at most so
    many steps as there are characters in ``TIMES`` units, nearly all of them inside one comparison of texts, so that
    the whole is linear in the length of the text.

    How p is found. A window of W characters whose first W - P come again d characters later (the smallest such d) has
    the period d in its first W - P + d characters. If the whole window has a period p of at most P, then d is at most
    p, and with W at least 2 P the two periods overlap by at least d + p characters, so that the smaller one divides the
    larger (Fine and Wilf, "Uniqueness theorems for periodic functions", 1965) and is a period of the window too. So one
    search for each size of window finds the unit, and one comparison says whether it goes back far enough.

    Args:
        characters: of repetition that are needed.
    """

    __slots__ = ("_characters", "_keeps", "_new", "_size", "_text", "_tiers")

    def __init__(self, characters: int) -> None:
        self._characters = characters
        most = min(max(characters // TIMES, 1), UNIT)
        self._tiers = [(most, characters)]
        while most < UNIT:
            window = TIMES * most
            most = min(2 * most, UNIT)
            self._tiers.append((most, window))
        self._keeps = max(characters, TIMES * UNIT)
        self._text = ""
        self._new: list[str] = []
        self._size = 0

    def add(self, piece: str) -> Runaway | None:
        """More of the text; what it repeats, if it does."""
        self._new.append(piece)
        self._size += len(piece)
        if self._size < _EVERY:
            return None
        text = self._text = "".join((self._text, *self._new))[-self._keeps :]
        self._new.clear()
        self._size = 0
        return self._look(text) if len(text) >= self._characters else None

    def _look(self, text: str) -> Runaway | None:
        size = len(text)
        hint = text[-_HINT:]
        for most, window in self._tiers:
            if size < window:
                return None
            if text.rfind(hint, max(size - _HINT - most, 0), size - 1) < 0:
                continue
            end = text[size - window :]
            period = end.find(end[: window - most], 1)
            if period < 1:
                continue
            needed = max(self._characters, TIMES * period)
            if size >= needed and text[size - needed + period :] == text[size - needed : size - period]:
                return Runaway(text[-period:], needed // period)
        return None
