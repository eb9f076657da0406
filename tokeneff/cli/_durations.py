"""Spans of time as people type them: `7d`, `12h`, `90s`."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

from tokeneff.cli._output import UsageError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_MOST_DAYS = 36_500


def duration(text: str, option: str = "a duration") -> timedelta:
    """Return the span of time that `text` says: a number and one of s, m, h, d, w.

    Args:
        text: as `7d` or `1.5h`. option: what it was given for, to be named in the error.

    Raises:
        UsageError: it is none.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*([smhdw])", text.strip().lower(), re.ASCII)
    if found is None:
        raise UsageError(f"{option} is not {text!r}: write a number and s, m, h, d or w, as 12h or 7d")
    span = timedelta(**{_UNITS[found[2]]: float(found[1])}) if float(found[1]) < 4e6 else timedelta.max
    if span > timedelta(days=_MOST_DAYS):
        raise UsageError(f"{option} of {text} is too long: write a hundred years at most")
    return span


def since(text: str, option: str = "--since", now: float | None = None) -> int:
    """Return the moment, in microseconds since 1970, that lies a span of time back, or is a date itself.

    Args:
        text: as `7d`, `2026-11-01` or `2026-11-01T12:00` (UTC unless it says otherwise).
        option: as for `duration`. now: seconds since 1970; the present unless told.

    Raises:
        UsageError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):  # or none that a calendar has in UTC
        moment = None
    if moment is not None:
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    try:
        span = duration(text, option)
    except UsageError as error:
        raise UsageError(f"{error}, or a date, as 2026-11-01") from None
    return round(((time.time() if now is None else now) - span.total_seconds()) * 1e6)
