"""The tools that a request offers to the model."""

from __future__ import annotations

from typing import Any

from tokeneff._plain import absent, fields, items, string
from tokeneff.adapters._parts import Body, function, hosted, other


def definitions(body: Body) -> list[dict[str, Any]]:
    """Definitions of ``tools``, flat (responses) or nested (chat), and of the ``functions`` that came before them."""
    return [
        *(_tool(tool) for tool in items(body.get("tools")) if not absent(tool)),
        *(_function(tool) for tool in items(body.get("functions")) if not absent(tool)),
    ]


def _tool(value: object) -> dict[str, Any]:
    tool = fields(value)
    if tool is None:
        return {**other(value), "name": type(value).__name__}
    kind = string(tool.get("type")) or "function"
    inner = fields(tool.get(kind)) or tool
    if kind == "function":
        return function(inner, "parameters")
    return hosted({"type": kind, **{key: inner.get(key) for key in ("name", "server_label", "description")}})


def _function(value: object) -> dict[str, Any]:
    tool = fields(value)
    return {**other(value), "name": type(value).__name__} if tool is None else function(tool, "parameters")
