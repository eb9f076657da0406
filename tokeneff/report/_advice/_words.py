"""Wording that findings share."""

from __future__ import annotations

import re
from collections.abc import Sequence

_COUNT = re.compile(r"(?<!line )(?<![\w.])\d[\d,.]*\b")


def listed(names: Sequence[str], most: int = 5) -> str:
    """`a, b and 3 more`."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def without_counts(detail: str) -> str:
    """A detail of a broken prefix without the numbers that differ from call to call; those of lines stay.

    >>> without_counts("system prompt differs at line 3: a timestamp"), without_counts("read 0 of 512 tokens")
    ('system prompt differs at line 3: a timestamp', 'read … of … tokens')
    """
    return _COUNT.sub("…", detail)
