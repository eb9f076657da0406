"""Calendar windows: which hour, day, week or month of a time zone an instant lies in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

Calendar: TypeAlias = Literal["hour", "day", "week", "month"]
CALENDARS: tuple[Calendar, ...] = ("hour", "day", "week", "month")

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


class Window(NamedTuple):
    """One of the windows that follow each other without gap or overlap: ``start <= instant < end``."""

    start: int
    """Microseconds since 1970."""
    end: int
    label: str
    """``2026-11-22T14+01:00``, ``2026-11-22``, ``2026-W47`` (ISO 8601, weeks begin on Monday) or ``2026-11``."""
    name: str
    """What no other window is called: ``day 2026-11-21T23:00Z``, when it begins in UTC."""


_latest: dict[tuple[Calendar, str], Window] = {}


def window(per: Calendar, tz: str, now: int) -> Window:
    """The window that ``now`` (microseconds since 1970) lies in; that found last is remembered.

    A day begins at the first instant at which the clocks of the zone show its date (and so does a week, a month): an
    hour or so that the clocks repeat around midnight stays in the day that has begun, a midnight that they skip begins
    at the skip, and a date that they skip has no window. An hour is what the clocks show as one hour without being
    set: one that comes twice is two windows, told apart by their offset from UTC, and one that is cut short is short.
    """
    found = _latest.get((per, tz))
    if found is None or not found.start <= now < found.end:
        second = now // _SECOND
        found = _hour(zone(tz), second) if per == "hour" else _dates(per, zone(tz), second)
        _latest[per, tz] = found
    return found


@lru_cache(maxsize=64)
def zone(tz: str) -> tzinfo:
    """The time zone of a name; UTC needs no data."""
    return UTC if tz == "UTC" else ZoneInfo(tz)


def _local(zone: tzinfo, second: int) -> datetime:
    return (_EPOCH + timedelta(seconds=second)).astimezone(zone)


def _offset(zone: tzinfo, second: int) -> int:
    offset = _local(zone, second).utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)


def _dates(per: Calendar, zone: tzinfo, second: int) -> Window:
    day = _first(per, _local(zone, second).date())
    start = _begins(zone, day)
    while True:
        following = _next(per, day)
        end = _begins(zone, following)
        if second < end:
            return _made(per, start, end, _label(per, day))
        day, start = following, end


def _first(per: Calendar, day: date) -> date:
    if per == "week":
        return day - day.weekday() * _DAY
    return day.replace(day=1) if per == "month" else day


def _next(per: Calendar, day: date) -> date:
    if per == "month":
        return date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return day + (7 if per == "week" else 1) * _DAY


def _label(per: Calendar, day: date) -> str:
    if per == "week":
        year, week, _ = day.isocalendar()
        return f"{year:04d}-W{week:02d}"
    return f"{day:%Y-%m}" if per == "month" else day.isoformat()


def _begins(zone: tzinfo, day: date) -> int:
    """The first second at which the zone's clocks show midnight of ``day``, or something later."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    # Of two such seconds fold=0 is the earlier. Where the clocks skip midnight, the skip lies between both folds.
    late, early = ((midnight.replace(fold=fold) - _EPOCH) // timedelta(seconds=1) for fold in (0, 1))
    naive = midnight.replace(tzinfo=None)
    if _local(zone, late).replace(tzinfo=None) == naive:
        return late
    return _earliest(early, late, lambda second: _local(zone, second).replace(tzinfo=None) >= naive)


def _earliest(before: int, after: int, holds: Callable[[int], bool]) -> int:
    """The second from which ``holds`` does, given that it does not ``before`` and does ``after``."""
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if holds(middle) else (middle, after)
    return after


def _hour(zone: tzinfo, second: int) -> Window:
    offset = _offset(zone, second)
    start = (second + offset) // 3600 * 3600 - offset
    end = start + 3600
    if _offset(zone, start) != offset:
        start = _earliest(start, second, lambda one: _offset(zone, one) == offset)
    if _offset(zone, end - 1) != offset:
        end = _earliest(second, end - 1, lambda one: _offset(zone, one) != offset)
    local = _local(zone, second)
    return _made("hour", start, end, f"{local:%Y-%m-%dT%H}{local.isoformat()[19:]}")


def _made(per: Calendar, start: int, end: int, label: str) -> Window:
    begins = _local(UTC, start).replace(tzinfo=None).isoformat()
    return Window(start * _SECOND, end * _SECOND, label, f"{per} {begins.removesuffix(':00')}Z")
