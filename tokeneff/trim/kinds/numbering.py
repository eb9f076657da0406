"""Line numbers without the blanks that only align them, as ``cat -n``, ``nl`` and file tools write."""

from __future__ import annotations

import re
from collections.abc import Callable

from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind, nothing

_PADDED = re.compile(r"^ +(?=\d+[→\t])", re.MULTILINE)
_NUMBERED = re.compile(r"^( *\d+)(?=[→\t])", re.MULTILINE)
_LINES = 8


def _edit(text: str, context: Context) -> Edit | None:
    first = _PADDED.search(text)
    if first is None:
        return None
    found = _NUMBERED.findall(text, first.start())
    width = len(found[0])
    if len(found) < _LINES or any(len(number) != width for number in found):
        return None
    short, lines = _PADDED.subn("", text)
    if lines < _LINES or _undo(short, (width,), nothing) != text:
        return None
    return Edit(short, (width,), sure=lines)


def _undo(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    width: int = back[0]
    return _NUMBERED.sub(lambda found: found[1].rjust(width), text)


KIND = Kind(
    "numbering",
    lossless=True,
    why="Blanks before a line's number align it for people; numbers and all that is behind them stay to the letter.",
    edit=_edit,
    undo=_undo,
)
