"""Recorded messages to what a provider takes, with the smallest change; and assistant messages to replies."""

from __future__ import annotations

import json
from typing import Any, cast

from ._values import Dialect, RecordedReply, RecordedToolCall

Obj = dict[str, Any]

_CHAT_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
# What endpoints of this shape know in a message; recorders add fields of their own, which an endpoint would refuse.
_CHAT_KEYS = frozenset(
    {"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio", "cache_control"}
    | {"reasoning", "reasoning_content", "reasoning_details"}
)


def prepare(message: Any, dialect: Dialect) -> Obj | None:
    """Return a recorded message as a provider takes it, or None where it is an event or holds nothing to send."""
    if not isinstance(message, dict):
        return None
    return _chat(cast(Obj, message)) if dialect == "openai" else _anthropic(cast(Obj, message))


def reply_of(message: Obj, dialect: Dialect) -> RecordedReply:
    """Return what an assistant message says and which tools it calls."""
    return _chat_reply(message) if dialect == "openai" else _anthropic_reply(message)


def text_of(content: Any) -> str:
    """Return the text of a content field: a string, or the text parts of a list joined."""
    if isinstance(content, str):
        return content
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    texts: list[str] = []
    for part in parts:
        text: Any = cast(Obj, part).get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            texts.append(text)
    return "".join(texts)


def _chat(message: Obj) -> Obj | None:
    role = message.get("role")
    if not isinstance(role, str) or role not in _CHAT_ROLES:
        return None
    out = {key: value for key, value in message.items() if key in _CHAT_KEYS and value is not None}
    if "tool_calls" in out:
        out["tool_calls"] = [_chat_tool_call(call) for call in tool_calls_of(message)]
        if not out["tool_calls"]:
            del out["tool_calls"]
    content = message.get("content")
    calls = "tool_calls" in out or "function_call" in out
    if isinstance(content, str | list):
        out["content"] = cast(Any, content)
    elif content is None:
        out["content"] = None if role == "assistant" and calls else ""
    else:
        out["content"] = json.dumps(content, ensure_ascii=False)
    return out


def _chat_tool_call(call: RecordedToolCall) -> Obj:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def tool_calls_of(message: Obj) -> tuple[RecordedToolCall, ...]:
    """Return the tool calls of a chat message, in the provider's nested shape or flat (`id`, `name`, `arguments`)."""
    raw = message.get("tool_calls")
    calls: list[RecordedToolCall] = []
    for index, item in enumerate(cast("list[Any]", raw) if isinstance(raw, list) else []):
        if not isinstance(item, dict):
            continue
        call = cast(Obj, item)
        inner = call.get("function")
        function = cast(Obj, inner) if isinstance(inner, dict) else call
        call_id = call.get("id")
        calls.append(
            RecordedToolCall(
                call_id if isinstance(call_id, str) and call_id else f"call_{index}",
                str(function.get("name") or "unknown"),
                _arguments(function.get("arguments")),
            )
        )
    return tuple(calls)


def _arguments(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps({} if value is None else value, ensure_ascii=False)


def _chat_reply(message: Obj) -> RecordedReply:
    calls = tool_calls_of(message)
    legacy = message.get("function_call")
    if not calls and isinstance(legacy, dict):
        function = cast(Obj, legacy)
        calls = (
            RecordedToolCall("call_0", str(function.get("name") or "unknown"), _arguments(function.get("arguments"))),
        )
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    return RecordedReply(
        text=text_of(message.get("content")) or None,
        tool_calls=calls,
        reasoning=reasoning if isinstance(reasoning, str) else None,
    )


def _anthropic(message: Obj) -> Obj | None:
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant"):
        return None
    if isinstance(content, str):
        return {"role": role, "content": content} if content.strip() else None
    blocks = [_block(block) for block in cast("list[Any]", content)] if isinstance(content, list) else []
    kept = [block for block in blocks if block is not None]
    return {"role": role, "content": kept} if kept else None


def _block(block: Any) -> Obj | None:
    if isinstance(block, str):
        return {"type": "text", "text": block} if block.strip() else None
    if not isinstance(block, dict):
        return None
    out = cast(Obj, block)
    kind = out.get("type")
    if kind == "text":  # the endpoint refuses text that is empty or all white space
        return out if isinstance(out.get("text"), str) and out["text"].strip() else None
    if kind == "thinking":  # and thinking that it cannot verify
        return out if isinstance(out.get("signature"), str) and out["signature"] else None
    if kind == "tool_use" and not isinstance(out.get("input"), dict):
        return {**out, "input": {}}
    if kind == "tool_result" and out.get("content") is None:
        return {key: value for key, value in out.items() if key != "content"}
    return out if isinstance(kind, str) else None


def _anthropic_reply(message: Obj) -> RecordedReply:
    content = message.get("content")
    if not isinstance(content, list):
        return RecordedReply(text=text_of(content) or None)
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[RecordedToolCall] = []
    for index, item in enumerate(cast("list[Any]", content)):
        block: Obj = cast(Obj, item) if isinstance(item, dict) else {"type": "text", "text": item}
        if block.get("type") == "text" and isinstance(block.get("text"), str):
            texts.append(block["text"])
        elif block.get("type") == "thinking" and isinstance(block.get("thinking"), str):
            thoughts.append(block["thinking"])
        elif block.get("type") == "tool_use":
            call_id = block.get("id")
            calls.append(
                RecordedToolCall(
                    call_id if isinstance(call_id, str) and call_id else f"toolu_{index}",
                    str(block.get("name") or "unknown"),
                    _arguments(block.get("input")),
                )
            )
    return RecordedReply("".join(texts) or None, tuple(calls), "\n".join(thoughts) or None)
