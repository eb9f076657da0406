"""Matches of a search, below the name of their file, as ``rg --heading`` and ``git grep --heading`` write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby

from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind, nothing

_MATCH = re.compile(r"((?:[A-Za-z]:[\\/])?[^\s:]{6,}):(?=\d+:)")
_FIRST = re.compile(r"^([^\s:]{6,}|[A-Za-z]:[\\/][^\s:]+):\d+:.*\n\1:\d+:", re.MULTILINE)
_LEAST = 3
"""Matches in one file."""


def _edit(text: str, context: Context) -> Edit | None:
    if _FIRST.search(text) is None:
        return None
    made: list[str] = []
    back: list[tuple[int, int]] = []
    below = False
    for path, own in _groups(text.split("\n")):
        gathered = bool(path) and len(own) >= _LEAST
        if made and made[-1] and own[0] and (gathered or below):  # an empty line tells where they end
            made.append("")
            back.append((len(made) - 1, 0))
        below = gathered
        if not gathered:
            made += own
            continue
        back.append((len(made), len(own)))
        made.append(path)
        made += [line[len(path) + 1 :] for line in own]
    short = "\n".join(made)
    if not back or len(short) >= len(text) or _undo(short, tuple(back), nothing) != text:
        return None
    return Edit(short, tuple(back), sure=(len(text) - len(short)) // 8)


def _groups(lines: list[str]) -> list[tuple[str, list[str]]]:
    """Lines in a row by their file; those that are no matches have none."""
    return [(path, list(group)) for path, group in groupby(lines, key=_path)]


def _path(line: str) -> str:
    found = _MATCH.match(line)
    return found[1] if found else ""


def _undo(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    lines = text.split("\n")
    found: list[tuple[int, int]] = [*back]
    for at, count in reversed(found):
        name = lines[at]
        lines[at : at + count + 1] = [f"{name}:{line}" for line in lines[at + 1 : at + count + 1]]
    return "\n".join(lines)


KIND = Kind(
    "headings",
    lossless=True,
    why="Each match stands with its line's number below the name of its file, as search tools show it themselves.",
    edit=_edit,
    undo=_undo,
)
