"""Requests for chat completions, turn by turn."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from openai.types.chat import ChatCompletionMessage
from trim_texts import PIXEL, ident, maybe_empty, name, text

Message = Any
MARK = {"cache_control": {"type": "ephemeral"}}


def user(r: Random) -> list[Message]:
    """What a user says."""
    if r.random() < 0.6:
        return [{"role": "user", "content": maybe_empty(r)}]
    parts: list[Any] = [{"type": "text", "text": maybe_empty(r)} for _ in range(r.randint(1, 3))]
    if r.random() < 0.4:
        url = f"data:image/png;base64,{PIXEL}"
        parts.insert(r.randrange(len(parts) + 1), {"type": "image_url", "image_url": {"url": url, "detail": "low"}})
    if r.random() < 0.2:
        parts.append({"type": "file", "file": {"file_id": ident(r, "file-")}})
    if r.random() < 0.1:
        parts.append({"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}})
    if r.random() < 0.2:
        parts[0] = {**parts[0], **MARK} if parts[0]["type"] == "text" else parts[0]
    return [{"role": "user", "content": tuple(parts) if r.random() < 0.1 else parts, "name": "ann"}]


def instructions(r: Random) -> list[Message]:
    """A system prompt, anywhere."""
    content: Any = text(r) if r.random() < 0.7 else [{"type": "text", "text": text(r)}]
    return [{"role": r.choice(("system", "developer")), "content": content}]


def answer(r: Random) -> list[Message]:
    """What the model says."""
    kind = r.random()
    if kind < 0.6:
        return [_model(r, {"role": "assistant", "content": maybe_empty(r)})]
    if kind < 0.75:
        return [_model(r, {"role": "assistant", "content": None, "refusal": text(r)})]
    if kind < 0.9:
        return [{"role": "assistant", "content": [{"type": "text", "text": text(r)}]}]
    return [{"role": "assistant", "content": [{"type": "refusal", "refusal": text(r)}]}]


def tools(r: Random) -> list[Message]:
    """A model's calls, and what came of them."""
    calls: list[Any] = []
    for _ in range(r.randint(1, 4)):
        if r.random() < 0.15:
            calls.append({"id": ident(r, "call_"), "type": "custom", "custom": {"name": name(r), "input": text(r)}})
        else:
            function = {"name": name(r), "arguments": json.dumps({"path": text(r)})}
            calls.append({"id": ident(r, "call_"), "type": "function", "function": function})
    said = {"role": "assistant", "content": r.choice((None, "", text(r))), "tool_calls": calls}
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": _result(r)} for call in r.sample(calls, len(calls))
    ]
    return [_model(r, said), *results]


def legacy(r: Random) -> list[Message]:
    """A call of a function, as they were before tools."""
    function = {"name": name(r), "arguments": "{}"}
    said = {"role": "assistant", "content": None, "function_call": function}
    return [_model(r, said), {"role": "function", "name": function["name"], "content": maybe_empty(r)}]


def _result(r: Random) -> Any:
    if r.random() < 0.75:
        return maybe_empty(r)
    return [{"type": "text", "text": maybe_empty(r)} for _ in range(r.randint(1, 3))]


def _model(r: Random, message: dict[str, Any]) -> Message:
    """Now and then as the SDK gave it."""
    return ChatCompletionMessage.model_validate(message) if r.random() < 0.15 else message


TURNS: tuple[tuple[Callable[[Random], list[Message]], int], ...] = (
    (user, 4),
    (answer, 4),
    (tools, 7),
    (legacy, 1),
    (instructions, 1),
)


def body(turns: list[Any], r: Random) -> dict[str, Any]:
    """A request of these turns; its beginning and its end are chosen by ``r``."""
    messages: list[Any] = []
    for _ in range(r.choice((0, 1, 1, 1, 3))):
        messages += instructions(r)
    if r.random() < 0.2:
        messages.append({"role": "assistant", "content": "Hello, what can I do for you?"})
    messages += user(r)
    for turn in turns:
        messages += turn
    if r.random() < 0.5:
        messages += user(r)
    found: dict[str, Any] = {"model": "gpt-4o", "messages": messages}
    if r.random() < 0.3:
        found["tools"] = [{"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}]
    return found
