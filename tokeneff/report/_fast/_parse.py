"""The SQL of cubes' expressions as trees, so that they are written once for both ways of summing up."""

from __future__ import annotations

import re
from typing import Any

_TOKEN = re.compile(r"\s*(<>|<=|>=|<<|[-+*/%|<>=(),]|f\.\w+|\w+)")
_BINARY = (("OR",), ("AND",), ("=", "<>"), ("<", "<=", ">", ">="), ("<<", "|"), ("+", "-"), ("*", "/", "%"))
"""By how loosely they bind; comparisons with NULL and lists stand with the equals sign."""
_EQUALS = 2


class Node:
    """A column (``column``, name), a number (``number``, value), or an operator and its operands."""

    __slots__ = ("args", "op")

    def __init__(self, op: str, args: tuple[Any, ...]) -> None:
        self.op = op
        self.args = args


class Parser:
    """Reads expressions; equal parts of them are the same node, so that each is computed once."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[str, tuple[Any, ...]], Node] = {}
        self._parsed: dict[str, Node] = {}
        self._tokens: list[str] = []

    def parse(self, sql: str) -> Node:
        """The tree of an expression over the columns of ``facts AS f``.

        Raises:
            ValueError: it has something in it that reports do not use.
        """
        found = self._parsed.get(sql)
        if found is None:
            self._tokens = [*reversed(_TOKEN.findall(sql))]
            if "".join(reversed(self._tokens)) != "".join(sql.split()):
                raise ValueError(f"not understood: {sql}")
            found = self._parsed[sql] = self._binary(0)
            if self._tokens:
                raise ValueError(f"not understood: {self._tokens[-1]!r} in {sql}")
        return found

    def node(self, op: str, *args: Any) -> Node:
        """The node of an operator with these operands."""
        return self._nodes.setdefault((op, args), Node(op, args))

    def _next(self) -> str:
        return self._tokens.pop()

    def _taken(self, *tokens: str) -> str | None:
        return self._next() if self._tokens and self._tokens[-1] in tokens else None

    def _expect(self, token: str) -> None:
        if self._taken(token) is None:
            raise ValueError(f"{token} is missing before {self._tokens[-1:]}")

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while True:
            if level == _EQUALS and self._taken("IS"):
                known = self._taken("NOT") is not None
                self._expect("NULL")
                left = self.node("known" if known else "unknown", left)
            elif level == _EQUALS and self._taken("IN"):
                left = self.node("in", left, self._list())
            elif (op := self._taken(*_BINARY[level])) is not None:
                left = self.node(op, left, self._binary(level + 1))
            else:
                return left

    def _list(self) -> tuple[int, ...]:
        self._expect("(")
        numbers: list[int] = []
        while not self._taken(")"):
            sign = -1 if self._taken("-") else 1
            numbers.append(sign * int(self._next()))
            self._taken(",")
        return tuple(numbers)

    def _unary(self) -> Node:
        if self._taken("-"):
            return self.node("negative", self._unary())
        self._taken("+")
        token = self._next()
        if token.startswith("f."):
            return self.node("column", token[2:])
        if token.isdigit():
            return self.node("number", int(token))
        if token == "(":
            inner = self._binary(0)
            self._expect(")")
            return inner
        if token == "CASE":
            return self._case()
        if token in ("min", "max", "ifnull"):
            self._expect("(")
            first = self._binary(0)
            self._expect(",")
            second = self._binary(0)
            self._expect(")")
            return self.node(token, first, second)
        raise ValueError(f"not understood: {token!r}")

    def _case(self) -> Node:
        self._expect("WHEN")
        condition = self._binary(0)
        self._expect("THEN")
        then = self._binary(0)
        other = self._binary(0) if self._taken("ELSE") else None
        self._expect("END")
        return self.node("case", condition, then, other)
