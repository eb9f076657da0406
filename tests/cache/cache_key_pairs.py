"""Requests that are nearly alike, made by changing one thing of a request; and, written independently of the key, which
of them are the same request.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from random import Random
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

# Objects at these places have no order: the names of members down to them, lists passed over.
_TURN = r"(?:messages|input)"
_BLOCK = rf"\$\.(?:{_TURN}\.(?:content|tool_calls|output)|system)(?:\.content|\.source|\.source\.content)*"
_UNORDERED = re.compile(
    rf"\$|\$\.{_TURN}(?:\.(?:function_call|audio|summary|cache_control))?"
    rf"|{_BLOCK}(?:\.(?:cache_control|image_url|input_audio|file|citations|custom|function))?"
    r"|\$\.tools(?:\.(?:function|custom|custom\.format|custom\.format\.grammar|cache_control))?"
    r"|\$\.(?:response_format(?:\.json_schema)?|text(?:\.format)?|metadata|logit_bias|tool_choice(?:\.function)?)"
)
_REAL = ("$.temperature", "$.top_p")
_FORM = ("stream", "stream_options")

TEXTS = [
    "", "a", "b", "ab", "1", "0", "True", "null", "None", '"', "\\", ",", ":", "a, b", "a: b", "\x00", "\n", "é",
    "e\u0301", "\ud800", "😀", "u\x01\x00\x00\x00a", "[", "{", "0x", "user", "text", "tool", "content", "x" * 300,
    "i\x01\x00\x00\x00",
]  # fmt: skip
NUMBERS: list[Any] = [
    0, 1, -1, True, False, None, 0.0, -0.0, 1.0, 0.1, 2**31, -(2**31), 2**31 - 1, 2**63, 2**64, 10**40, 1e300, 5e-324,
    float("nan"), float("inf"),
]  # fmt: skip
NAMES = ["a", "b", "ab", "", "type", "text", "role", "content", "name", "properties", "required", "0", "1", "é"]
FIELDS = [
    "temperature",
    "top_p",
    "stop",
    "user",
    "seed",
    "n",
    "model",
    "metadata",
    "guided_json",
    "logit_bias",
    "stream",
]


class Asked(NamedTuple):
    """One request, but for the client that asks it."""

    body: dict[str, Any]
    url: str = "/chat/completions"
    headers: tuple[tuple[str, str], ...] = ()
    params: tuple[tuple[str, str], ...] = ()
    scope: tuple[tuple[str, Any], ...] = ()
    policies: tuple[str, ...] = ()

    def options(self) -> Any:
        return SimpleNamespace(
            method="post", url=self.url, json_data=self.body, extra_json=None, headers=dict(self.headers),
            params=dict(self.params), files=None, content=None,
        )  # fmt: skip


def same(asked: Asked) -> Any:
    """Equal for the same requests, and for no others."""
    body = {name: value for name, value in asked.body.items() if name not in _FORM}
    headers = frozenset(dict(asked.headers).items())
    return (
        asked.url,
        headers,
        frozenset(dict(asked.params).items()),
        _value(list(asked.scope), "-"),
        asked.policies,
        _value(body, "$"),
    )


def _value(value: Any, place: str) -> Any:
    kind = type(value)
    if kind is str:
        return value
    if kind is float:
        if place in _REAL and value.is_integer() and abs(value) < 2**53:
            return ("int", int(value))
        return struct.pack(">d", value)
    if kind is dict or kind is MappingProxyType:
        members = [(name, _value(item, f"{place}.{name}")) for name, item in value.items()]
        return frozenset(members) if _UNORDERED.fullmatch(place) else ("object", *members)
    if kind is list or kind is tuple:
        listed = place if _UNORDERED.fullmatch(place) else f"{place}[]"
        return tuple([_value(item, listed) for item in value])
    return (kind.__name__, value)


def fresh(draw: Random) -> Asked:
    """A request of any dialect."""
    body: dict[str, Any] = {"model": draw.choice(TEXTS), draw.choice(("messages", "input")): _turns(draw)}
    for name in draw.sample(FIELDS, draw.randrange(4)):
        body[name] = _json(draw, 2)
    for name, make in (("tools", _tools), ("response_format", _form), ("system", _blocks), ("text", _text_form)):
        if draw.random() < 0.25:
            body[name] = make(draw)
    return Asked(body)


def _turns(draw: Random) -> list[Any]:
    return [_turn(draw) for _ in range(draw.randrange(1, 4))]


def _turn(draw: Random) -> dict[str, Any]:
    made: dict[str, Any] = {"role": draw.choice(TEXTS), "content": draw.choice(TEXTS)}
    if draw.random() < 0.4:
        made["content"] = _blocks(draw)
    if draw.random() < 0.2:
        function = {"name": draw.choice(TEXTS), "arguments": draw.choice(TEXTS)}
        made["tool_calls"] = [{"id": draw.choice(TEXTS), "type": "function", "function": function}]
    return made


def _blocks(draw: Random) -> list[Any]:
    return [_block(draw) for _ in range(draw.randrange(1, 3))]


def _block(draw: Random) -> dict[str, Any]:
    kind = draw.randrange(4)
    if kind == 0:
        return {"type": "image_url", "image_url": {"url": draw.choice(TEXTS), "detail": draw.choice(TEXTS)}}
    if kind == 1:
        return {"type": "tool_use", "id": draw.choice(TEXTS), "name": "f", "input": _json(draw, 2)}
    if kind == 2:
        return {"type": "tool_result", "tool_use_id": "x", "content": [{"type": "text", "text": draw.choice(TEXTS)}]}
    return {"type": "text", "text": draw.choice(TEXTS)}


def _tools(draw: Random) -> list[Any]:
    schema = _json(draw, 3)
    function = {"name": draw.choice(TEXTS), "description": draw.choice(TEXTS), "parameters": schema}
    return [{"type": "function", "function": function}, {"name": draw.choice(TEXTS), "input_schema": schema}]


def _form(draw: Random) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": draw.choice(TEXTS), "schema": _json(draw, 3)}}


def _text_form(draw: Random) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "schema": _json(draw, 3)}, "verbosity": draw.choice(TEXTS)}


def _json(draw: Random, depth: int) -> Any:
    kind = draw.randrange(6 if depth else 2)
    if kind == 0:
        return draw.choice(TEXTS)
    if kind == 1:
        return draw.choice(NUMBERS)
    if kind < 4:
        return {draw.choice(NAMES): _json(draw, depth - 1) for _ in range(draw.randrange(4))}
    return [_json(draw, depth - 1) for _ in range(draw.randrange(4))]


def changed(draw: Random, asked: Asked) -> Asked:
    """The same request but for one thing, which may or may not make another request of it."""
    if draw.random() < 0.15:
        return _around(draw, asked)
    if draw.random() < 0.1:
        return asked._replace(body=_reordered(draw, asked.body))
    body = _descend(draw, asked.body, draw.randrange(7))
    return asked._replace(body=body if type(body) is dict else {"model": body})


def _around(draw: Random, asked: Asked) -> Asked:
    name, text = draw.choice(NAMES), draw.choice(TEXTS)
    kind = draw.randrange(6)
    if kind == 0:
        return asked._replace(headers=((f"x-{name.encode().hex()}", text), *asked.headers)[:2])
    if kind == 1:
        return asked._replace(params=((name, text), *asked.params)[:2])
    if kind == 2:
        return asked._replace(scope=((name, draw.choice([1, "1", True, 1.0, text])), *asked.scope)[:2])
    if kind == 3:
        return asked._replace(policies=(text, *asked.policies)[:2])
    if kind == 4:  # out of one room into the next
        first, rest = asked.scope[:1], asked.scope[1:]
        return asked._replace(scope=rest, params=(*asked.params, *[(name, str(value)) for name, value in first]))
    return asked._replace(
        url=draw.choice(("/chat/completions", "/responses", "/v1/messages", "/v1/messages?beta=true"))
    )


def _reordered(draw: Random, body: dict[str, Any]) -> dict[str, Any]:
    """Members of one object, wherever it is, in another order."""
    places: list[dict[str, Any]] = []

    def look(value: Any) -> None:
        if type(value) is dict and len(value) > 1:
            places.append(value)
        for _, item in _items(value):
            look(item)

    def build(value: Any) -> Any:
        if value is chosen:
            return _swapped(draw, value)
        if type(value) is dict:
            return {name: build(item) for name, item in value.items()}
        return [build(item) for item in value] if type(value) is list else value

    look(body)
    chosen = draw.choice(places) if places else None
    return body if chosen is None else build(body)


def _descend(draw: Random, value: Any, depth: int) -> Any:
    """Change something ``depth`` levels down, or as far down as it goes; what is beside the way is shared."""
    if depth and type(value) is dict and value:
        name = draw.choice(list(value))
        return {**value, name: _descend(draw, value[name], depth - 1)}
    if depth and type(value) is list and value:
        place = draw.randrange(len(value))
        return [*value[:place], _descend(draw, value[place], depth - 1), *value[place + 1 :]]
    for _ in range(9):
        made = draw.choice(_CHANGES)(draw, value)
        if made is not value:
            return made
    return [value]


def _another(draw: Random, value: Any) -> Any:
    return draw.choice(TEXTS) if draw.random() < 0.5 else draw.choice(NUMBERS)


def _retyped(draw: Random, value: Any) -> Any:
    if type(value) is str:
        return draw.choice([value + "a", value[:-1], value.upper(), value.encode("utf-8", "replace").hex(), [value]])
    if isinstance(value, (int, float)) and abs(value) < 2**53:
        return draw.choice([str(value), float(value), bool(value), int(value) if value == value else None])
    return draw.choice([None, "", [], {}, 0, False])


def _nested(draw: Random, value: Any) -> Any:
    return draw.choice([[value], {"a": value}, {"": value}, (value,)])


def _unnested(draw: Random, value: Any) -> Any:
    if type(value) is list and value:
        return value[0]
    return next(iter(value.values())) if type(value) is dict and value else value


def _swapped(draw: Random, value: Any) -> Any:
    """Neighbours in each other's place."""
    if type(value) is list and len(value) > 1:
        place = draw.randrange(len(value) - 1)
        return [*value[:place], value[place + 1], value[place], *value[place + 2 :]]
    if type(value) is dict and len(value) > 1:
        names = list(value)
        draw.shuffle(names)
        return {name: value[name] for name in names}
    return value


