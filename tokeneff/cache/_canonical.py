"""A request's body as bytes: the same bytes for the same request however it was written, others for any other.

What is written is `marshal` data of plain values (version 2 of the format): every value has a tag of its type and,
where its size varies, its length before it, so no two different values are written alike, whatever they hold (NaN,
lone surrogates, integers of any size). Before that, objects whose members have no order to speak of (the body itself,
messages, content blocks, the wrappers of tools) are sorted by name. Everywhere else the order of members is kept: in
JSON schemas and in the inputs of tools it shapes what a model writes, and of a field that is not known here nothing
can be said.
"""

from __future__ import annotations

import base64
import marshal
import os
from collections.abc import Iterator, Mapping, Sequence, Set, ValuesView
from datetime import date
from typing import Any, TypeAlias, cast

from tokeneff.cache._files import contents

Rule: TypeAlias = "dict[str, Rule | None]"
"""Of an object whose members have no order: the rules of those that are such objects too, or lists of such."""

_FLAT: Rule = {}
_BLOCK: Rule = dict.fromkeys(
    ("cache_control", "image_url", "input_audio", "file", "citations", "custom", "function"), _FLAT
)
_BLOCK.update({"content": _BLOCK, "source": {"content": _BLOCK}})
_MESSAGE: Rule = {
    "content": _BLOCK,
    "tool_calls": _BLOCK,
    "function_call": _FLAT,
    "audio": _FLAT,
    "output": _BLOCK,
    "summary": _FLAT,
    "cache_control": _FLAT,
}
_TOOL: Rule = {"function": _FLAT, "custom": {"format": {"grammar": _FLAT}}, "cache_control": _FLAT}
_TOP: Rule = {
    "messages": _MESSAGE,
    "input": _MESSAGE,
    "system": _BLOCK,
    "tools": _TOOL,
    "functions": _FLAT,
    "tool_choice": {"function": _FLAT, "custom": _FLAT, "allowed_tools": {"tools": _TOOL}, "tools": _TOOL},
    "function_call": _FLAT,
    "response_format": {"json_schema": _FLAT},
    "text": {"format": _FLAT},
    "output_format": _FLAT,
    "output_config": {"format": _FLAT},
    "reasoning": _FLAT,
    "thinking": _FLAT,
    "metadata": _FLAT,
    "logit_bias": _FLAT,
    "prediction": {"content": _BLOCK},
    "audio": _FLAT,
    "prompt": _FLAT,
    "cache_control": _FLAT,
}
_NUMBERS = frozenset(
    (
        "temperature",
        "top_p",
        "min_p",
        "top_a",
        "typical_p",
        "frequency_penalty",
        "presence_penalty",
        "repetition_penalty",
        "length_penalty",
        "speed",
    )
)
"""Fields that are real numbers to every API that has them: 0 and 0.0 are the same there."""
_WHOLE = 2.0**53
_MOST_ORDERS, _MOST_NAMES = 4096, 16

_SCALARS = frozenset((str, int, float, bool, type(None)))
_PLAIN = _SCALARS | {dict, list}
_absent: set[type[Any]] = set()
_orders: dict[tuple[str, ...], tuple[str, ...]] = {}
"""Names of members as they came, and sorted: there are few such rows."""


class Unkeyable(Exception):
    """A request that no key can be made of; its text says why, in a few words of low cardinality."""


class _Strange(Exception):
    """Something else than plain JSON."""


def body_of(given: object, extra: object) -> Mapping[str, Any]:
    """The members of a JSON body as it leaves, fields that were not given left out.

    Args:
        given: the body. extra: what the caller has added to it (``extra_body``), which wins.
    """
    if given is None or absent(given):
        given = {}
    if not isinstance(given, Mapping):
        raise Unkeyable("strange body")
    body = cast("Mapping[str, Any]", given)
    if extra:
        if not isinstance(extra, Mapping):
            raise Unkeyable("strange body")
        body = {**body, **cast("Mapping[str, Any]", extra)}
    gone = {kind for kind in {*map(type, body.values())} - _PLAIN if kind in _absent or _is_absence(kind)}
    return {name: value for name, value in body.items() if type(value) not in gone} if gone else body


