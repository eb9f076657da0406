"""What a terminal would show in the end: without colours, and each line as it was last drawn."""

from __future__ import annotations

import re

from tokeneff.trim.kinds._kind import Context, Edit, Kind, kept
from tokeneff.trim.kinds._redrawn import hidden, shown

_COLOURS = re.compile(r"\x1b(?:\[[0-9;:]*m|\][^\x07\x1b]*(?:\x07|\x1b\\)|\[\?(?:25|2004|7|12)[hl]|\(B|[=>])")
_STEPS = re.compile(r"\x1b\[([0-9;]*)([A-DGJK])|([\r\n\x08])")
_REDRAWN = re.compile(r"\r(?!\r*(?:\n|\Z))|\x08")
_MOST = 200_000
"""Characters that are drawn. What is longer only loses its colours."""
_WIDEST = 2_000
_STEPS_DRAWN = 20_000


def _edit(text: str, context: Context) -> Edit | None:
    if context.verbatim or not ("\x1b" in text or "\r" in text or "\x08" in text):
        return None
    short = _COLOURS.sub("", text) if "\x1b" in text else text
    if len(text) <= _MOST and ("\x1b" in short or _REDRAWN.search(short)) and (safe := hidden(text)) is not None:
        safe = _COLOURS.sub("", safe)
        drawn = _drawn(safe) if "\x1b" in safe or _REDRAWN.search(safe) else None
        short = short if drawn is None else shown(drawn)
    # An escape is a token at least, and what was drawn over is no fewer than one for twelve characters.
    sure = text.count("\x1b") - short.count("\x1b") + (len(text) - len(short)) // 12
    return Edit(short, sure=sure) if len(short) < len(text) else None


def _drawn(text: str) -> str | None:
    """The screen after the last character; ``None`` where something is there that nobody here knows to draw."""
    rows: list[str] = [""]
    row = column = at = 0
    steps = list(_STEPS.finditer(text))
    if len(steps) > _STEPS_DRAWN:
        return None
    for found in (*steps, None):
        plain = text[at : found.start()] if found else text[at:]
        if "\x1b" in plain:
            return None
        if plain:
            line = rows[row]
            rows[row] = f"{line[:column].ljust(column)}{plain}{line[column + len(plain) :]}"
            column += len(plain)
            if column > _WIDEST:
                return None
        if found is None:
            break
        at = found.end()
        row, column = _moved(rows, row, column, found)
    return "\n".join(rows)


def _moved(rows: list[str], row: int, column: int, found: re.Match[str]) -> tuple[int, int]:
    """Where the cursor is then; what is erased is gone from the rows."""
    if found[3]:
        return _controlled(rows, row, column, found[3])
    number = int(found[1].partition(";")[0] or 0)
    match found[2]:
        case "A":
            return max(row - (number or 1), 0), column
        case "B":
            return min(row + (number or 1), len(rows) - 1), column
        case "C":
            return row, min(column + (number or 1), _WIDEST + 1)
        case "D":
            return row, max(column - (number or 1), 0)
        case "G":
            return row, min(max(number - 1, 0), _WIDEST + 1)
        case _:
            _erased(rows, row, column, found[2], number)
            return row, column


def _controlled(rows: list[str], row: int, column: int, control: str) -> tuple[int, int]:
    if control == "\r":
        return row, 0
    if control == "\x08":
        return row, max(column - 1, 0)
    if row + 1 == len(rows):
        rows.append("")
    return row + 1, 0


def _erased(rows: list[str], row: int, column: int, what: str, number: int) -> None:
    line = rows[row]
    if number == 0:
        rows[row] = line[:column]
    elif number == 1:
        rows[row] = line[column:].rjust(len(line))
    else:
        rows[row] = ""
    if what == "J" and number != 1:
        del rows[row + 1 :]
    if what == "J" and number:
        rows[:row] = [""] * row


KIND = Kind(
    "terminal",
    lossless=True,
    why="Colours and what was drawn over are what nobody saw who looked at the terminal when it was done.",
    edit=_edit,
    undo=kept,
)
