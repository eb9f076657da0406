"""Tool schemas as OpenAI's models are shown them: TypeScript, not JSON.

The rendering is not documented; it was worked out from token counts by the authors of ``openai-chat-tokens``
(https://github.com/hmarr/openai-chat-tokens) and of the thread
https://community.openai.com/t/how-to-calculate-the-tokens-when-using-function-call/266573, and is right within a few
tokens a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from tokeneff._plain import fields, items, string

_DEEPEST = 30


def typescript(function: Mapping[str, Any]) -> str:
    """A function as a TypeScript type.

    >>> print(typescript({"name": "now", "description": "The time.", "parameters": {"properties": {}}}), end="")
    // The time.
    type now = () => any;
    <BLANKLINE>
    """
    said = string(function.get("description"))
    head = f"// {said}\n" if said else ""
    name = string(function.get("name")) or ""
    parameters = fields(function.get("parameters")) or {}
    if not fields(parameters.get("properties")):
        return f"{head}type {name} = () => any;\n\n"
    body = "\n".join(_properties(parameters, 0))
    return f"{head}type {name} = (_: {{\n{body}\n}}) => any;\n\n"


def _properties(schema: Mapping[str, Any], depth: int) -> Iterator[str]:
    required = {name for name in items(schema.get("required")) if type(name) is str}
    indent = "  " * depth
    for name, value in (fields(schema.get("properties")) or {}).items():
        inner = fields(value) or {}
        said = string(inner.get("description"))
        if said:
            yield f"{indent}// {said}"
        yield f"{indent}{name}{'' if name in required else '?'}: {_type(inner, depth)},"


def _type(schema: Mapping[str, Any], depth: int) -> str:
    if depth > _DEEPEST:
        return "any"
    choices = items(schema.get("enum"))
    if choices:
        return " | ".join(f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in choices)
    for key in ("anyOf", "oneOf", "allOf"):
        options = items(schema.get(key))
        if options:
            return " | ".join(_type(fields(option) or {}, depth + 1) for option in options)
    kind = schema.get("type")
    if isinstance(kind, (list, tuple)):
        return " | ".join(_type({**schema, "type": one}, depth + 1) for one in cast("list[Any]", kind))
    match kind:
        case "string" | "boolean" | "null":
            return cast("str", kind)
        case "number" | "integer":
            return "number"
        case "array":
            inner = fields(schema.get("items"))
            return f"{_type(inner, depth + 1)}[]" if inner else "any[]"
        case "object":
            return "\n".join(("{", *_properties(schema, depth + 1), "}"))
        case _:
            return "any"