def _exchanged(draw: Random, value: Any) -> Any:
    """Two members' values in each other's place, or under another name."""
    if type(value) is dict and value:
        names = list(value)
        one, other = draw.choice(names), draw.choice([*names, *NAMES])
        return {**value, one: value.get(other), other: value[one]}
    return value


def _moved(draw: Random, value: Any) -> Any:
    """A part of one text at the end of its neighbour."""
    texts = [place for place, item in _items(value) if type(item) is str]
    if len(texts) < 2:
        return value
    one, other = draw.sample(texts, 2)
    made = dict(value) if type(value) is dict else list(value)
    cut = draw.randrange(len(made[one]) + 1)
    made[one], made[other] = made[one][:cut], made[one][cut:] + made[other]
    return made


def _items(value: Any) -> Any:
    return value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()


def _grown(draw: Random, value: Any) -> Any:
    if type(value) is dict:
        return {**value, draw.choice([*NAMES, *FIELDS]): _another(draw, None)}
    return [*value, *draw.choice([value, [None], [""], []])] if type(value) is list else [value, value]


def _shrunk(draw: Random, value: Any) -> Any:
    if type(value) is dict and value:
        gone = draw.choice(list(value))
        return {name: item for name, item in value.items() if name != gone}
    return value[1:] if type(value) in (list, str) else value


def _rewritten(draw: Random, value: Any) -> Any:
    """The same in another type that is sent the same way."""
    if type(value) is dict:
        return MappingProxyType(value) if draw.random() < 0.5 else dict(reversed(value.items()))
    return tuple(value) if type(value) is list else value


_CHANGES: list[Callable[[Random, Any], Any]] = [
    _another, _retyped, _nested, _unnested, _swapped, _exchanged, _moved, _grown, _shrunk, _rewritten,
]  # fmt: skip
