"""Messages of the GenAI conventions, flattened as OpenInference has them."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

from tokeneff.telemetry.content import to_json

Flat: TypeAlias = dict[str, str]
Part: TypeAlias = dict[str, Any]

TEXT = "text/plain"
JSON = "application/json"


def flat_messages(value: Any) -> list[Flat]:
    """One flat message for each, and one more for each result of a tool in it. A mask may have left anything else."""
    return [flat for message in objects(value) for flat in _flat_message(message)]


def flat_system(value: Any) -> list[Flat]:
    """System instructions as the message that they would have been."""
    parts = objects(value)
    return [_flat("system", parts)] if parts else []


def last_said(value: Any) -> tuple[str, str]:
    """What was said last in short, for a list of many spans: its text where it has one; and its MIME type."""
    messages = objects(value)
    parts = objects(messages[-1].get("parts")) if messages else []
    texts = [part["content"] for part in parts if part.get("type") == "text" and isinstance(part.get("content"), str)]
    if texts:
        return "\n".join(texts), TEXT
    if len(parts) == 1 and isinstance(parts[0].get("response"), str):
        return parts[0]["response"], TEXT
    if isinstance(value, str):
        return value, TEXT
    return to_json(parts or value), JSON


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; nothing of anything else."""
    if not isinstance(value, (list, tuple)):
        return []
    return [cast("dict[str, Any]", item) for item in cast("list[Any]", value) if isinstance(item, dict)]


def _flat_message(message: dict[str, Any]) -> list[Flat]:
    role = str(message.get("role") or "unknown")
    parts = objects(message.get("parts"))
    answers = [part for part in parts if part.get("type") == "tool_call_response"]
    flats = [_flat_answer(part) for part in answers]
    if answers:
        parts = [part for part in parts if part.get("type") != "tool_call_response"]
    if parts or not answers:
        flats.append(_flat(role, parts))
    if message.get("name"):
        flats[-1]["message.name"] = str(message["name"])
    return flats


def _flat_answer(part: Part) -> Flat:
    flat = {"message.role": "tool"}
    if part.get("id"):
        flat["message.tool_call_id"] = str(part["id"])
    if part.get("response") is not None:
        flat["message.content"] = _written(part["response"])
    return flat


def _flat(role: str, parts: list[Part]) -> Flat:
    flat = {"message.role": role}
    calls = [part for part in parts if part.get("type") in ("tool_call", "server_tool_call")]
    said = [part for part in parts if part.get("type") not in ("tool_call", "server_tool_call")]
    if len(said) == 1 and said[0].get("type") == "text":
        flat["message.content"] = _written(said[0].get("content"))
    else:
        for number, part in enumerate(said):
            for key, value in _content(part).items():
                flat[f"message.contents.{number}.{key}"] = value
    for number, part in enumerate(calls):
        arguments = part.get("arguments", part.get("server_tool_call"))
        call = {"id": part.get("id"), "function.name": part.get("name"), "function.arguments": _written(arguments)}
        for key, value in call.items():
            if value is not None:
                flat[f"message.tool_calls.{number}.tool_call.{key}"] = str(value)
    return flat


def _written(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)


def _content(part: Part) -> Flat:
    kind = part.get("type")
    if kind in ("text", "reasoning", "compaction"):
        shown = "reasoning" if kind == "reasoning" else "text"
        return {"message_content.type": shown, "message_content.text": _written(part.get("content") or "")}
    if kind in ("blob", "uri", "file"):
        return _media(part) or _unknown(part)
    return _unknown(part)


def _media(part: Part) -> Flat | None:
    kind = str(part.get("modality"))
    if kind not in ("image", "audio", "video", "document"):
        return None
    place = f"message_content.{kind}.{kind}"
    flat = {"message_content.type": kind}
    mime_type = part.get("mime_type")
    if part.get("type") == "file":
        if kind != "document":
            return None
        flat[f"{place}.id"] = str(part.get("file_id"))
    elif part.get("type") == "uri":
        flat[f"{place}.url"] = str(part.get("uri"))
    else:
        flat[f"{place}.url"] = f"data:{mime_type or 'application/octet-stream'};base64,{part.get('content')}"
    if mime_type and kind in ("audio", "document"):
        flat[f"{place}.mime_type"] = str(mime_type)
    if part.get("transcript") and kind == "audio":
        flat[f"{place}.transcript"] = str(part["transcript"])
    return flat


def _unknown(part: Part) -> Flat:
    return {"message_content.type": str(part.get("type") or "unknown"), "message_content.text": to_json(part)}
