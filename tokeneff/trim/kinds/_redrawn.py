"""Where a carriage return or a backspace evidently draws over what was there, and does not just part or hold data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_HIDDEN = {"\r": "\ue00d", "\x08": "\ue008"}
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;:?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|\(B|[=>])")
_RETURNS = re.compile(r"\r+")
_WIPED_BEFORE, _WIPED_AFTER = re.compile(r"\x1b\[[12]K\Z"), re.compile(r"\x1b\[[02]?[KJ]")
"""The line is erased beside the carriage return. (What ``grep --color`` writes at a match has a colour in between.)"""
_PERCENT = re.compile(r"(\d+(?:\.\d+)?) ?%")
_TIME = r"(?:\d+|-+):[\d-]{2}(?::[\d-]{2})?"
_MARK = re.compile(
    rf"\d ?(?:it/s|s/it)\b|\?it/s|\beta\b:? *[\d?<-]|-:--|{_TIME} +{_TIME} +{_TIME}"
    r"|\d ?[kKMGT]?i?B\b.*\d ?[kKMGT]?i?B/s|\[[#=>*.\- █▏▎▍▌▋▊▉░▒▓━╸╺■□]{3,}\]|[⠁-⣿]",
    re.IGNORECASE,
)
"""Rates of a count, times that are left, amounts with a rate, bars in brackets, spinners."""
_SPINNER = re.compile(r"(?:\A|(?<=\s))[|/\\-](?=\s|\Z)")
_WIDEST = 500
"""Characters of a line of progress."""
_RECORD = re.compile(r"[\t;\"]|\S,\S")
"""Fields are parted: a record, whatever else is in it."""
_VARIES = re.compile(
    r"\d+(?:\.\d+)? ?(?:[kKMGT]?i?B\b|[kKMGT]\b|ms\b|[smhd]\b)?|it/s|s/it|[#=>*.\-:?|/\\_\s█▏▎▍▌▋▊▉░▒▓━╸╺■□⠀-⣿]"
)
_STRUCK = re.compile(
    r"(.)\x08(?=\1)|_\x08(?=[^\x08])|\+\x08(?=o)|\x08+ +\x08+|[|/\\-]\x08(?=[|/\\ -]|\Z)|\d ?%\x08+(?=[ \d]|\Z)"
)
"""Of manual pages bold and underlined characters and bullets, characters rubbed out, spinners, percentages."""


def hidden(text: str) -> str | None:
    """The text with other characters for those returns and backspaces that may be data, by line; ``None`` where the
    text has these characters itself."""
    if any(one in text for one in _HIDDEN.values()):
        return None
    return "\n".join(map(_line, text.split("\n")))


def shown(text: str) -> str:
    """The text with its own characters again."""
    for own, other in _HIDDEN.items():
        text = text.replace(other, own)
    return text


def _line(line: str) -> str:
    body = line.rstrip("\r")
    if "\r" in body and not _redrawn(body):
        line = line.replace("\r", _HIDDEN["\r"])
    if "\x08" in line and "\x08" in _STRUCK.sub("", line):
        line = line.replace("\x08", _HIDDEN["\x08"])
    return line


def _redrawn(line: str) -> bool:
    """Whether all that is drawn over was erased, or is progress."""
    over = [
        piece
        for before, after in pairwise(_RETURNS.split(line))
        if (piece := _ESCAPE.sub("", before).strip())
        and not (_WIPED_BEFORE.search(before) or _WIPED_AFTER.match(after))
    ]
    return not over or _progress(over)


def _progress(pieces: Sequence[str]) -> bool:
    """Whether the pieces are alike but for numbers, units and bars, and each says how far something is.

    >>> _progress(["get 5%", "get 10%"]), _progress(["loss 10%", "loss 5%"]), _progress(["row 1", "row 2"])
    (True, False, False)
    """
    if (
        max(map(len, pieces)) > _WIDEST
        or any(map(_RECORD.search, pieces))
        or len({_VARIES.sub("", piece) for piece in pieces}) > 1
    ):
        return False
    far = [float(found[1]) for piece in pieces if (found := _PERCENT.search(piece))]
    if len(far) == len(pieces):
        return far[-1] <= 100 and all(one <= other for one, other in pairwise(far))
    spun = [found[0] for piece in pieces if (found := _SPINNER.search(piece))]
    return all(map(_MARK.search, pieces)) or (len(spun) == len(pieces) and len(set(spun)) > 1)
