"""Calendar windows: they follow each other without gap or overlap, whatever the clocks of a zone do."""

from __future__ import annotations

import io
import struct
import zoneinfo
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff.budgets._windows import CALENDARS, Calendar, Window, _dates, _hour, window  # pyright: ignore[reportPrivateUsage]

SECOND = 1_000_000
DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = 0, 130 * 365 * DAY  # to 2099
ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "posixrules", "Factory"})
ODD = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/Asuncion",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Scoresbysund",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Pacific/Kwajalein",
    "UTC",
]
zones = st.sampled_from(ODD) | st.sampled_from(ZONES)


def local(zone: tzinfo, second: int) -> datetime:
    """What the clocks of a zone show, as zoneinfo has it."""
    return (EPOCH + timedelta(seconds=second)).astimezone(zone)


def shown(zone: tzinfo, second: int) -> datetime:
    return local(zone, second).replace(tzinfo=None)


@lru_cache(maxsize=4096)
def settings_of_the_clocks(name: str, year: int) -> tuple[int, ...]:
    """The seconds of a year from which the clocks of a zone have another offset."""
    zone = zoneinfo.ZoneInfo(name)
    found: list[int] = []
    begin = (date(year, 1, 1) - date(1970, 1, 1)).days * DAY
    for low in range(begin, begin + 366 * DAY, DAY):
        high = low + DAY
        if local(zone, low).utcoffset() == local(zone, high).utcoffset():
            continue
        before = local(zone, low).utcoffset()
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if local(zone, middle).utcoffset() == before else (low, middle)
        found.append(high)
    return tuple(found)


