"""What kinds that leave something out have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence

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


def joined(lines: Sequence[str], keep: Sequence[bool], unit: str = "lines") -> str:
    """The lines to keep, and between them how many are not there."""
    made: list[str] = []
    gone = 0
    for line, kept in zip(lines, keep, strict=True):
        if kept:
            if gone:
                made.append(f"[{gone} {unit} left out]")
            gone = 0
            made.append(line)
        else:
            gone += 1
    if gone:
        made.append(f"[{gone} {unit} left out]")
    return "\n".join(made)


def tokens(text: str, context: Context) -> int:
    """About how many tokens a text is: of a long one, a part is counted."""
    if len(text) <= 8000:
        return context.count(text)
    part = text[:2000] + text[len(text) // 2 : len(text) // 2 + 2000] + text[-2000:]
    return context.count(part) * len(text) // len(part)
