"""Lines that stand in the same request already."""

from __future__ import annotations

from collections.abc import Callable

from tokeneff.trim.kinds._earlier import Found, Line, lines_of
from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind

_LEAST = 600
"""Characters of lines in a row: some 200 tokens."""
_WORDS = 48


def _edit(text: str, context: Context) -> Edit | None:
    if context.earlier is None or len(text) < _LEAST:
        return None
    lines = lines_of(text)
    blocks = context.earlier.blocks(lines, _LEAST)
    made: list[str] = []
    back: list[tuple[int, int, str, int, int, str, str]] = []
    at = saved = 0
    for block in blocks:
        made += map(_written, lines[at : block.start])
        first = lines[block.start]
        back.append((len(made), block.source.message, block.source.place, block.at, block.many, first[0], first[1]))
        made.append(_told(lines, block))
        saved += block.size - len(made[-1])
        at = block.start + block.many
    if not back or saved < _LEAST // 2:
        return None
    short = "\n".join((*made, *map(_written, lines[at:])))
    there = {(block.source.message, block.source.place): block.source.lines for block in blocks}
    if _restored(short, tuple(back), lambda message, place: there[message, place]) != text:
        return None
    return Edit(short, tuple(back), tuple(sorted({block.source.message for block in blocks})), saved // 8)


def _written(line: Line) -> str:
    return f"{line[0]}{line[1]}{line[2]}"


def _told(lines: list[Line], block: Found) -> str:
    """The line that stands instead."""
    first, last = lines[block.start], lines[block.start + block.many - 1]
    there, then = block.source.lines[block.at], block.source.lines[block.at + block.many - 1]
    whole = block.many == len(block.source.lines)
    if block.many == len(lines) and whole and (first[0], last[0]) == (there[0], then[0]):
        return f"[identical to {block.source.name} above]"
    own = f"lines {first[0]}-{last[0]}" if first[0] else f"{block.many} lines"
    if there[0]:
        same = (first[0], last[0]) == (there[0], then[0])
        other = "" if same else f"lines {there[0]}-{then[0]} of "
    elif whole:
        other = "all of "
    else:
        other = f"from {_words(there[2])} to {_words(then[2])} in "
    return f"[{own} identical to {other}{block.source.name} above]"


def _words(text: str) -> str:
    text = text.strip().replace("\r", " ")
    return f'"{text}"' if len(text) <= _WORDS else f'"{text[:_WORDS]}…"'


def _undo(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    return _restored(text, back, lambda message, place: lines_of(earlier(message, place)))


def _restored(text: str, back: Back, there: Callable[[int, str], list[Line]]) -> str:
    lines = text.split("\n")
    for at, message, place, start, count, number, mark in reversed(back):
        found = there(message, place)[start : start + count]
        lines[at : at + 1] = [
            f"{int(number) + step if number else ''}{mark}{line[2]}" for step, line in enumerate(found)
        ]
    return "\n".join(lines)


KIND = Kind(
    "repeats",
    lossless=True,
    why="The lines stand earlier in the same request, and it is told where.",
    edit=_edit,
    undo=_undo,
)
