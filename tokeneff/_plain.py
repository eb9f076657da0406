"""Any Python value as plain JSON data: a copy that nobody else holds, and that every exporter can send."""

from __future__ import annotations

import math
from base64 import b64encode
from collections import deque
from collections.abc import KeysView, Mapping, Sequence, ValuesView
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

MOST_TOKENS = 1 << 40
"""No call has a trillion tokens. What as many cost, in nano-dollars, is far from 64 bits, and so are sums of it."""
_DEEPEST = 60
_INT64 = 1 << 63
_ABSENT = ("Omit", "NotGiven")
_SDKS = ("openai", "anthropic")
COMMON = frozenset((str, dict, list, int, float, bool, type(None)))
"""Types of most values, by which they are seen to be data at once."""


def plain(value: object) -> Any:
    """A copy of ``value`` in plain JSON types; never raises, consumes no iterator, reads no file.

    >>> plain({"when": (1, 2.5), "raw": b"hi", "what": iter(())})
    {'when': [1, 2.5], 'raw': 'aGk=', 'what': 'tuple_iterator'}

    Args:
        value: anything. Pydantic models and dataclasses become objects, bytes become base64, dates ISO 8601; the SDKs'
            marks for "not given" are left out; what is not data (a file, an iterator, a class) becomes its type's name.

    Returns:
        ``None``, ``bool``, ``int`` of at most 64 bits, finite ``float``, ``str`` that UTF-8 can encode, ``list`` or
        ``dict`` of these. Longer integers and floats that are not finite become strings; what refers to itself, or
        lies more than 60 levels deep, becomes its type's name.
    """
    return _copy(value, set())


def fields(value: object) -> Mapping[str, Any] | None:
    """The fields of a mapping or of a pydantic model, or ``None`` for anything else. Never raises."""
    if type(value) is dict or isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value)
    return _model_fields(value)


def items(value: object) -> Sequence[Any]:
    """The items of a sequence, set or dictionary view; nothing for anything else, an iterator least of all."""
    if type(value) is list or type(value) is tuple:
        return cast("Sequence[Any]", value)
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return ()
    if isinstance(value, (Sequence, deque, set, frozenset, KeysView, ValuesView)):
        try:
            return list(cast("Sequence[Any]", value))
        except Exception:  # noqa: BLE001 - a caller's own sequence may do as it likes
            return ()
    return ()


def string(value: object) -> str | None:
    """A string, also of an enumeration of strings, or ``None`` for anything else."""
    if type(value) is str:
        return value
    return str.__str__(value) if isinstance(value, str) else None


def count(value: object) -> int | None:
    """A count of tokens, or ``None`` for what is none: servers and logs also have nulls, -1, and numbers beyond reason.

    >>> count(12.0), count(-1), count(1 << 60)
    (12, None, None)
    """
    if type(value) is int:
        return value if 0 <= value < MOST_TOKENS else None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < MOST_TOKENS:
        return None
    return int(value)


def absent(value: object) -> bool:
    """Whether this is one of the SDKs' marks for an argument that was not given."""
    return _is_mark(type(value))


@lru_cache(maxsize=512)
def _is_mark(kind: type) -> bool:
    return kind.__name__ in _ABSENT and kind.__module__.partition(".")[0] in _SDKS


def sound(text: str) -> str:
    """The same text, with what UTF-8 cannot encode (lone surrogates) replaced by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Through UTF-16, so that two halves of one character, decoded apart, find each other again.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _copy(value: object, path: set[int]) -> Any:
    kind = type(value)
    if kind is str:
        return value if cast("str", value).isascii() else sound(cast("str", value))
    if value is None or kind is bool:
        return value
    if kind is int or kind is float:
        return _number(cast("float", value))
    if kind is dict or kind is list or kind is tuple:
        return _container(value, path)
    return _other(value, path)


def _number(value: float) -> Any:
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else _digits(value)
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python is willing to write
        return "int"


def _container(value: object, path: set[int]) -> Any:
    mark, name = id(value), type(value).__name__
    if mark in path or len(path) >= _DEEPEST:
        return name
    path.add(mark)
    try:
        if type(value) is dict or isinstance(value, Mapping):
            return {
                key if type(key) is str and key.isascii() else _key(key): _copy(item, path)
                for key, item in cast("Mapping[object, object]", value).items()
                if type(item) in COMMON or not absent(item)
            }
        return [_copy(item, path) for item in items(value) if type(item) in COMMON or not absent(item)]
    except Exception:  # noqa: BLE001 - a caller's own container may do as it likes
        return name
    finally:
        path.discard(mark)


def _key(key: object) -> str:
    name = string(key)
    if name is not None:
        return sound(name)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, (int, float)):
        return str(_number(key))
    return type(key).__name__


def _other(value: object, path: set[int]) -> Any:
    name = type(value).__name__
    try:
        if isinstance(value, type):
            return value.__name__
        if isinstance(value, Enum):
            return _copy(value.value, path) if len(path) < _DEEPEST else name
        if isinstance(value, str):
            return sound(str.__str__(value))
        if isinstance(value, (int, float)):
            return _number(int(value) if isinstance(value, int) else float(value))
        if isinstance(value, (bytes, bytearray, memoryview)):
            return b64encode(cast("bytes", value)).decode()
        if isinstance(value, (date, time)):
            return value.isoformat()
        if isinstance(value, (UUID, Decimal, PurePath)):
            return sound(str(value))
        if isinstance(value, (Mapping, Sequence, deque, set, frozenset, KeysView, ValuesView)):
            return _container(cast("object", value), path)
        found = _model_fields(value)
        if found is None and is_dataclass(value):
            found = {field.name: getattr(value, field.name) for field in dataclass_fields(value)}
        return name if found is None else _held(value, found, path)
    except Exception:  # noqa: BLE001 - a caller's own object may do as it likes
        return name


def _held(value: object, found: Mapping[str, Any], path: set[int]) -> Any:
    """The fields of ``value``, which may hold ``value`` itself."""
    mark = id(value)
    if mark in path:
        return type(value).__name__
    path.add(mark)
    try:
        return _container(found, path)
    finally:
        path.discard(mark)


def _model_fields(value: object) -> Mapping[str, Any] | None:
    dump = getattr(type(value), "model_dump", None)
    if dump is None or isinstance(value, type):
        return None
    try:
        found = dump(value, mode="json", by_alias=True, exclude_unset=True, warnings=False)
    except Exception:  # noqa: BLE001 - a model that cannot be dumped as JSON may still have plain fields
        try:
            found = dict(vars(value))
        except Exception:  # noqa: BLE001
            return None
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else None
