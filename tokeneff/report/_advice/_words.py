"""Wording that findings share."""

from __future__ import annotations

from collections.abc import Sequence


def many(count: int, noun: str) -> str:
    """`1 call`, `2,000 calls`; nouns ending in y become ies."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("ply") else f"{count:,} {noun}s"


def listed(names: Sequence[str], most: int = 5) -> str:
    """`a, b and 3 more`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"
