"""Spans of time as people write them in code: ``"90s"``, ``"1h30m"``, a timedelta, or seconds."""

from __future__ import annotations

import math
import re
from datetime import timedelta

SECOND = 1_000_000
"""Microseconds."""
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_TEXT = re.compile("".join(rf"(?:(\d{{1,12}}(?:\.\d{{1,6}})?)\s*{unit}\s*)?" for unit in _UNITS), re.ASCII)

Span = str | float | timedelta


def microseconds(value: object, what: str, example: str) -> int:
    """A span of time in microseconds.

    >>> microseconds("1h30m", "wait", "30s")
    5400000000

    Args:
        value: a text of numbers and w, d, h, m, s, the largest first; a timedelta; or seconds.
        what: what it is for, and ``example``: what to write, for errors.

    Raises:
        TypeError, ValueError: it is none, or not above 0.
    """
    hint = f"write {what}={example!r}, a timedelta, or seconds"
    if isinstance(value, bool) or not isinstance(value, (str, int, float, timedelta)):
        raise TypeError(f"{what}= takes a span of time, not {type(value).__name__}; {hint}")
    if isinstance(value, timedelta):
        span = value // timedelta(microseconds=1)
    elif isinstance(value, str):
        span = parsed(value)
    else:
        span = round(value * SECOND) if math.isfinite(value) else -1
    if span is None:
        raise ValueError(f"{what}={value!r} is no span of time; {hint}")
    if span <= 0:
        raise ValueError(f"{what}={value!r} is no span of time above 0; {hint}")
    return span


def parsed(text: str) -> int | None:
    """The microseconds of a text, or ``None`` where it is no span of time."""
    found = _TEXT.fullmatch(text.strip().lower())
    if found is None or not any(found.groups()):
        return None
    parts = zip(found.groups(), _UNITS.values(), strict=True)
    return sum(round(float(number) * seconds * SECOND) for number, seconds in parts if number)


def written(span: int) -> str:
    """A span of microseconds in its shortest text.

    >>> written(600_000_000), written(5_400_000_000), written(1_500_000)
    ('10m', '1h30m', '1.5s')
    """
    found, rest = "", span
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, _UNITS[unit] * SECOND)
        found += f"{count}{unit}" if count else ""
    if rest:
        whole, part = divmod(rest, SECOND)
        found += f"{whole}.{part:06d}".rstrip("0").rstrip(".") + "s"
    return found
