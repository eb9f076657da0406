"""What of a reply is not its body, as JSON, and back. What is read may be anything: nothing of it is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Any, cast

from tokeneff.cache._reply import Form, Reply, Worth

_FORMS = ("json", "sse", "bytes")


def facts_of(reply: Reply) -> dict[str, Any]:
    """The facts. Offsets and times are told as what they are more than the one before: short, and alike."""
    return {
        "form": reply.form,
        "headers": reply.headers,
        "cuts": _steps(reply.cuts),
        "times": _steps(reply.times),
        "asked": dict(reply.asked),
        "worth": reply.worth._asdict(),
    }


def reply_of(facts: dict[str, Any], body: bytes) -> Reply | None:
    """The reply of these facts; ``None`` or any error where they are none."""
    form, asked = facts["form"], facts["asked"]
    headers = tuple((name, value) for name, value in facts["headers"])
    cuts, times = _sums(facts["cuts"]), _sums(facts["times"])
    fine = (
        form in _FORMS
        and isinstance(asked, dict)
        and all(isinstance(name, str) and isinstance(value, str) for name, value in headers)
        and list(cuts) == sorted(cuts)
        and (not cuts or (cuts[0] >= 0 and cuts[-1] <= len(body)))
    )
    worth = _worth(facts["worth"])
    if not fine or worth is None:
        return None
    asked = MappingProxyType(cast("dict[str, Any]", asked))
    return Reply(cast(Form, form), headers, body, cuts, times, asked, worth)


def _steps(numbers: Sequence[int]) -> list[int]:
    return [after - before for before, after in zip((0, *numbers), numbers, strict=False)]


def _sums(steps: Iterable[Any]) -> tuple[int, ...]:
    found = tuple(accumulate(steps))
    if not all(type(one) is int for one in found):
        raise TypeError("no whole numbers")
    return found


def _worth(told: Any) -> Worth | None:
    if not isinstance(told, dict):
        return None
    known: dict[str, Any] = {name: told[name] for name in Worth._fields if name in told}
    return Worth(**known) if all(_SOUND[name](value) for name, value in known.items()) else None


def _text(value: object) -> bool:
    return isinstance(value, str)


def _count(value: object) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _amount(value: object) -> bool:
    return value is None or (type(value) in (int, float) and float(cast(float, value)) >= 0.0)


_SOUND: dict[str, Callable[[object], bool]] = {
    "dialect": lambda value: value is None or _text(value),
    "model": _text,
    "input_tokens": _count,
    "output_tokens": _count,
    "cost": _count,
    "seconds": _amount,
    "estimated": lambda value: type(value) is bool,
}
