"""Lines that differ in numbers and times alone: the first of them, and how many there were."""

from __future__ import annotations

import re
from itertools import groupby

from tokeneff.trim.kinds._kind import Context, Edit, Kind, kept
from tokeneff.trim.kinds._lossy import telling

_VARIES = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{12,}\b|\d+")
_LEAST = 3
_SHAPE = 8
"""Letters that a line has beside its numbers: tables of numbers are no logs."""


def _edit(text: str, context: Context) -> Edit | None:
    lines = text.split("\n")
    if len(lines) < 2 * _LEAST:
        return None
    made: list[str] = []
    for shape, group in groupby(lines, key=_shape):
        found = list(group)
        if len(found) < _LEAST or not shape:
            made += found
        else:
            made += [found[0], f"[{len(found) - 2} more like the line above, other numbers]", found[-1]]
    short = "\n".join(made)
    return Edit(short) if len(short) < len(text) else None


def _shape(line: str) -> str:
    """A line without what varies; nothing for lines that stay as they are."""
    if not line or telling(line):
        return ""
    shape = _VARIES.sub("#", line)
    return shape if sum(map(str.isalpha, shape)) >= _SHAPE else ""


KIND = Kind(
    "logs",
    lossless=False,
    why="Of lines in a row that are alike but for numbers, times and hexadecimal ids, those between the first and the "
    "last are counted only.",
    edit=_edit,
    undo=kept,
)
