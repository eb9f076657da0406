"""Calls by what a user asks for: a field of the record, or any tag."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tokeneff.errors import ReportError
from tokeneff.report._cubes import CALLS, DAY, SESSIONS
from tokeneff.report._reading import Kind, Reading
from tokeneff.report._sums import added, grouped
from tokeneff.report._values import Row, Sums, Table

OTHER = "(other)"
_MOST_ROWS = 1_000
"""Rows of a table; the rest of its calls are one row more."""
_USUAL_TAGS = ("feature", "user")
_TAG = "tag:"


def checked(reading: Reading, by: Iterable[str]) -> tuple[str, ...]:
    """The names, each once.

    Raises:
        ReportError: calls cannot be told apart by one of them; the text lists what they can.
    """
    names = tuple(dict.fromkeys(by))
    fields = ("day", "session", *Kind._fields)
    tags = tuple(dict.fromkeys((*_USUAL_TAGS, *reading.tag_names)))
    for name in names:
        if name not in fields and name.removeprefix(_TAG) not in tags and reading.any_calls:
            raise ReportError(
                f"calls cannot be listed by {name!r}: it is no field ({', '.join(fields)}) "
                f"and no tag of these calls ({', '.join(tags)})"
            )
    return names


def table(reading: Reading, by: str) -> Table:
    """The calls by one thing, the most expensive first; days in order."""
    if by == "day":
        rows = [Row(_day(day), sums) for day, sums in sorted(added(grouped(reading, CALLS, "day")).items())]
        return Table(by, tuple(rows))
    if by == "session":
        return Table(by, _sessions(reading))
    if by in Kind._fields:
        found = added((value, sums) for value, sums in _by_kind(reading, _field(by)))
    else:
        values = reading.tag_values(by.removeprefix(_TAG))
        found = added((values.get(tagset, ""), sums) for tagset, sums in grouped(reading, CALLS, "tagset_id"))
    return Table(by, _ordered(found.items()))


def _by_kind(reading: Reading, value: Callable[[Kind], str]) -> Iterator[tuple[str, Sums]]:
    for kind_id, sums in grouped(reading, CALLS, "kind_id"):
        yield value(reading.kinds[kind_id]), sums


def _field(name: str) -> Callable[[Kind], str]:
    def value(kind: Kind) -> str:
        found = kind.name if name == "model" else getattr(kind, name)
        return ("yes" if found else "no") if name == "stream" else "" if found is None else str(found)

    return value


def _sessions(reading: Reading) -> tuple[Row, ...]:
    found = added(grouped(reading, SESSIONS, "session_id"))
    ordered = sorted(found.items(), key=lambda item: (-item[1].cost, -item[1].calls, item[0]))
    names = reading.texts([session for session, _ in ordered[:_MOST_ROWS]])
    return _ordered(
        (names.get(session, "") if place < _MOST_ROWS else OTHER, sums) for place, (session, sums) in enumerate(ordered)
    )


def _ordered(groups: Iterable[tuple[str, Sums]]) -> tuple[Row, ...]:
    rows = sorted((Row(value, sums) for value, sums in added(groups).items()), key=_rank)
    return tuple(_capped(rows))


def _capped(rows: Sequence[Row]) -> Iterator[Row]:
    kept = [row for row in rows if row.value != OTHER][:_MOST_ROWS]
    yield from kept
    known = {row.value for row in kept}
    rest = [row.sums for row in rows if row.value not in known]
    if rest:
        total = rest[0]
        for sums in rest[1:]:
            total = total + sums
        yield Row(OTHER, total)


def _rank(row: Row) -> tuple[int, int, str]:
    return -row.sums.cost, -row.sums.calls, row.value


def _day(day: int) -> str:
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=day * DAY):%Y-%m-%d}"
    except OverflowError:
        return f"day {day}"
