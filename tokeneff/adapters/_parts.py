"""Messages and their parts in the JSON form of the GenAI conventions, and what every dialect's content shares.

The form: ``gen-ai-input-messages.json``, ``gen-ai-output-messages.json``, ``gen-ai-system-instructions.json`` and
``gen-ai-tool-definitions.json`` of the OpenTelemetry GenAI conventions.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast
from urllib.parse import unquote_to_bytes

from tokeneff._log import log_once
from tokeneff._plain import absent, fields, items, plain, string

INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
SYSTEM = "gen_ai.system_instructions"
TOOLS = "gen_ai.tool.definitions"

Body = Mapping[str, Any]
Part = dict[str, Any]
Message = dict[str, Any]
Found = TypeVar("Found")

_REASONS = {
    "tool_calls": "tool_call",
    "tool_use": "tool_call",
    "function_call": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "eos": "stop",
    "completed": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "incomplete": "length",
    "refusal": "content_filter",
    "safety": "content_filter",
    "failed": "error",
    "cancelled": "error",
}
_MIME_TYPES = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "htm": "text/html",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
}


def finish(reason: object, default: str) -> str:
    """A provider's finish reason in the words of the conventions; one that they have no word for stays as it is."""
    name = string(reason) or default
    return _REASONS.get(name, name)


def content_of(content: object, read: Callable[[object], list[Part]]) -> list[Part]:
    """The parts of a message's content, be it a text, blocks, or nothing.

    Args:
        read: what makes parts of a block.
    """
    if type(content) is str:
        return [text(content)]
    if content is None or absent(content):
        return []
    said = string(content)
    if said is not None:
        return [text(said)]
    blocks = items(content)
    if not blocks and not isinstance(content, (list, tuple)):
        return [other(content)]
    return [part for block in blocks if not absent(block) for part in read(block)]


def text(content: str) -> Part:
    return {"type": "text", "content": content}


def reasoning(content: str) -> Part:
    return {"type": "reasoning", "content": content}


def tool_call(call_id: object, name: object, arguments: object) -> Part:
    return {
        "type": "tool_call",
        "id": string(call_id),
        "name": string(name) or "",
        "arguments": parsed(arguments),
    }


def tool_response(call_id: object, response: object) -> Part:
    return {"type": "tool_call_response", "id": string(call_id), "response": plain(response)}


def server_call(call_id: object, name: object, kind: str, details: Mapping[str, Any]) -> Part:
    told = {"type": kind, **plain(details)}
    return {"type": "server_tool_call", "id": string(call_id), "name": string(name) or kind, "server_tool_call": told}


def server_response(call_id: object, kind: str, details: Mapping[str, Any]) -> Part:
    told = {"type": kind, **plain(details)}
    return {"type": "server_tool_call_response", "id": string(call_id), "server_tool_call_response": told}


def compaction(item: Body) -> Part:
    part: Part = {"type": "compaction", "content": string(item.get("content"))}
    if string(item.get("id")) is not None:
        part["id"] = item["id"]
    return part


def blob(modality: str, mime_type: str | None, content: object) -> Part:
    """Inline data, base64 as it came. Of a file or path that the SDK is yet to read, there is no content to tell."""
    if isinstance(content, (bytes, bytearray, memoryview)):
        content = b64encode(cast("bytes", content)).decode()
    return {"type": "blob", "modality": modality, "mime_type": mime_type, "content": string(content) or ""}


def file(modality: str, mime_type: str | None, file_id: str) -> Part:
    return {"type": "file", "modality": modality, "mime_type": mime_type, "file_id": file_id}


def link(modality: str, url: str, mime_type: str | None = None) -> Part:
    """A link as a ``uri`` part, or as a ``blob`` where it is a ``data:`` URL."""
    if not url.startswith("data:"):
        return {"type": "uri", "modality": modality, "mime_type": mime_type, "uri": url}
    head, _, payload = url.partition(",")
    mime_type = head[len("data:") :].partition(";")[0] or mime_type
    if not head.lower().endswith(";base64"):
        payload = b64encode(unquote_to_bytes(payload)).decode()
    return blob(modality, mime_type, payload)


def other(value: object) -> Part:
    """What the conventions have no part for: as it is, under its own type."""
    found = fields(value)
    if found is None:
        return {"type": type(value).__name__}
    kind = string(found.get("type")) or "unknown"
    told = plain(found)
    return {**told, "type": kind} if isinstance(told, dict) else {"type": kind}


def mime_type_of(filename: object) -> str | None:
    """The usual MIME type of a file's name; from a short table, for the system's would have to be read from disk."""
    name = string(filename)
    return _MIME_TYPES.get(name.rpartition(".")[2].lower()) if name else None


def parsed(arguments: object) -> Any:
    """A tool call's arguments as data; a text that is not JSON, as one that was cut is not, stays a text."""
    written = string(arguments)
    if written is None:
        return plain(arguments)
    if not written:
        return written
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return written


def message(role: object, parts: list[Part], name: object = None) -> Message:
    found: Message = {"role": string(role) or "unknown", "parts": parts}
    if string(name):
        found["name"] = string(name)
    return found


def output(role: object, parts: list[Part], reason: str) -> Message:
    return {"role": string(role) or "assistant", "parts": parts, "finish_reason": reason}


def function(tool: Body, parameters: str) -> dict[str, Any]:
    """The definition of a function, whose schema is in the field ``parameters``."""
    return {
        "type": "function",
        "name": string(tool.get("name")) or "",
        "description": string(tool.get("description")),
        "parameters": plain(fields(tool.get(parameters))),
    }


def hosted(tool: Body) -> dict[str, Any]:
    """The definition of a tool that is no function: type and name only, for its settings may hold credentials."""
    kind = string(tool.get("type")) or "unknown"
    name = string(tool.get("name")) or string(tool.get("server_label")) or string(tool.get("mcp_server_name"))
    found: dict[str, Any] = {"type": kind, "name": name or kind}
    if string(tool.get("description")):
        found["description"] = tool["description"]
    return found


class BaseContent:
    """A dialect says how messages, instructions and tools are found; here is what must hold whatever it finds."""

    def request(self, body: Body) -> dict[str, Any]:
        """What is asked: those of the input messages, system instructions and tool definitions that there are."""
        found: dict[str, Any] = {}
        for name, read in ((INPUT, self.messages), (SYSTEM, self.system), (TOOLS, self.tools)):
            value = _guarded(read, fields(body) or {})
            if value:
                found[name] = value
        return found

    def reply(self, data: Body) -> tuple[Message, ...]:
        """The output messages of a whole reply."""
        return tuple(_guarded(self.whole, fields(data) or {}) or ())

    def stream(self, events: list[Any]) -> tuple[Message, ...]:
        """The output messages of the events of a stream, of which the last may be missing."""
        heard = [cast("Body", event) for event in events if type(event) is dict or isinstance(event, Mapping)]
        return tuple(_guarded(self.folded, heard) or ())

    def messages(self, body: Body) -> list[Message]:
        return []

    def system(self, body: Body) -> list[Part]:
        return []

    def tools(self, body: Body) -> list[dict[str, Any]]:
        return []

    def whole(self, data: Body) -> Sequence[Message]:
        return ()

    def folded(self, events: list[Body]) -> Sequence[Message]:
        return ()


def _guarded(read: Callable[[Any], Found], value: object) -> Found | None:
    try:
        return read(value)
    except Exception as fault:  # noqa: BLE001 - content that we misread must not reach the call
        log_once(("content", read.__qualname__), "the content of a call could not be read", exc_info=fault)
        return None
