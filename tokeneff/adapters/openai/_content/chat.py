"""Chat completions: requests and whole replies. Streams are folded into these in :mod:`.chat_stream`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokeneff._plain import absent, fields, items, string
from tokeneff.adapters._parts import (
    BaseContent,
    Body,
    Message,
    Part,
    blob,
    file,
    finish,
    message,
    other,
    output,
    reasoning,
    text,
    tool_call,
    tool_response,
)
from tokeneff.adapters.openai._content.blocks import audio_mime_type, content_parts
from tokeneff.adapters.openai._content.chat_stream import fold
from tokeneff.adapters.openai._content.tools import definitions

_TOOL_ROLES = ("tool", "function")


class ChatContent(BaseContent):
    """Content of ``/chat/completions``. System messages are part of the history, and stay in it."""

    def messages(self, body: Body) -> list[Message]:
        return [_message(item) for item in items(body.get("messages")) if not absent(item)]

    def tools(self, body: Body) -> list[dict[str, Any]]:
        return definitions(body)

    def whole(self, data: Body) -> Sequence[Message]:
        return [_choice(choice, "stop") for choice in _in_order(items(data.get("choices")))]

    def folded(self, events: list[Body]) -> Sequence[Message]:
        return [_choice(choice, "error") for choice in _in_order(fold(events))]


def _in_order(choices: Sequence[Any]) -> list[Body]:
    found = [choice for choice in map(fields, choices) if choice is not None]
    return sorted(found, key=_index)


def _index(choice: Body) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _choice(choice: Body, default: str) -> Message:
    said = fields(choice.get("message")) or {}
    parts = _assistant_parts(said)
    if default == "stop" and any(part["type"] == "tool_call" for part in parts):
        default = "tool_call"
    return output(said.get("role"), parts, finish(choice.get("finish_reason"), default))


def _message(item: object) -> Message:
    said = fields(item)
    if said is None:
        return message(None, [other(item)])
    role = said.get("role")
    if role in _TOOL_ROLES:
        parts = [tool_response(said.get("tool_call_id"), said.get("content"))]
    elif role == "assistant":
        parts = _assistant_parts(said)
    else:
        parts = content_parts(said.get("content"))
    return message(role, parts, said.get("name"))


def _assistant_parts(said: Body) -> list[Part]:
    parts: list[Part] = []
    # Reasoning of the servers that tell it beside the content: DeepSeek, vLLM, Qwen; OpenRouter, Groq.
    thought = string(said.get("reasoning_content")) or string(said.get("reasoning"))
    if thought:
        parts.append(reasoning(thought))
    content = said.get("content")
    if content is not None and content != "":
        parts += content_parts(content)
    refusal = string(said.get("refusal"))
    if refusal:
        parts.append(text(refusal))
    if said.get("images"):
        parts += content_parts(said["images"])
    if said.get("audio") is not None:
        parts += _spoken(fields(said["audio"]) or {})
    for call in items(said.get("tool_calls")):
        parts.append(_call(call))
    old = fields(said.get("function_call"))
    if old is not None:
        parts.append(tool_call(None, old.get("name"), old.get("arguments")))
    return parts


def _call(value: object) -> Part:
    call = fields(value)
    if call is None:
        return other(value)
    custom = fields(call.get("custom"))
    if custom is not None:
        return tool_call(call.get("id"), custom.get("name"), custom.get("input"))
    named = fields(call.get("function")) or {}
    return tool_call(call.get("id"), named.get("name"), named.get("arguments"))


def _spoken(audio: Body) -> list[Part]:
    """Speech, which in a history is but the id of an earlier reply's."""
    data, known, transcript = string(audio.get("data")), string(audio.get("id")), string(audio.get("transcript"))
    if data:
        part = blob("audio", audio_mime_type(audio.get("format")), data)
    elif known:
        part = file("audio", None, known)
    else:
        return [text(transcript)] if transcript else []
    if transcript:
        part["transcript"] = transcript
    return [part]
