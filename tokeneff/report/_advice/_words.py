"""Wording that findings share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_COUNT = re.compile(r"(?<!line )(?<![\w.])\d[\d,.]*\b")


def listed(names: Sequence[str], most: int = 5) -> str:
    """`a, b and 3 more`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def merged(details: Iterable[str]) -> dict[str, str]:
    """What each detail of a broken prefix is told as, together with those that differ from it in counts only.

    The counts become their range; numbers of lines stay.

    >>> merged(["read 0 of 512 tokens", "read 128 of 512 tokens", "differs at line 3"])
    {'read 0 of 512 tokens': 'read 0–128 of 512 tokens', 'read 128 of 512 tokens': 'read 0–128 of 512 tokens', \
'differs at line 3': 'differs at line 3'}
    """
    groups: dict[str, list[str]] = {}
    for detail in dict.fromkeys(details):
        groups.setdefault(_COUNT.sub("…", detail), []).append(detail)
    return {detail: _ranges(group) for group in groups.values() for detail in group}


def _ranges(details: list[str]) -> str:
    columns = zip(*(_COUNT.findall(detail) for detail in details), strict=True)
    told = iter([_range(sorted(set(column), key=_value)) for column in columns])
    return _COUNT.sub(lambda _: next(told), details[0])


def _range(counts: list[str]) -> str:
    return counts[0] if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"


def _value(count: str) -> float:
    try:
        return float(count.replace(",", ""))
    except ValueError:
        return 0.0
