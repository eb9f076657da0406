"""Whether what a cache was given makes sense, and what to write where it does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from operator import index
from typing import Any, cast

from tokeneff.budgets import _checks
from tokeneff.budgets._durations import SECOND, microseconds

flag, one_of = _checks.flag, _checks.one_of
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kmgt]?)(i?)b?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_LEAST_SIZE = 1_000
_MOST_SAMPLES = 1_000
_LONGEST_WAIT = 86_400.0
_NEEDED = ("get", "put", "drop", "lead", "led")


def store(value: object) -> object:
    """The URL of a store, an opened one, or none."""
    if value is None:
        return None
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("store='' names no store; write memory://, sqlite:///cache.db or redis://host:6379/0")
        return value
    if isinstance(value, type) or not all(callable(getattr(value, name, None)) for name in _NEEDED):
        what = f"the class {value.__name__}" if isinstance(value, type) else f"a value of type {type(value).__name__}"
        raise TypeError(f"store= takes a URL, as 'sqlite:///cache.db', or an opened store of replies, not {what}")
    return value


def by(value: object) -> tuple[str, ...]:
    """Names of tags."""
    return _checks.by(value, "total")


def when(value: object, n_samples: int) -> object:
    """Which calls are kept."""
    if value is None:
        return "always" if n_samples > 1 else "deterministic"
    if isinstance(value, str):
        return one_of(value, "when", ("deterministic", "always"))
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"when= takes 'deterministic', 'always' or a function of a call, not {value!r}")
    return value


def samples(value: object) -> int:
    """How many replies are kept of each call."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"n_samples= takes a whole number, not {value!r} of type {type(value).__name__}")
    number = index(cast("Any", value))
    if not 1 <= number <= _MOST_SAMPLES:
        raise ValueError(f"n_samples={value!r}: write a whole number from 1 to {_MOST_SAMPLES:,}")
    return number


def size(value: object) -> int:
    """Bytes.

    >>> size("256MB"), size("1GiB"), size(5_000)
    (256000000, 1073741824, 5000)
    """
    hint = "write max_size='256MB', '1GiB', or a number of bytes"
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise TypeError(f"max_size= takes a size, not {value!r} of type {type(value).__name__}; {hint}")
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"max_size={value!r} is no size; {hint}")
        number = round(float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].lower()])
    else:
        number = value
    if number < _LEAST_SIZE:
        raise ValueError(f"max_size={value!r} is less than {_LEAST_SIZE:,} bytes, which hold no reply; {hint}")
    return number


def names(value: object, what: str, example: str) -> tuple[str, ...]:
    """Some names."""
    if not isinstance(value, (str, Iterable)):
        raise TypeError(f"{what}= takes names, as {what}=({example!r},), not {type(value).__name__}")
    found = (value,) if isinstance(value, str) else tuple(cast("Iterable[object]", value))
    for one in found:
        if not isinstance(one, str) or not one.strip():
            raise TypeError(f"{what}= takes names, as {what}=({example!r},); {one!r} is none")
    return tuple(dict.fromkeys(cast("tuple[str, ...]", found)))


def wait(value: object) -> float:
    """Seconds that a call waits at most."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    found = microseconds(value, "wait", "30s") / SECOND
    if found > _LONGEST_WAIT:
        raise ValueError(f"wait={value!r} is longer than a day; write wait='30s' or the like")
    return found


def account(value: object) -> str | None:
    """Whose replies they are."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"account= takes a str, not {type(value).__name__}")
    if not value.strip():
        raise ValueError("account='' says nothing; write whose replies these are, as account='production'")
    return value


def keys(value: object) -> tuple[str, ...]:
    """What replies are encrypted with; nothing of it is told, not in an error either."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = (value,)
    found = tuple(cast("Iterable[object]", value)) if isinstance(value, Iterable) else ()
    if not found or not all(isinstance(one, str) and one for one in found):
        raise TypeError("key= takes 32 bytes as base64, or several such keys, the newest first")
    from tokeneff.cache._codec import Codec

    Codec(cast("tuple[str, ...]", found))  # says what is wrong with one
    return cast("tuple[str, ...]", found)


def semantic(value: object) -> object:
    """What finds like questions."""
    if value is None:
        return None
    from tokeneff.cache.semantic import Semantic

    if not isinstance(value, Semantic):
        raise TypeError(f"semantic= takes a tokeneff.Semantic(encoder, max_false_hits=0.01), not {value!r}")
    return value
