"""Expressions over many calls at once, with SQLite's rules for integers and for what is not known.

Every value carries the least and the greatest number it can be, so that a result of more than 64 bits (where SQLite
goes on with floating point) is seen before it is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tokeneff.report._fast._parse import Node

Array: TypeAlias = "np.ndarray[Any, Any]"
MOST = 1 << 62
_where: Any = np.where  # its stubs lose the type where they are given Any


class TooLarge(ArithmeticError):
    """A number could exceed 64 bits, or an expression is none that can be computed here."""


class Values(NamedTuple):
    """A number for each call."""

    data: Any
    """int64 or bool: an array, or one number for all; anything where it is not known."""
    null: Array | None
    """Where it is not known; None: nowhere."""
    low: int
    high: int


class Scope:
    """The calls that an expression is computed for.

    Args:
        column: the values of a column of theirs. size: how many calls they are. rows: where in their chunk they are;
            None: they are all of it.
    """

    def __init__(self, column: Callable[[str], Values], size: int, rows: Array | None = None) -> None:
        self._column = column
        self.size = size
        self.rows = rows
        self._known: dict[Node, Values] = {}

    def values(self, node: Node) -> Values:
        """The values of an expression, computed once.

        Raises:
            TooLarge: they could have more than 64 bits.
        """
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = self._compute(node)
            if found.low < -MOST or found.high > MOST:
                raise TooLarge
        return found

    def array(self, node: Node, unknown: int) -> Array:
        """The same as an array of int64, with a number for what is not known."""
        data, null, *_ = self.values(node)
        if null is not None:
            data = _where(null, np.int64(unknown), data)
        if np.ndim(data) == 0:
            return np.full(self.size, data, np.int64)
        return data if data.dtype == np.int64 else data.astype(np.int64)

    def true(self, node: Node) -> Array:
        """Where a condition holds."""
        data, null, *_ = self.values(node)
        held = data if data.dtype == np.bool_ else data != 0
        if held.ndim == 0:
            held = np.full(self.size, held)
        return held if null is None else held & ~null

    def _compute(self, node: Node) -> Values:
        op, args = node.op, node.args
        if op == "column":
            return self._column(args[0])
        if op == "number":
            return Values(np.int64(args[0]), None, args[0], args[0])
        if op == "case":
            return self._case(*args)
        if op in ("known", "unknown"):
            null = self.values(args[0]).null
            held = np.zeros(self.size, bool) if null is None else null
            return Values(held if op == "unknown" else ~held, None, 0, 1)
        if op == "in":
            data, null, *_ = self.values(args[0])
            return Values(np.isin(data, np.array(args[1], np.int64)), null, 0, 1)
        if op == "negative":
            data, null, low, high = self.values(args[0])
            return Values(-_number(data), null, -high, -low)
        left, right = (self.values(arg) for arg in args)
        if op == "ifnull":
            return _ifnull(left, right)
        if op in ("AND", "OR"):
            return self._logic(op, args)
        if op in ("/", "%"):
            return _divided(op, left, right)
        return _binary(op, left, right)

    def _case(self, condition: Node, then: Node, other: Node | None) -> Values:
        held, first = self.true(condition), self.values(then)
        if other is None:
            return Values(first.data, _either(first.null, ~held), first.low, first.high)
        second = self.values(other)
        null: Array | None = None
        if first.null is not None or second.null is not None:
            null = _where(held, _nulls(first), _nulls(second))
        data: Any = _where(held, _number(first.data), _number(second.data))
        return Values(data, null, min(first.low, second.low), max(first.high, second.high))

    def _logic(self, op: str, args: tuple[Node, Node]) -> Values:
        held = [self.true(arg) for arg in args]
        null = _either(*(self.values(arg).null for arg in args))
        data = held[0] & held[1] if op == "AND" else held[0] | held[1]
        if null is not None:
            # Unknown unless one of them settles it.
            if op == "OR":
                null = null & ~data
            else:
                false = [~there & ~_nulls(self.values(arg)) for arg, there in zip(args, held, strict=True)]
                null = null & ~false[0] & ~false[1]
        return Values(data, null, 0, 1)


def _binary(op: str, left: Values, right: Values) -> Values:
    a, b, null = _number(left.data), _number(right.data), _either(left.null, right.null)
    if op in _COMPARE:
        return Values(_COMPARE[op](left.data, right.data), null, 0, 1)
    if op == "+":
        low, high = left.low + right.low, left.high + right.high
    elif op == "-":
        low, high = left.low - right.high, left.high - right.low
    elif op == "*":
        ends = [one * other for one in (left.low, left.high) for other in (right.low, right.high)]
        low, high = min(ends), max(ends)
    elif op == "min":
        low, high = min(left.low, right.low), min(left.high, right.high)
    elif op == "max":
        low, high = max(left.low, right.low), max(left.high, right.high)
    elif op == "<<" and left.low >= 0 and right.low == right.high:
        low, high = left.low << right.low, left.high << right.low
    elif op == "|" and left.low >= 0 and right.low >= 0:
        low, high = 0, left.high + right.high
    else:
        raise TooLarge
    if low < -MOST or high > MOST:
        raise TooLarge
    return Values(_COMPUTE[op](a, b), null, low, high)


_COMPARE: dict[str, Any] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_COMPUTE: dict[str, Any] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "min": np.minimum,
    "max": np.maximum,
    "<<": np.left_shift,
    "|": np.bitwise_or,
}


def _divided(op: str, left: Values, right: Values) -> Values:
    """Towards zero, and unknown where the divisor is 0."""
    a, b, null = _number(left.data), _number(right.data), _either(left.null, right.null)
    if right.low <= 0 <= right.high or right.null is not None:
        none = np.equal(b, 0)
        null, b = _either(null, none), _where(none, np.int64(1), b)
    if left.low >= 0 and right.low >= 0:
        quotient = np.floor_divide(a, b)
    else:
        quotient = np.floor_divide(np.abs(a), np.abs(b)) * np.sign(a) * np.sign(b)
    most = max(abs(left.low), abs(left.high))
    if op == "/":
        return Values(quotient, null, -most if left.low < 0 or right.low < 0 else 0, most)
    return Values(a - quotient * b, null, -most if left.low < 0 else 0, most)


def _ifnull(left: Values, right: Values) -> Values:
    if left.null is None:
        return left
    null = None if right.null is None else left.null & right.null
    data: Any = _where(left.null, _number(right.data), _number(left.data))
    return Values(data, null, min(left.low, right.low), max(left.high, right.high))


def _number(data: Any) -> Any:
    return data.astype(np.int64) if data.dtype == np.bool_ else data


def _nulls(values: Values) -> Any:
    return np.False_ if values.null is None else values.null


def _either(one: Array | None, other: Array | None) -> Array | None:
    if one is None or other is None:
        return other if one is None else one
    return one | other
