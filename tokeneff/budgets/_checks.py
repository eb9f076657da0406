"""Whether what a budget was given makes sense, and what to write where it does not."""

from __future__ import annotations

import math
import zoneinfo
from collections.abc import Iterable
from difflib import get_close_matches
from operator import index
from typing import Any, cast

from tokeneff.budgets._durations import SECOND, microseconds
from tokeneff.budgets._money import MOST_COUNT
from tokeneff.budgets._windows import CALENDARS, zone

PERS = (*CALENDARS, "session", "total")
_MOST_TAGS = 8
_LONGEST_NAME = 100
_LONGEST_WAIT = 86_400.0


def count(value: object, what: str) -> int | None:
    """A limit of tokens or requests."""
    if value is None:
        return None
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        hint = f"; write {what}={int(value)}" if isinstance(value, float) and math.isfinite(value) else ""
        raise TypeError(f"{what}= takes a whole number, not {value!r} of type {type(value).__name__}{hint}")
    number = index(cast("Any", value))
    if not 0 < number <= MOST_COUNT:
        raise ValueError(f"{what}={value!r} is no limit; write a whole number from 1 to {MOST_COUNT:,}")
    return number


def one_of(value: object, what: str, known: tuple[str, ...]) -> str:
    """One of some words."""
    if isinstance(value, str) and value in known:
        return value
    near = get_close_matches(str(value), known, 1, 0.5) if isinstance(value, str) else []
    hint = f" (is {what}={near[0]!r} meant?)" if near else ""
    raise ValueError(f"{what}={value!r} is not known{hint}; write one of {', '.join(map(repr, known))}")


def per(value: object, rolling: type) -> object:
    """The window of a budget."""
    if isinstance(value, rolling) or (isinstance(value, str) and value in PERS):
        return value
    hint = "is not known"
    if isinstance(value, str):
        near = [one for one in PERS if one[:2] == value.lower()[:2]] or get_close_matches(value.lower(), PERS, 1, 0.5)
        hint += f" (is per={near[0]!r} meant?)" if near else ""
        try:
            microseconds(value, "per", "10m")
            hint = f"is a span of time: write per=tokeneff.rolling({value!r})"
        except ValueError:
            pass
    raise ValueError(f"per={value!r} {hint}; one of {', '.join(map(repr, PERS))} or tokeneff.rolling('10m')")


def by(value: object, window: object) -> tuple[str, ...]:
    """Names of tags."""
    if not isinstance(value, (str, Iterable)):
        raise TypeError(f"by= takes names of tags, as by='user' or by=('team', 'feature'), not {type(value).__name__}")
    names = (value,) if isinstance(value, str) else tuple(cast("Iterable[object]", value))
    for name in names:
        if not isinstance(name, str) or not name.isidentifier():
            hint = (
                f"; write by={tuple(name.replace(' ', '').split(','))!r}"
                if isinstance(name, str) and "," in name
                else ""
            )
            raise ValueError(f"by={value!r}: {name!r} is no name of a tag, as tokeneff.tag(user=…) has them{hint}")
        if names.count(name) > 1:
            raise ValueError(f"by={value!r} names {name!r} twice")
    found = cast("tuple[str, ...]", names)
    if len(found) > _MOST_TAGS:
        raise ValueError(f"by={value!r} names more than {_MOST_TAGS} tags")
    if window == "session" and "session" not in found:
        if found:
            raise ValueError(f"per='session' is kept by session; write by={(*found, 'session')!r}")
        return ("session",)
    return found


def tz(value: object, window: object) -> str:
    """The name of a time zone that is there."""
    name = value.key if isinstance(value, zoneinfo.ZoneInfo) else value
    if not isinstance(name, str):
        raise TypeError(f"tz= takes the name of a time zone, as 'Europe/Berlin', not {value!r}")
    if name != "UTC" and window not in CALENDARS:
        raise ValueError(f"tz={name!r} is for per='hour', 'day', 'week' or 'month'; leave it out with per={window!r}")
    try:
        zone(name)
    except (KeyError, ValueError, OSError) as error:
        known = zoneinfo.available_timezones()
        if not known:
            raise ValueError(f"tz={name!r}: this machine has no data of time zones; pip install tzdata") from error
        near = [one for one in known if one.lower() == name.lower()] or get_close_matches(name, sorted(known), 1, 0.6)
        hint = f" (is tz={near[0]!r} meant?)" if near else ""
        raise ValueError(f"tz={name!r} is no time zone{hint}; write a name as 'Europe/Berlin'") from error
    return name


def to(value: object, then: object) -> str | None:
    """The model of a downgrade."""
    if then != "downgrade":
        if value is not None:
            raise ValueError(f"to={value!r} is for then='downgrade', and this says then={then!r}; leave one out")
        return None
    if not isinstance(value, str) or not value.strip():
        raise ValueError("then='downgrade' needs the model to ask instead; write to='gpt-4.1-mini' or the like")
    return value


def at(value: object) -> tuple[float, ...]:
    """Parts of a limit."""
    parts = (
        tuple(cast("Iterable[object]", value))
        if isinstance(value, Iterable) and not isinstance(value, str)
        else (value,)
    )
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, (int, float)) or not 0 < part <= 1:
            raise ValueError(
                f"at={value!r}: {part!r} is no part of a limit; write numbers above 0 and up to 1, as (0.5, 0.8)"
            )
    return tuple(sorted({float(part) for part in cast("tuple[float, ...]", parts)}))


def callback(value: object) -> object:
    """What is to be told."""
    if value is not None and not callable(value):
        raise TypeError(
            f"tell= takes what can be called with a Threshold, not {type(value).__name__}; write tell=print"
        )
    return value


def wait(value: object, then: object, usual: float) -> float | None:
    """Seconds that a call waits at most."""
    if then != "queue":
        if value is not None:
            raise ValueError(f"wait={value!r} is for then='queue', and this says then={then!r}; leave one out")
        return None
    if value is None:
        return usual
    seconds = microseconds(value, "wait", "30s") / SECOND
    if seconds > _LONGEST_WAIT:
        raise ValueError(f"wait={value!r} is longer than a day; write wait='30s' or the like")
    return seconds


def flag(value: object, what: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise TypeError(f"{what}= takes True or False, not {value!r}")
    return value


def name(value: object) -> str | None:
    """What a budget is called."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"name= takes a str, not {type(value).__name__}")
    if not value.strip() or not value.isprintable() or len(value) > _LONGEST_NAME:
        raise ValueError(f"name={value!r}: write a printable name of 1 to {_LONGEST_NAME} characters, as name='daily'")
    return value
