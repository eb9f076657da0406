"""What messages and tools of Anthropic's API hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tokeneff._plain import fields, items, string
from tokeneff.tokens._gather import Gathered, Shape, compact
from tokeneff.tokens._prompt import Content, Kind


def message(value: Mapping[str, Any], found: Gathered, shape: Shape) -> Kind:
    """Gather a message; returns whose it is: one that holds nothing but tool results is the tools'."""
    role = string(value.get("role"))
    kind: Kind = "assistant" if role == "assistant" else "system" if role == "system" else "user"
    content = value.get("content")
    names: set[str] = set()
    text = string(content)
    if text is not None:
        found.add("text", shape.message)
        found.add("text", text)
        return kind
    blocks = [inner for inner in map(fields, items(content)) if inner is not None]
    for inner in blocks:
        names.add(string(inner.get("type")) or "")
    only_results = bool(names) and all(name.endswith("tool_result") for name in names)
    found.add("tool_result" if only_results else "text", shape.message)
    for inner in blocks:
        block(inner, found, shape)
    return "tool" if only_results and kind == "user" else kind


def block(inner: Mapping[str, Any], found: Gathered, shape: Shape, kind: Content = "text") -> None:
    """Gather a content block."""
    name = string(inner.get("type")) or ""
    if inner.get("cache_control") is not None:
        found.marked = True
    if name == "text":
        found.add(kind, string(inner.get("text")) or "")
    elif name in ("tool_use", "server_tool_use", "mcp_tool_use"):
        called = string(inner.get("name")) or ""
        if called:
            found.names.append(called)
        found.add("tool_call", shape.call + shape.field * len(fields(inner.get("input")) or ()))
        found.add("tool_call", called)
        found.add("tool_call", compact(inner.get("input") or {}))
    elif name.endswith("tool_result"):
        found.add("tool_result", shape.result)
        _inside(inner.get("content"), found, shape, "tool_result")
    elif name == "thinking":
        found.add("reasoning", string(inner.get("thinking")) or "")
    elif name == "redacted_thinking":
        found.unknown.append("redacted thinking")
    elif name == "image":
        found.image_source(inner.get("source"))
    elif name == "document":
        _document(inner, found, shape)
    elif name == "search_result":
        for key in ("title", "source"):
            found.add("attached", string(inner.get(key)) or "")
        _inside(inner.get("content"), found, shape, "attached")
    elif name == "container_upload":
        found.unknown.append("file")
    else:
        found.strings(kind, inner)


def _inside(content: object, found: Gathered, shape: Shape, kind: Content) -> None:
    text = string(content)
    if text is not None:
        found.add(kind, text)
        return
    single = fields(content)
    for item in items(content) if single is None else (single,):
        inner = fields(item)
        if inner is not None:
            block(inner, found, shape, kind)


def _document(inner: Mapping[str, Any], found: Gathered, shape: Shape) -> None:
    source = fields(inner.get("source")) or {}
    for key in ("title", "context"):
        found.add("attached", string(inner.get(key)) or "")
    match source.get("type"):
        case "text":
            found.add("attached", string(source.get("data")) or "")
        case "content":
            _inside(source.get("content"), found, shape, "attached")
        case _:
            found.unknown.append("document")


_TOOL_PROMPTS = (
    (re.compile(r"3-opus|opus-3"), 530, 281),
    (re.compile(r"3-sonnet"), 159, 235),
    (re.compile(r"3-haiku|3-5-haiku|haiku-3"), 264, 340),
)


def tool_prompt(model: str, choice: object) -> int:
    """Tokens of the system prompt that Anthropic adds once a request has tools.

    Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview#pricing, by model and tool choice;
    346 (``auto``, ``none``) and 313 (``any``, ``tool``) for each model since Claude 3.5 Sonnet.
    """
    forced = choice is not None and (fields(choice) or {}).get("type") in ("any", "tool")
    return _tool_prompts(model)[forced]


@lru_cache(maxsize=512)
def _tool_prompts(model: str) -> tuple[int, int]:
    return next(((auto, any_) for pattern, auto, any_ in _TOOL_PROMPTS if pattern.search(model)), (346, 313))
