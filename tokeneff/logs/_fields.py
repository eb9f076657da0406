"""Fields of objects that other programs wrote, read without trust."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

Obj = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def obj(value: Any) -> Obj:
    """The value if it is an object, else an empty one."""
    return cast(Obj, value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def micros(value: Any) -> int | None:
    """A moment in microseconds since 1970: from ISO 8601 (UTC where it names no zone), seconds or milliseconds."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
        except (ValueError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e14:
        return None
    return int(value * (1000 if value > 1e11 else 1_000_000))


def last_name(path: str) -> str:
    """The last part of a path of any system."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def tagged(**tags: str) -> tuple[tuple[str, str], ...]:
    """Those tags that have a value, in order of name."""
    return tuple(sorted((name, value) for name, value in tags.items() if value))
