"""Spans of time as people type them: `7d`, `12h`, `90s`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from tokeneff.budgets._durations import parsed
from tokeneff.cli._output import UsageError

_MOST_DAYS = 36_500


def duration(text: str, option: str = "a duration") -> timedelta:
    """Return the span of time that `text` says: numbers and w, d, h, m, s, the largest first.

    Args:
        text: as `7d`, `1.5h` or `1h30m`. option: what it was given for, to be named in the error.

    Raises:
        UsageError: it is none.
    """
    found = parsed(text)
    if found is None:
        raise UsageError(f"{option} is not {text!r}: write a number and s, m, h, d or w, as 12h or 7d")
    if found > _MOST_DAYS * 86_400 * 1_000_000:
        raise UsageError(f"{option} of {text} is too long: write a hundred years at most")
    return timedelta(microseconds=found)


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
