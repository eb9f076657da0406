"""The content blocks of Anthropic messages as parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tokeneff._plain import fields, string
from tokeneff.adapters._parts import (
    Body,
    Part,
    blob,
    compaction,
    content_of,
    file,
    link,
    other,
    parsed,
    reasoning,
    server_call,
    server_response,
    text,
    tool_call,
    tool_response,
)

_RESULT = "_tool_result"


def content_parts(content: object) -> list[Part]:
    """The parts of a message's ``content``, or of ``system``: a text, blocks, or nothing."""
    return content_of(content, _parts)


def _parts(value: object) -> list[Part]:
    block = fields(value)
    if block is None:
        said = string(value)
        return [other(value) if said is None else text(said)]
    kind = string(block.get("type"))
    if kind is None and string(block.get("text")) is not None:
        kind = "text"
    read = _BLOCKS.get(kind or "")
    if read is not None:
        return read(block) or [other(block)]
    if kind is not None and kind.endswith(_RESULT):
        return _server_result(block, kind[: -len(_RESULT)])
    return [other(block)]


def _text(block: Body) -> list[Part]:
    return [text(string(block.get("text")) or "")]


def _thought(block: Body) -> list[Part]:
    # A redacted block's data is encrypted; that there was one is all there is to tell.
    return [reasoning(string(block.get("thinking")) or "")]


def _tool_use(block: Body) -> list[Part]:
    return [tool_call(block.get("id"), block.get("name"), block.get("input"))]


def _tool_result(block: Body) -> list[Part]:
    return [tool_response(block.get("tool_use_id"), block.get("content"))]


def _server_use(block: Body) -> list[Part]:
    kind = string(block.get("name")) or "unknown"
    return [server_call(block.get("id"), kind, kind, {"input": parsed(block.get("input"))})]


def _mcp_use(block: Body) -> list[Part]:
    details = {"server_name": block.get("server_name"), "input": parsed(block.get("input"))}
    return [server_call(block.get("id"), block.get("name"), "mcp", details)]


def _server_result(block: Body, kind: str) -> list[Part]:
    details: dict[str, Any] = {"content": block.get("content")}
    if block.get("is_error") is True:
        details["is_error"] = True
    return [server_response(block.get("tool_use_id"), kind, details)]


def _sourced(modality: str) -> Callable[[Body], list[Part]]:
    """Reads a block whose data are in its ``source``."""

    def read(block: Body) -> list[Part]:
        source = fields(block.get("source"))
        return [] if source is None else _source(source, modality)

    return read


def _source(source: Mapping[str, Any], modality: str) -> list[Part]:
    kind = string(source.get("type"))
    mime_type = string(source.get("media_type"))
    if kind == "base64":
        return [blob(modality, mime_type, source.get("data"))]
    if kind == "url" and string(source.get("url")):
        return [link(modality, str(source["url"]), mime_type)]
    if kind == "file" and string(source.get("file_id")):
        return [file(modality, mime_type, str(source["file_id"]))]
    if kind == "text" and string(source.get("data")) is not None:
        return [text(str(source["data"]))]
    return content_parts(source.get("content")) if kind == "content" else []


def _uploaded(block: Body) -> list[Part]:
    known = string(block.get("file_id"))
    return [file("document", None, known)] if known else []


def _compaction(block: Body) -> list[Part]:
    return [compaction(block)]


_BLOCKS: dict[str, Callable[[Body], list[Part]]] = {
    "text": _text,
    "thinking": _thought,
    "redacted_thinking": _thought,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_use": _server_use,
    "mcp_tool_use": _mcp_use,
    "image": _sourced("image"),
    "document": _sourced("document"),
    "audio": _sourced("audio"),
    "video": _sourced("video"),
    "container_upload": _uploaded,
    "compaction": _compaction,
}
