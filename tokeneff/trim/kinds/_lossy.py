"""What kinds that leave something out have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from tokeneff.trim.kinds._kind import Context

TELLING = re.compile(
    r"error|exception|traceback|fail|fatal|panic|warn|denied|refused|not found|undefined|assert|critical|✗|×",
    re.IGNORECASE,
)
"""Of lines that are kept: something is wrong."""
_WORD = re.compile(r"[^\W_]{3,}")


def telling(line: str) -> bool:
    """Whether a line says that something is wrong."""
    return bool(TELLING.search(line))


def words_of(text: str) -> list[str]:
    """Words, in small letters."""
    return [word.lower() for word in _WORD.findall(text)]


def joined(parts: Sequence[str], keep: Sequence[bool], unit: str = "lines", starts: Sequence[bool] = ()) -> str:
    """The parts to keep, and between them how many are not there: so many of the unit, or so many characters where not
    only whole ones are left out. ``starts``: whether a part begins one (each does, if none is said).

    >>> print(joined(["ab", "cd", "ef", "gh"], [True, False, True, True], starts=[True, False, False, True]))
    ab
    [2 characters left out]
    ef
    gh
    """
    begins = [*(starts or [True] * len(parts)), True]
    made: list[str] = []
    at = 0
    for kept, run in groupby(keep):
        end = at + len(list(run))
        text = "".join("\n" * (begins[one] and one > at) + parts[one] for one in range(at, end))
        if kept:
            made.append(text)
        elif begins[at] and begins[end]:
            made.append(f"[{sum(begins[at:end])} {unit} left out]")
        else:
            made.append(f"[{len(text)} characters left out]")
        at = end
    return "\n".join(made)


def tokens(text: str, context: Context) -> int:
    """About how many tokens a text is: of a long one, a part is counted."""
    if len(text) <= 8000:
        return context.count(text)
    part = text[:2000] + text[len(text) // 2 : len(text) // 2 + 2000] + text[-2000:]
    return context.count(part) * len(text) // len(part)
