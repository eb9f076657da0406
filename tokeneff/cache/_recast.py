"""Kept replies that were served before: the SDK's object is made again from what it consisted of then.

Of the same bytes the SDK makes the same object each time, and takes longer over it than all else that a hit needs. So
what it consisted of is remembered with the reply, and every caller gets an object of their own, down to the last list.
Only where nothing but the SDK's own code would have had a hand in it; else the reply goes the SDK's way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from time import perf_counter
from types import FunctionType
from typing import Any, NamedTuple, TypeAlias, cast

from tokeneff._drive import Sent
from tokeneff._exchange import body_sent
from tokeneff._flow import Call, Facts, Outcome, Tokens
from tokeneff._plain import absent
from tokeneff.cache._reply import Reply

OVERRIDE = "____stainless_override_cast_to"
"""The header with which a caller has another type made of a reply."""
_HOOKS = ("_process_response", "_process_response_data")
_LARGEST = 32_000
"""Bytes of a reply beyond which nothing is remembered: the object is several times as large."""
_SDKS = ("openai", "anthropic")
_FIXED = frozenset((str, int, float, bool, type(None)))
_SLOTS = {"__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__", "__weakref__"}
_Make: TypeAlias = Callable[[], Any]


class Cast(NamedTuple):
    """What was made of a reply for one type."""

    make: _Make
    """Makes another."""
    tokens: Tokens
    facts: Facts


class _Strange(Exception):
    """Something else than the SDK's models and plain JSON."""


def recast(call: Call, reply: Reply) -> Sent | None:
    """What came of answering a call with this reply, as it came of that before; ``None`` where that is not known."""
    known = reply.casts.get(call.cast_to)
    if known is None or not is_plain(call) or not _sees_data_only(call):
        return None
    started = perf_counter()
    made = known.make()
    sent = body_sent(call.options)
    return Sent(
        made,
        outcome=Outcome("read", started, perf_counter(), known.tokens, known.facts, None, (), None, None, 0, 200, sent),
    )


def remember(call: Call, reply: Reply, sent: Sent) -> None:
    """Remember what was made of a reply, before its caller gets it."""
    outcome, kind = sent.outcome, call.cast_to
    if outcome is None or outcome.ending != "read" or len(reply.body) > _LARGEST or type(sent.reply) is not kind:
        return
    if not is_plain(call) or not _sees_data_only(call):
        return
    try:
        make = _maker(sent.reply, set())
    except _Strange:
        return
    if make is not None:
        reply.casts[kind] = Cast(make, outcome.tokens, outcome.facts)


def is_plain(call: Call) -> bool:
    """Whether all that the caller gets is what is made of the reply's JSON."""
    headers = call.options.headers
    if call.raw is not None or call.stream or call.client._strict_response_validation:
        return False
    return not (headers and isinstance(headers, Mapping) and OVERRIDE in headers)


def _sees_data_only(call: Call) -> bool:
    """Whether the SDK's own code makes the object of the JSON, and nobody wants more of it than counts."""
    client: Any = call.client
    base: Any = getattr(cast("Any", type(client)), "__tokeneff_base__")  # noqa: B009
    state = client.__dict__
    return (
        not call.capture
        and absent(call.options.post_parser)
        and _HOOKS[0] not in state
        and _HOOKS[1] not in state
        and _is_sdks(base._process_response, base._process_response_data)
    )


@lru_cache(maxsize=256)
def _is_sdks(*functions: Any) -> bool:
    """Whether these are functions that were written in the SDK."""
    return all(
        type(function) is FunctionType
        and function.__globals__.get("__name__", "").partition(".")[0] in _SDKS
        and not hasattr(function, "__wrapped__")
        for function in functions
    )


def _maker(value: Any, held: set[int]) -> _Make | None:
    """What makes another that is equal; ``None`` for a value that nobody can change."""
    kind = cast("type[Any]", type(value))
    if kind in _FIXED:
        return None
    if id(value) in held:
        raise _Strange  # one thing in two places is to be one thing again
    held.add(id(value))
    if kind is dict:
        return _object(value, held)
    if kind is list:
        return _list(value, held)
    if not _is_model(kind):
        raise _Strange
    return _model(kind, value, held)


def _object(value: dict[Any, Any], held: set[int]) -> _Make:
    makers = [(name, make) for name, item in value.items() if (make := _maker(item, held)) is not None]
    return _container({**value, **{name: None for name, _ in makers}}, makers)


def _list(value: list[Any], held: set[int]) -> _Make:
    makers = [(index, make) for index, item in enumerate(value) if (make := _maker(item, held)) is not None]
    template = list(value)
    for index, _ in makers:
        template[index] = None
    return _container(template, makers)


def _container(template: Any, makers: list[tuple[Any, _Make]]) -> _Make:
    """Makes copies of ``template``, which is nobody else's, with something new in some places."""
    copy: _Make = template.copy
    if not makers:
        return copy

    def make() -> Any:
        made = copy()
        for place, part in makers:
            made[place] = part()
        return made

    return make


def _model(kind: type[Any], value: Any, held: set[int]) -> _Make:
    members = _object(cast("dict[Any, Any]", vars(value)), held)
    fields = set(value.__pydantic_fields_set__).copy
    extra = _maker(value.__pydantic_extra__, held) or _nothing
    private = _maker(value.__pydantic_private__, held) or _nothing
    new, put = object.__new__, object.__setattr__

    def make() -> Any:
        made = new(kind)
        put(made, "__dict__", members())
        put(made, "__pydantic_private__", private())
        put(made, "__pydantic_extra__", extra())
        put(made, "__pydantic_fields_set__", fields())
        return made

    return make


def _nothing() -> None:
    return None


@lru_cache(maxsize=2048)
def _is_model(kind: type[Any]) -> bool:
    """Whether this is a model of the SDK's, all of whose state is in the usual four places."""
    slots = {name for base in kind.__mro__ for name in getattr(base, "__slots__", ())}
    return (
        kind.__module__.partition(".")[0] in _SDKS
        and issubclass(kind, sys.modules["pydantic"].BaseModel)
        and hasattr(kind, "__pydantic_fields_set__")
        and kind.__new__ is object.__new__
        and slots <= _SLOTS
    )
