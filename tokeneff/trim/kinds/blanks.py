"""No blanks at the ends of lines, and no more than one empty line in a row."""

from __future__ import annotations

import re

from tokeneff.trim.kinds._kind import Context, Edit, Kind, kept

_COUNTED = 40
"""Lines that are counted."""
_EMPTY = re.compile(r"\n{4,}")


def _edit(text: str, context: Context) -> Edit | None:
    if context.verbatim or not (" \n" in text or "\r\n" in text or "\t\n" in text or "\n\n\n\n" in text):
        return None
    lines = text.split("\n")
    shorter = [line.rstrip(" \t\r") for line in lines]
    short = _EMPTY.sub("\n\n", "\n".join(shorter))
    if len(short) == len(text):
        return None
    changed = [(one, other) for one, other in zip(lines, shorter, strict=True) if one != other][:_COUNTED]
    sure = sum([context.count(f"{one}\n") - context.count(f"{other}\n") for one, other in changed])
    return Edit(short, sure=sure)


KIND = Kind(
    "blanks",
    lossless=True,
    why="Blanks that end a line and empty lines in a row show nothing; files that are shown to be edited stay as they "
    "are.",
    edit=_edit,
    undo=kept,
)
