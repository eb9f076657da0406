"""JSON without the blanks between its parts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind

_STRING = r'"(?:[^"\\]|\\.)*"'
_OUTSIDE = re.compile(rf"({_STRING})|[ \t\r\n]+", re.DOTALL)
_COMMAS = re.compile(rf"({_STRING})|([,:])", re.DOTALL)
_OPENS = re.compile(r"^[ \t]*[{\[](?=\s*$|\{?\")", re.MULTILINE)
_DECODER = json.JSONDecoder()
_LEAST = 6
"""Characters to be saved."""
_MOST_FAILED = 20
"""Times that something in a text begins like JSON and is none: then it is taken for something else."""
_CHARACTERS = 3
"""Of blanks that are one token, at most, on the average of all that were seen."""


def _edit(text: str, context: Context) -> Edit | None:
    begins = text.lstrip()[:1]
    if not begins or context.verbatim:
        return None
    edit = _whole(text) if begins in "{[" else None
    return _parts(text) if edit is None and ("{" in text or "[" in text) else edit


def _whole(text: str) -> Edit | None:
    core = text.strip(" \t\r\n")
    if not _sound(core):
        return None
    short = minified(core)
    saved = len(text) - len(short)
    if saved < _LEAST:
        return None
    at = text.index(core)
    around = (text[:at], text[at + len(core) :])
    style = _style(core, short)
    return Edit(short, () if style is None else (*style, *around), sure=saved // _CHARACTERS)


def minified(text: str) -> str:
    """JSON without blanks outside of its strings; all else to the letter.

    >>> minified('{"a": [1.0, 1e0, "b c"], "a": "\\\\u00e9"}')
    '{"a":[1.0,1e0,"b c"],"a":"\\\\u00e9"}'
    """
    if "\\" in text:
        return _OUTSIDE.sub(lambda found: found[1] or "", text)
    parts = text.split('"')
    parts[::2] = ["".join(part.split()) for part in parts[::2]]
    return '"'.join(parts)


def spaced(text: str) -> str:
    """Minified JSON with a blank behind each comma and colon, as many programs write it."""
    if "\\" in text:
        return _COMMAS.sub(lambda found: found[1] or f"{found[2]} ", text)
    parts = text.split('"')
    parts[::2] = [part.replace(",", ", ").replace(":", ": ") for part in parts[::2]]
    return '"'.join(parts)


def _sound(text: str) -> bool:
    """Whether it is JSON, and no other blanks than JSON's are outside of strings."""
    try:
        json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True


def _style(text: str, short: str) -> tuple[Any, ...] | None:
    """How the original is written; ``None``: in a way of its own."""
    if "\n" not in text:
        return ("spaced",) if spaced(short) == text else None
    try:
        value = json.loads(short)
        indent = len(found[0]) if (found := re.search(r"(?<=\n) +", text)) else 0
        for escaped in (False, True):
            if json.dumps(value, indent=indent, ensure_ascii=escaped) == text:
                return ("pretty", indent, escaped)
    except (ValueError, RecursionError):
        pass
    return None


def _parts(text: str) -> Edit | None:
    """JSON that is a part of a text: whole lines of it, or from a line's beginning to another's end."""
    done: list[str] = []
    at = failed = 0
    saved = 0
    for found in _OPENS.finditer(text):
        if found.start() < at:
            continue
        if failed > _MOST_FAILED:
            break
        begins = found.end() - 1
        try:
            value, ends = _DECODER.raw_decode(text, begins)
        except (ValueError, RecursionError):
            failed += 1
            continue
        if not value or text[ends : ends + 1] not in ("", "\n", "\r"):
            continue
        short = minified(text[begins:ends])
        if ends - begins - len(short) >= 4:
            done += [text[at:begins], short]
            saved += ends - begins - len(short)
            at = ends
    if saved < _LEAST:
        return None
    return Edit("".join((*done, text[at:])), sure=saved // _CHARACTERS)


def _undo(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    *style, before, behind = back
    if style[0] == "spaced":
        core = spaced(text)
    else:
        core = json.dumps(json.loads(text), indent=style[1], ensure_ascii=style[2])
    return f"{before}{core}{behind}"


KIND = Kind(
    "json",
    lossless=True,
    why="Blanks between the parts of JSON mean nothing; keys, their order, numbers and strings stay to the letter, and "
    "files that are shown to be edited stay as they are.",
    edit=_edit,
    undo=_undo,
)
