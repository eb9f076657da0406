"""Of huge results: the beginning, the end, and lines that say that something is wrong."""

from __future__ import annotations

import re

from tokeneff.trim.kinds._kind import Context, Edit, Kind, kept
from tokeneff.trim.kinds._lossy import joined, telling, tokens

MOST = 4000
"""Tokens from which on a result is huge; about half of as many stay."""
_HEAD, _TAIL = 0.3, 0.3
_MOST_TELLING = 40
_WORD = re.compile(r"\w*\d\w*")
_CHARACTERS = 400
"""That a line of more is cut into. What is left out of a line is told in characters."""


def _edit(text: str, context: Context) -> Edit | None:
    if len(text) < 2 * MOST or (size := tokens(text, context)) <= MOST:
        return None
    share = MOST / 2 / size
    pieces = [
        (line[at : at + _CHARACTERS], not at)
        for line in text.split("\n")
        for at in range(0, max(len(line), 1), _CHARACTERS)
    ]
    lines, starts = [piece for piece, _ in pieces], [start for _, start in pieces]
    head, tail = _reach(lines, share * _HEAD * 2 * len(text)), _reach(lines[::-1], share * _TAIL * 2 * len(text))
    wanted = {word for word in _WORD.findall(f"{context.query} {context.arguments}") if len(word) > 3}
    keep = [at < head or at >= len(lines) - tail for at in range(len(lines))]
    left = _MOST_TELLING
    for at, line in enumerate(lines):
        if left and not keep[at] and (telling(line) or not wanted.isdisjoint(_WORD.findall(line))):
            keep[at] = True
            left -= 1
    short = joined(lines, keep, starts=starts)
    return Edit(short) if len(short) < len(text) else None


def _reach(lines: list[str], characters: float) -> int:
    """How many lines make up so many characters."""
    for number, line in enumerate(lines):
        characters -= len(line) + 1
        if characters < 0:
            return number
    return len(lines)


KIND = Kind(
    "ends",
    lossless=False,
    why="The middle of results of more than 4,000 tokens is left out, but for lines of errors and of identifiers that "
    "were asked for.",
    edit=_edit,
    undo=kept,
)