def canonical(body: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    """The same body, made ready for :func:`written`. Nothing of it is changed or used up.

    Args:
        left_out: names of members that are not to count.

    Raises:
        Unkeyable: it cannot be known what will leave.
    """
    try:
        try:
            return _top(body, left_out)
        except _Strange:
            return _top(_cleaned(body), left_out)
    except RecursionError:
        raise Unkeyable("strange body") from None


def written(value: Any) -> bytes:
    """Plain values as bytes, no two of them alike."""
    try:
        return marshal.dumps(value, 2)
    except (ValueError, RecursionError):
        raise Unkeyable("strange body") from None


def absent(value: object) -> bool:
    """Whether this is the SDK's way to say that a field was not given."""
    kind = cast("type[Any]", type(value))
    if kind in _PLAIN:
        return False
    return kind in _absent or _is_absence(kind)


def _is_absence(kind: type[Any]) -> bool:
    for base in kind.__mro__:
        if base.__name__ in ("Omit", "NotGiven") and base.__module__.partition(".")[0] in ("openai", "anthropic"):
            _absent.add(kind)
            return True
    return False


def _top(body: Mapping[str, Any], left_out: frozenset[str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in _sorted(body):
        if name in left_out:
            continue
        value = body[name]
        if type(value) is float and name in _NUMBERS and value.is_integer() and abs(value) < _WHOLE:
            made[name] = int(value)
        else:
            made[name] = value if type(value) is str else _shaped(value, _TOP.get(name))
    return made


def _shaped(value: Any, rule: Rule | None) -> Any:
    kind = cast("type[Any]", type(value))
    if kind is list and rule is not None:
        if _SCALARS.issuperset(map(type, value)):
            return value  # a million tokens, say
        return [item if type(item) is str else _shaped(item, rule) for item in value]
    if kind is dict and rule is not None:
        return {
            name: item if type(item := value[name]) is str else _shaped(item, rule.get(name)) for name in _sorted(value)
        }
    _check(value)
    return value


def _sorted(members: Mapping[Any, Any]) -> tuple[str, ...]:
    names = tuple(members)
    found = _orders.get(names)
    if found is None:
        if not all(type(name) is str for name in names):
            raise _Strange
        found = tuple(sorted(names))
        if len(names) <= _MOST_NAMES:
            if len(_orders) >= _MOST_ORDERS:
                _orders.clear()
            _orders[names] = found
    return found


def _check(value: Any) -> None:
    """Raise where this is not plain JSON of Python's very own types."""
    kind = cast("type[Any]", type(value))
    if kind is str or kind is int or kind is bool or value is None or kind is float:
        return
    if kind is dict:
        for name, item in value.items():
            if type(name) is not str:
                raise _Strange
            if type(item) is not str:
                _check(item)
    elif kind is list:
        if not _SCALARS.issuperset(map(type, value)):
            for item in value:
                _check(item)
    else:
        raise _Strange


def _cleaned(value: Any) -> Any:
    """Anything that the SDKs send as JSON, as plain JSON: the values that its text would be read as."""
    kind = cast("type[Any]", type(value))
    if kind is str or kind is int or kind is bool or value is None or kind is float:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return _object(cast("Mapping[Any, Any]", value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise Unkeyable("strange body")
    if isinstance(value, Iterator) and not hasattr(cast("Any", value), "read"):
        raise Unkeyable("one-shot body")
    if isinstance(value, (Sequence, Set, ValuesView)):
        return [_cleaned(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, date):
        return value.isoformat()
    return _dumped(value)


def _object(members: Mapping[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, item in members.items():
        if absent(item):
            continue
        text = _name(name)
        if text in made:
            raise Unkeyable("strange body")  # two members of one name leave: 1 and "1"
        made[text] = _cleaned(item)
    return made


def _name(name: object) -> str:
    """A member's name as the ``json`` module writes it."""
    if isinstance(name, str):
        return str.__str__(name)
    if isinstance(name, bool):
        return "true" if name else "false"
    if isinstance(name, int):
        return int.__repr__(name)
    if isinstance(name, float):
        return float.__repr__(name)
    if name is None:
        return "null"
    raise Unkeyable("strange body")


def _dumped(value: Any) -> Any:
    kind = cast("type[Any]", type(value))
    if hasattr(kind, "model_dump"):
        exclude = getattr(value, "__api_exclude__", None)
        return _cleaned(value.model_dump(exclude_unset=True, mode="json", by_alias=True, exclude=exclude))
    if hasattr(kind, "__fields__") and hasattr(kind, "dict"):
        return _cleaned(value.dict(exclude_unset=True, by_alias=True))
    if isinstance(value, os.PathLike) or hasattr(value, "read"):
        data = contents(value)
        if data is None:
            raise Unkeyable("one-shot body")
        return base64.b64encode(data).decode()
    raise Unkeyable("strange body")
