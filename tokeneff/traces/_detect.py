"""What a record is: whose dialect, which model, where its messages are."""

from __future__ import annotations

import re
from typing import Any, cast

from ._values import Dialect, UnreadableError

Obj = dict[str, Any]

_ANTHROPIC_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking", "document", "image"})


def unwrap(obj: Obj) -> tuple[Obj, Any, str | None]:
    """Return body, response and URL of a batch line or a request/response pair; the object itself for others."""
    response = obj.get("response", obj.get("completion"))
    url = obj.get("url") if isinstance(obj.get("url"), str) else None
    for key in ("body", "request", "params"):
        inner = obj.get(key)
        if isinstance(inner, dict) and "messages" not in obj:
            body, _, inner_url = unwrap(cast(Obj, inner))
            return body, response, url or inner_url
    if "messages" in obj and response is not None:
        return {key: value for key, value in obj.items() if key not in ("response", "completion")}, response, url
    if url is not None and "body" in obj:
        raise UnreadableError("a batch line whose body is not an object")
    return obj, None, url


def messages_of(obj: Obj) -> list[Any]:
    raw = obj.get("messages", obj.get("traj"))
    if raw is None:
        raise UnreadableError("no messages")
    if not isinstance(raw, list):
        raise UnreadableError(f"messages is {kind_of(raw)}, not a list")
    if not raw:
        raise UnreadableError("messages is empty")
    messages = cast("list[Any]", raw)
    if not any(role_of(message) for message in messages):
        raise UnreadableError("messages holds no message with a role")
    return messages


def dialect_of(obj: Obj, messages: list[Any]) -> Dialect:
    """Return which provider's messages these are: by what the record says, else by shapes that only one has."""
    label = obj.get("format")
    if isinstance(label, str) and label.startswith(("anthropic", "openai")):
        return "anthropic" if label.startswith("anthropic") else "openai"
    if any(key in obj for key in ("system", "anthropic_version", "stop_sequences")):
        return "anthropic"
    parts = [
        *_objects(obj.get("tools")),
        *(part for message in _objects(messages) for part in _objects(message.get("content"))),
    ]
    if any("input_schema" in part or str(part.get("type")) in _ANTHROPIC_BLOCKS for part in parts):
        return "anthropic"
    if any(isinstance(part.get("function"), dict) for part in parts):
        return "openai"
    for message in _objects(messages):
        if "tool_calls" in message or role_of(message) in ("system", "developer", "tool", "function"):
            return "openai"
    # On Bedrock a model is `us.anthropic.claude-…`; `anthropic/claude-…` is how endpoints of OpenAI's shape say it.
    return "anthropic" if re.match(r"(?:[\w-]+\.)*claude", model_of(obj) or "") else "openai"


def _objects(value: Any) -> list[Obj]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast(Obj, item) for item in items if isinstance(item, dict)]


def url_dialect(url: str) -> Dialect:
    path = url.split("?")[0].rstrip("/")
    if path.endswith("/chat/completions"):
        return "openai"
    if path.endswith("/messages"):
        return "anthropic"
    raise UnreadableError(f"a request for {url}; only chat completions and messages can be replayed")


def name_of(obj: Obj, fallback: str) -> str:
    for key in ("id", "custom_id", "conversation_id", "session_id"):
        value = obj.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            return str(value)
    return fallback


def model_of(obj: Any) -> str | None:
    value = cast(Obj, obj).get("model") if isinstance(obj, dict) else None
    return value if isinstance(value, str) and value else None


def role_of(message: Any) -> str | None:
    role = cast(Obj, message).get("role") if isinstance(message, dict) else None
    return role if isinstance(role, str) else None


def kind_of(value: Any) -> str:
    names = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
    }
    return names.get(cast("type[Any]", type(value)), "null")
