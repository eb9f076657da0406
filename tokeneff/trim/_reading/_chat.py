"""Messages of chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._plain import fields, items, string
from tokeneff.trim._history import SpotKind
from tokeneff.trim._reading._said import Gathering, Part, Said, Who, is_text, listed, named, parts_of

_WHO: dict[str, Who] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "results",
    "function": "results",
}
_KINDS: dict[Who, SpotKind] = {"user": "user", "assistant": "assistant", "results": "tool_result"}
LEGACY = "function:"
"""Calls of functions have no id: they go by their name."""


def read(message: Mapping[str, Any]) -> Said | None:
    """Read a message; ``None`` for what is none."""
    role = named(message, "role")
    who = _WHO.get(role)
    if who is None:
        return None
    found = Gathering()
    found.mark(message)
    call = _answered(message, role, found) if who == "results" else ""
    if who == "assistant":
        _calls(message, found)
    _content(message, who, call, found)
    return found.said(who)


def _answered(message: Mapping[str, Any], role: str, found: Gathering) -> str:
    call = named(message, "tool_call_id") if role == "tool" else named(message, "name")
    if not call:
        found.wrong("answers no tool call")
        return ""
    found.answers.append(call if role == "tool" else LEGACY + call)
    return found.answers[-1]


def _calls(message: Mapping[str, Any], found: Gathering) -> None:
    calls = message.get("tool_calls")
    if calls is not None:
        if not items(calls):
            found.wrong("has an empty list of tool calls")
        for _, call in parts_of(calls):
            inner = fields(call.get("function")) or fields(call.get("custom")) or {}
            name = named(inner, "name")
            if not named(call, "id") or not name:
                found.wrong("calls a tool without id or name")
            if string(inner.get("arguments", inner.get("input"))) is None:
                found.wrong("calls a tool with arguments that are no text")
            found.calls.append((named(call, "id"), name))
    legacy = fields(message.get("function_call"))
    if legacy is not None:
        found.calls.append((LEGACY + named(legacy, "name"), named(legacy, "name")))


def _content(message: Mapping[str, Any], who: Who, call: str, found: Gathering) -> None:
    content = message.get("content")
    kind = _KINDS.get(who)
    if content is None:
        may = ("tool_calls", "function_call", "refusal", "audio", "reasoning", "reasoning_content")
        if who != "assistant" or all(message.get(name) is None for name in may):
            found.wrong("has no content")
        return
    if isinstance(content, str):
        if kind is not None and content:
            found.parts.append(Part(("content",), kind, call))
        return
    if not listed(content):
        found.wrong("has no content")
        return
    for place, part in found.blocks(content):
        found.mark(part)
        name = named(part, "type")
        if name in ("image_url", "input_audio", "file") and who in ("assistant", "system"):
            found.wrong(f"has a part of type {name}, which only users have")
        if name != "text":
            continue
        text = part.get("text")
        if not isinstance(text, str):
            found.wrong("has a part of text without text")
        elif kind is not None and is_text(text):
            fixed = bool(items(part.get("annotations")) or items(part.get("citations")))
            found.parts.append(Part(("content", place, "text"), kind, call, fixed=fixed))
