"""Arguments that the SDK's ``create`` does nothing with but put them into the body are carried past its transform.

The SDK looks at every argument along its type annotations, for ``model`` alone at the names of a hundred models, though
strings, numbers and messages that it has made ready before come out as they went in. Where they come out is learnt
from a call that goes the SDK's way, once for each row of names that arguments are given under. From then on they take
the way of ``extra_body``, which the SDK leaves alone, and ``request()`` makes of them the body that the SDK would have.
"""

from __future__ import annotations

import dis
import inspect
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

from tokeneff._plain import COMMON, absent

_SCALARS = frozenset((str, int, float, bool, type(None)))
_NEVER = frozenset(("self", "extra_headers", "extra_query", "extra_body", "timeout"))
"""Options of a call, and not of its body."""
_MOST_SHAPES = 500


class StandIn:
    """Takes the place of messages on their way through the SDK's transform: neither a mapping nor iterable."""

    __slots__ = ("value",)

    def __init__(self, value: list[Any]) -> None:
        self.value = value


class Shape(NamedTuple):
    """What the SDK makes of arguments of certain names."""

    order: tuple[str, ...]
    """The names of the body's members as they leave."""
    carried: frozenset[str]
    """Those of arguments that come out as they went in."""


class Carried:
    """Takes the place of ``extra_body``: neither a mapping nor iterable.

    Args:
        extra: the caller's own ``extra_body``. order: as of :class:`Shape`. held: members of the body.
        learn: told the body, if somebody is to be.
    """

    __slots__ = ("extra", "held", "learn", "order")

    def __init__(
        self,
        extra: Any,
        order: tuple[str, ...] = (),
        held: dict[str, Any] | None = None,
        learn: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self.extra = extra
        self.order = order
        self.held = held
        self.learn = learn


class Carrier:
    """Finds what can be carried past one ``create``.

    Args:
        create: the SDK's own. long: its arguments that others make ready.
    """

    def __init__(self, create: Callable[..., Any], long: tuple[str, ...]) -> None:
        function: Any = inspect.unwrap(create)
        defaults: dict[str, Any] = function.__kwdefaults__ or {}
        self._long = long
        self._passed_on = _passed_on(function)
        self._defaults = frozenset(defaults)
        self._omitted = next((value for value in defaults.values() if absent(value)), None)
        self._shapes: dict[tuple[str, ...], Shape] = {}

    def arguments(self, given: dict[str, Any], made: dict[str, list[Any]]) -> dict[str, Any]:
        """What to call ``create`` with.

        Args:
            given: what the caller gives. made: those of them that are ready.
        """
        names = tuple([name for name, value in given.items() if type(value) in COMMON or not absent(value)])
        shape, changed = self._shapes.get(names), dict(given)
        if shape is None:
            changed.update({name: StandIn(value) for name, value in made.items()})
            if self._omitted is not None and len(self._shapes) < _MOST_SHAPES:
                scalars = {name: given[name] for name in names if type(given[name]) in _SCALARS}
                changed["extra_body"] = Carried(given.get("extra_body"), learn=partial(self._learn, names, scalars))
            return changed
        held: dict[str, Any] = {}
        for name in shape.carried:
            value = made.get(name) or given[name]
            if type(value) in _SCALARS or name in made:
                held[name] = value
                if name in self._defaults:
                    del changed[name]
                else:
                    changed[name] = self._omitted
        changed.update({name: StandIn(value) for name, value in made.items() if name not in held})
        changed["extra_body"] = Carried(given.get("extra_body"), shape.order, held)
        return changed

    def _learn(self, names: tuple[str, ...], scalars: dict[str, Any], body: dict[str, Any]) -> None:
        same = {name for name, value in scalars.items() if body.get(name, ...) is value}
        same.update(name for name in self._long if name in names and name in body)
        self._shapes[names] = Shape(tuple(body), self._passed_on & same)


def restore(options: Any) -> None:
    """Put into the body what was taken past the SDK's transform. It is the SDK's own, made a moment ago."""
    body, extra = options.json_data, options.extra_json
    if type(body) is dict:
        fields = cast("dict[str, Any]", body)
        for name in ("messages", "tools", "input"):
            held: Any = fields.get(name)
            if type(held) is StandIn:
                fields[name] = held.value
        if type(extra) is Carried:
            _unload(options, fields, extra)


def _unload(options: Any, body: dict[str, Any], carried: Carried) -> None:
    state: dict[str, Any] = options.__dict__  # set as an attribute it would count as one that was given
    state["extra_json"] = carried.extra
    if carried.extra is None:
        _fields_set(options).discard("extra_json")
    if carried.learn is not None:
        carried.learn(body)
    if carried.held:
        found = {**body, **carried.held}
        ordered = {name: found.pop(name) for name in carried.order if name in found}
        state["json_data"] = {**ordered, **found}


def _fields_set(options: Any) -> set[str]:
    found = getattr(options, "__pydantic_fields_set__", None)
    return options.__fields_set__ if found is None else found


def _passed_on(function: Any) -> frozenset[str]:
    """Arguments that a function names in one place only: where it makes the body of them."""
    named: Counter[str] = Counter()
    for step in dis.get_instructions(function):
        if "FAST" in step.opname or "DEREF" in step.opname:
            argument: Any = step.argval
            named.update(cast("tuple[str, ...]", argument) if isinstance(argument, tuple) else (argument,))
    code = function.__code__
    arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return frozenset(name for name in arguments if named[name] == 1) - _NEVER
