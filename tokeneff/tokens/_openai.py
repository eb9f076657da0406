"""What messages of chat completions, and items of responses, hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._plain import fields, items, string
from tokeneff.tokens._gather import Gathered, Shape, compact
from tokeneff.tokens._prompt import Content, Kind

_KINDS: dict[str, Kind] = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_AUDIO = ("input_audio", "audio")
_FILES = ("file", "input_file", "container_upload")


def chat_message(message: Mapping[str, Any], found: Gathered, shape: Shape) -> Kind:
    """Gather a chat message; returns whose it is."""
    kind = _KINDS.get(string(message.get("role")) or "", "user")
    content: Content = "tool_result" if kind == "tool" else "text"
    found.add(content, shape.message + (shape.result if kind == "tool" else 0))
    parts(message.get("content"), found, content)
    name = string(message.get("name"))
    if name:
        found.add(content, name)
        found.add(content, shape.name)
    for key in ("refusal", "reasoning_content", "reasoning"):
        said = message.get(key)
        if isinstance(said, str):
            found.add("text" if key == "refusal" else "reasoning", said)
    calls = [*items(message.get("tool_calls"))]
    if message.get("function_call") is not None:
        calls.append({"function": message["function_call"]})
    for call in calls:
        inner = fields(call) or {}
        _call(fields(inner.get("function", inner.get("custom"))) or {}, found, shape)
    if message.get("audio") is not None:
        found.unknown.append("audio")
    return kind


def parts(content: object, found: Gathered, kind: Content = "text") -> None:
    """Gather a message's content: a text, or a list of parts."""
    text = string(content)
    if text is not None:
        found.add(kind, text)
        return
    for part in items(content):
        text = string(part)
        if text is not None:
            found.add(kind, text)
            continue
        inner = fields(part)
        if inner is not None:
            _part(inner, found, kind)


def _part(part: Mapping[str, Any], found: Gathered, kind: Content) -> None:
    name = string(part.get("type")) or ""
    if part.get("cache_control") is not None or part.get("prompt_cache_breakpoint") is not None:
        found.marked = True
    if name in ("image_url", "input_image", "computer_screenshot"):
        found.image_url(part.get("image_url"), part.get("detail"))
    elif name == "image":
        found.image_source(part.get("source"))
    elif name in _AUDIO:
        found.unknown.append("audio")
    elif name in _FILES or name in ("video_url", "input_video"):
        found.unknown.append("video" if "video" in name else "file")
    else:
        found.strings("attached" if name == "document" else kind, part)


def _call(function: Mapping[str, Any], found: Gathered, shape: Shape) -> None:
    name = string(function.get("name")) or ""
    if name:
        found.names.append(name)
    found.add("tool_call", shape.call)
    found.add("tool_call", name)
    found.add("tool_call", compact(function.get("arguments", function.get("input")) or ""))


def response_item(item: Mapping[str, Any], found: Gathered, shape: Shape) -> Kind:
    """Gather an item of a responses request's input; returns whose it is."""
    name = string(item.get("type")) or "message"
    if name == "message":
        found.add("text", shape.message)
        parts(item.get("content"), found)
        return _KINDS.get(string(item.get("role")) or "", "user")
    if name in ("function_call", "custom_tool_call", "mcp_call"):
        _call(item, found, shape)
        if item.get("output") is not None:
            found.add("tool_result", compact(item["output"]))
        return "assistant"
    if name.endswith("_output"):
        found.add("tool_result", shape.message + shape.result)
        output = item.get("output")
        inner = fields(output) if not isinstance(output, str) else None
        parts([inner] if inner is not None else output, found, "tool_result")
        return "tool"
    if name == "reasoning":
        for key in ("summary", "content"):
            found.strings("reasoning", item.get(key))
        if item.get("encrypted_content") is not None:
            found.unknown.append("encrypted reasoning")
        return "assistant"
    if name in ("item_reference", "compaction"):
        found.unknown.append(name.replace("_", " "))
        return "assistant"
    found.strings("tool_call", item)
    return "assistant"
