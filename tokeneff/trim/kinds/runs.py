"""One character, or one line, many times over."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from operator import eq

from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind, nothing

_RUN = re.compile(r"([^\s])\1{199,}")
_LINES = 4
"""Equal lines in a row from which on they are counted."""


def _edit(text: str, context: Context) -> Edit | None:
    if len(text) < 200 or context.verbatim:
        return None
    lines = text.split("\n")
    if b"\1" * (_LINES - 1) not in bytes(map(eq, lines, lines[1:])) and not any(
        text.startswith(text[at] * 50, at) for at in range(0, len(text), 100)
    ):
        return None
    back: list[tuple[int, str, int]] = []
    sure = 0
    made: list[str] = []
    for line, group in groupby(lines):
        times = len(list(group))
        if len(line) >= 200:
            run, line = line, _RUN.sub(lambda found: _shorter(found, context), line)
            sure += 16 * (line != run)
        told = f"[the line above {times - 1} times more]"
        if times < _LINES or (len(line) + 1) * (times - 1) < len(told) + 32:
            made += [line] * times
        else:
            back.append((len(made) + 1, "", times - 1))
            made += [line, told]
            sure += context.count(line + "\n") * (times - 1) - context.count(told)
    short = "\n".join(made)
    if short == text:
        return None
    whole = _undo(short, tuple(back), nothing) == text
    return Edit(short, tuple(back) if whole else (), sure=sure)


def _shorter(found: re.Match[str], context: Context) -> str:
    told = f"[{found[1]!r} {len(found[0])} times]"
    return told if context.count(found[0]) >= context.count(told) + 16 else found[0]


def _undo(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    lines = text.split("\n")
    for at, _, times in reversed(back):
        lines[at : at + 1] = [lines[at - 1]] * times
    return "\n".join(lines)


KIND = Kind(
    "runs",
    lossless=True,
    why="What was there, and how often, is told exactly.",
    edit=_edit,
    undo=_undo,
)