@st.composite
def places(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and an instant (microseconds), often one about which its clocks are set."""
    name = draw(zones)
    found = settings_of_the_clocks(name, draw(st.integers(1970, 2099)))
    if found and draw(st.booleans()):
        near = st.integers(-2 * SECOND, 2 * SECOND) | st.integers(-3 * 3600 * SECOND, 3 * 3600 * SECOND)
        return name, draw(st.sampled_from(found)) * SECOND + draw(near | st.integers(-40 * DAY * SECOND, 0))
    return name, draw(st.integers(FIRST * SECOND, LAST * SECOND))


@settings(deadline=None, max_examples=150)
@given(places(), st.sampled_from(CALENDARS))
def test_each_instant_is_in_one_window_and_they_follow_each_other(place: tuple[str, int], per: Calendar) -> None:
    tz, now = place
    found = window(per, tz, now)

    assert found.start <= now < found.end
    assert [window(per, tz, at) for at in (found.start, found.end - 1, now)] == [found] * 3
    before, after = window(per, tz, found.start - 1), window(per, tz, found.end)
    assert (before.end, after.start) == (found.start, found.end)
    assert len({one.label for one in (before, found, after)}) == 3
    assert len({one.name for one in (before, found, after)}) == 3


def midnight_of(per: Calendar, label: str) -> datetime:
    if per == "week":
        year, _, week = label.partition("-W")
        return datetime.combine(date.fromisocalendar(int(year), int(week), 1), datetime.min.time())
    return datetime.fromisoformat(f"{label}-01" if per == "month" else label)


@settings(deadline=None, max_examples=150)
@given(places(), st.sampled_from([per for per in CALENDARS if per != "hour"]))
def test_a_day_begins_when_the_clocks_first_show_it(place: tuple[str, int], per: Calendar) -> None:
    tz, now = place
    zone, found = zoneinfo.ZoneInfo(tz), window(per, tz, now)
    start, end, midnight = found.start // SECOND, found.end // SECOND, midnight_of(per, found.label)

    # Offsets are at most 26 hours apart, so the clocks show nothing of this date before the hours looked at here.
    probes = [*range(start - 26 * 3600, start, 900), *range(max(start - 90, 0), start)]
    assert max(shown(zone, at) for at in probes) < midnight <= shown(zone, start)
    reached = max(shown(zone, at) for at in [*range(max(start, end - 26 * 3600), end, 900), end - 1])
    assert reached < {"day": midnight + timedelta(1), "week": midnight + timedelta(7)}.get(
        per, (midnight + timedelta(31)).replace(day=1)
    )


@settings(deadline=None, max_examples=150)
@given(places())
def test_an_hour_is_what_the_clocks_show_as_one(place: tuple[str, int]) -> None:
    tz, now = place
    zone, found = zoneinfo.ZoneInfo(tz), window("hour", tz, now)
    start, end = found.start // SECOND, found.end // SECOND

    def hour(second: int) -> tuple[datetime, timedelta | None]:
        return shown(zone, second).replace(minute=0, second=0), local(zone, second).utcoffset()

    labelled = datetime.fromisoformat(found.label[:13]), local(zone, start).utcoffset()
    assert {hour(at) for at in [*range(start, end, 60), end - 1]} == {labelled}
    assert labelled not in (hour(start - 1), hour(end))
    assert datetime.fromisoformat(f"{found.label[:13]}:00{found.label[13:]}").utcoffset() == labelled[1]


def clocks(rule: str) -> zoneinfo.ZoneInfo:
    """A zone made up, by a rule as POSIX writes it."""
    header = b"TZif2" + bytes(15) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    block = header + struct.pack(">lbb", 0, 0, 0) + b"STD\0"
    return zoneinfo.ZoneInfo.from_file(io.BytesIO(block * 2 + f"\n{rule}\n".encode()))


def hours(minutes: int) -> str:
    return f"{'-' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"


@settings(deadline=None, max_examples=150)
@given(
    usual=st.integers(-14 * 60, 12 * 60),
    shift=st.sampled_from([30, 60, 120]) | st.integers(1, 7 * 60),
    forth=st.sampled_from([0, 1, 24 * 60 - 15, -15]) | st.integers(-6 * 60, 30 * 60),
    back=st.sampled_from([0, 1, 15, 24 * 60]) | st.integers(-6 * 60, 30 * 60),
    which=st.sampled_from([3, 10]),
    away=st.integers(-3 * DAY * SECOND, 3 * DAY * SECOND) | st.integers(-9 * 3600 * SECOND, 9 * 3600 * SECOND),
    per=st.sampled_from(CALENDARS),
)
def test_clocks_may_be_set_at_any_time_by_any_amount(
    usual: int, shift: int, forth: int, back: int, which: int, away: int, per: Calendar
) -> None:
    zone = clocks(f"AAA{hours(usual)}BBB{hours(usual - shift)},M3.3.0/{hours(forth)},M10.3.0/{hours(back)}")
    sunday = datetime(2026, which, 15 if which == 3 else 18)
    now = (sunday - datetime(1970, 1, 1)) // timedelta(microseconds=1) + usual * 60 * SECOND + away

    def at(instant: int) -> Window:
        second = instant // SECOND
        return _hour(zone, second) if per == "hour" else _dates(per, zone, second)

    found = at(now)
    start, end = found.start // SECOND, found.end // SECOND
    assert found.start <= now < found.end
    assert at(found.start) == at(found.end - 1) == found
    assert (at(found.start - 1).end, at(found.end).start) == (found.start, found.end)
    if per == "hour":
        assert len({local(zone, second).utcoffset() for second in range(start, end, 60)}) == 1
        assert end - start <= 3600
        return
    midnight = midnight_of(per, found.label)
    assert shown(zone, start) >= midnight > max(shown(zone, second) for second in range(start - 9 * 3600, start, 60))


def instants(tz: str, *texts: str) -> list[int]:
    zone = zoneinfo.ZoneInfo(tz)
    parsed = [datetime.fromisoformat(text) for text in texts]
    aware = [one if one.tzinfo is not None else one.replace(tzinfo=zone) for one in parsed]
    return [(one - EPOCH) // timedelta(microseconds=1) for one in aware]


def walked(per: Calendar, tz: str, begin: str, count: int) -> list[tuple[str, float]]:
    """Labels of some windows in a row, and how many hours each has."""
    (now,) = instants(tz, begin)
    found: list[Window] = []
    for _ in range(count):
        found.append(window(per, tz, now))
        now = found[-1].end
    return [(one.label, (one.end - one.start) / 3600 / SECOND) for one in found]


@pytest.mark.parametrize(
    ("per", "tz", "begin", "windows"),
    [
        ("day", "Europe/Berlin", "2026-03-28T12:00", [("2026-03-28", 24), ("2026-03-29", 23), ("2026-03-30", 24)]),
        ("day", "Europe/Berlin", "2026-10-24T12:00", [("2026-10-24", 24), ("2026-10-25", 25), ("2026-10-26", 24)]),
        (
            "hour",
            "Europe/Berlin",
            "2026-10-25T01:30+02:00",
            [
                ("2026-10-25T01+02:00", 1),
                ("2026-10-25T02+02:00", 1),
                ("2026-10-25T02+01:00", 1),
                ("2026-10-25T03+01:00", 1),
            ],
        ),
        (
            "hour",
            "Europe/Berlin",
            "2026-03-29T01:30",
            [("2026-03-29T01+01:00", 1), ("2026-03-29T03+02:00", 1), ("2026-03-29T04+02:00", 1)],
        ),
        # The clocks skip midnight, and repeat the hour before it.
        ("day", "America/Sao_Paulo", "2018-11-03T12:00", [("2018-11-03", 24), ("2018-11-04", 23), ("2018-11-05", 24)]),
        ("day", "America/Sao_Paulo", "2018-02-16T12:00", [("2018-02-16", 24), ("2018-02-17", 25), ("2018-02-18", 24)]),
        ("day", "Asia/Beirut", "2022-03-26T12:00", [("2022-03-26", 24), ("2022-03-27", 23), ("2022-03-28", 24)]),
        # A minute after midnight the clocks go back into the day before: the day has begun all the same.
        ("day", "America/St_Johns", "2006-10-28T12:00", [("2006-10-28", 24), ("2006-10-29", 25), ("2006-10-30", 24)]),
        (
            "hour",
            "America/St_Johns",
            "2006-10-28T23:30-02:30",
            [
                ("2006-10-28T23-02:30", 1),
                ("2006-10-29T00-02:30", 1 / 60),
                ("2006-10-28T23-03:30", 59 / 60),
                ("2006-10-29T00-03:30", 1),
            ],
        ),
        # Half an hour.
        ("day", "Australia/Lord_Howe", "2026-04-05T12:00", [("2026-04-05", 24.5), ("2026-04-06", 24)]),
        (
            "hour",
            "Australia/Lord_Howe",
            "2026-04-05T01:00+11:00",
            [("2026-04-05T01+11:00", 1), ("2026-04-05T01+10:30", 0.5), ("2026-04-05T02+10:30", 1)],
        ),
        (
            "hour",
            "Australia/Lord_Howe",
            "2026-10-04T01:00",
            [("2026-10-04T01+10:30", 1), ("2026-10-04T02+11:00", 0.5), ("2026-10-04T03+11:00", 1)],
        ),
        # A day that never was.
        ("day", "Pacific/Apia", "2011-12-28T12:00", [("2011-12-28", 24), ("2011-12-29", 24), ("2011-12-31", 24)]),
        ("week", "Pacific/Apia", "2011-12-27T12:00", [("2011-W52", 144), ("2012-W01", 168)]),
        ("day", "Pacific/Kwajalein", "1993-08-20T12:00", [("1993-08-20", 24), ("1993-08-22", 24)]),
        ("day", "Africa/Casablanca", "2026-02-14T12:00", [("2026-02-14", 24), ("2026-02-15", 25), ("2026-02-16", 24)]),
        # Offsets of seconds.
        ("day", "Africa/Monrovia", "1972-01-06T12:00", [("1972-01-06", 24), ("1972-01-07", 24 - 2670 / 3600)]),
        # Back by seven hours.
        (
            "day",
            "Antarctica/Vostok",
            "1994-01-30T12:00",
            [("1994-01-30", 24), ("1994-01-31", 31), ("1994-02-01", 24)],
        ),
        ("hour", "Asia/Kathmandu", "2026-01-01T00:30", [("2026-01-01T00+05:45", 1), ("2026-01-01T01+05:45", 1)]),
        # Years, leap years, weeks of two years.
        ("month", "UTC", "2028-01-31T23:59", [("2028-01", 744), ("2028-02", 696), ("2028-03", 744)]),
        ("month", "Europe/Berlin", "2026-12-31T23:59", [("2026-12", 744), ("2027-01", 744)]),
        ("month", "Europe/Berlin", "2026-03-01T00:00", [("2026-03", 743), ("2026-04", 720)]),
        ("week", "UTC", "2026-12-31T12:00", [("2026-W53", 168), ("2027-W01", 168)]),
        ("week", "UTC", "2024-12-29T23:59", [("2024-W52", 168), ("2025-W01", 168)]),
        ("week", "Europe/Berlin", "2026-10-25T12:00", [("2026-W43", 169), ("2026-W44", 168)]),
    ],
)
def test_windows_that_are_known(per: Calendar, tz: str, begin: str, windows: list[tuple[str, float]]) -> None:
    assert walked(per, tz, begin, len(windows)) == [(label, pytest.approx(hours)) for label, hours in windows]


def test_a_skipped_midnight_begins_at_the_skip() -> None:
    begin, end = instants("America/Sao_Paulo", "2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00")
    assert window("day", "America/Sao_Paulo", begin) == Window(begin, end, "2018-11-04", "day 2018-11-04T03:00Z")
    assert window("day", "America/Sao_Paulo", begin - 1).label == "2018-11-03"


def test_what_the_clocks_repeat_of_the_day_before_stays_in_the_day_that_has_begun() -> None:
    begin, again, end = instants(
        "America/St_Johns", "2006-10-29T00:00-02:30", "2006-10-28T23:30-03:30", "2006-10-30T00:00-03:30"
    )
    found = window("day", "America/St_Johns", again)
    assert found == Window(begin, end, "2006-10-29", "day 2006-10-29T02:30Z")
    assert window("day", "America/St_Johns", begin - 1).label == "2006-10-28"


def test_a_window_is_named_by_its_start_in_utc() -> None:
    (now,) = instants("UTC", "2026-11-22T13:59:59")
    assert [window(per, "Europe/Berlin", now) for per in CALENDARS] == [
        Window(
            *instants("UTC", "2026-11-22T13:00", "2026-11-22T14:00"), "2026-11-22T14+01:00", "hour 2026-11-22T13:00Z"
        ),
        Window(*instants("UTC", "2026-11-21T23:00", "2026-11-22T23:00"), "2026-11-22", "day 2026-11-21T23:00Z"),
        Window(*instants("UTC", "2026-11-15T23:00", "2026-11-22T23:00"), "2026-W47", "week 2026-11-15T23:00Z"),
        Window(*instants("UTC", "2026-10-31T23:00", "2026-11-30T23:00"), "2026-11", "month 2026-10-31T23:00Z"),
    ]
    (early,) = instants("Africa/Monrovia", "1971-05-01T12:00")
    assert window("day", "Africa/Monrovia", early).name == "day 1971-05-01T00:44:30Z"


def test_the_one_found_last_is_remembered_and_another_instant_finds_its_own() -> None:
    first, later = instants("UTC", "2026-11-22T13:00", "2026-11-23T13:00")
    found = window("day", "UTC", first)
    assert window("day", "UTC", first + 1) is found
    assert window("day", "UTC", later).label == "2026-11-23"
    assert window("day", "Asia/Tokyo", later).label == "2026-11-23"
    assert window("day", "UTC", first) == found
    assert window("hour", "UTC", first).label == "2026-11-22T13+00:00"
