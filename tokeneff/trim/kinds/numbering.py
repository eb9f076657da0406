"""Line numbers without the blanks that only align them, as ``cat -n``, ``nl`` and file tools write."""

from __future__ import annotations

import re
from collections.abc import Callable

from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind

_PADDED = re.compile(r"^ +(?=\d+[→\t])", re.MULTILINE)
_NUMBERED = re.compile(r"^( *\d+)(?=[→\t])", re.MULTILINE)
_LINES = 8


def _edit(text: str, context: Context) -> Edit | None:
    first = _PADDED.search(text)
    if first is None:
        return None
    found = _NUMBERED.findall(text)
    if len(found) < _LINES or len(set(map(len, found))) > 1:  # of one width: so they can be aligned again
        return None
    short, lines = _PADDED.subn("", text)
    return Edit(short, (len(found[0]),), sure=lines) if lines >= _LINES else None


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
