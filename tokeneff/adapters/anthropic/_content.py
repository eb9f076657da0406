"""Messages of the Anthropic dialect in the form of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokeneff._plain import absent, fields, items, string
from tokeneff.adapters._parts import (
    BaseContent,
    Body,
    Message,
    Part,
    finish,
    function,
    hosted,
    message,
    other,
    output,
)
from tokeneff.adapters.anthropic._blocks import content_parts


class MessagesContent(BaseContent):
    """Content of ``/v1/messages``."""

    def messages(self, body: Body) -> list[Message]:
        return [_message(item) for item in items(body.get("messages")) if not absent(item)]

    def system(self, body: Body) -> list[Part]:
        return content_parts(body.get("system"))

    def tools(self, body: Body) -> list[dict[str, Any]]:
        return [_tool(tool) for tool in items(body.get("tools")) if not absent(tool)]

    def whole(self, data: Body) -> Sequence[Message]:
        return _spoken(data, "stop") if "content" in data else ()

    def folded(self, events: list[Body]) -> Sequence[Message]:
        data = fold(events)
        return () if data is None else _spoken(data, "error")


def _message(item: object) -> Message:
    said = fields(item)
    if said is None:
        return message(None, [other(item)])
    return message(said.get("role"), content_parts(said.get("content")))


def _spoken(data: Body, default: str) -> list[Message]:
    parts = content_parts(data.get("content"))
    if default == "stop" and any(part["type"] == "tool_call" for part in parts):
        default = "tool_call"
    return [output(data.get("role"), parts, finish(data.get("stop_reason"), default))]


def _tool(value: object) -> dict[str, Any]:
    tool = fields(value)
    if tool is None:
        return {**other(value), "name": type(value).__name__}
    # A tool of the caller's own has a schema; its type is "custom", or was never given.
    if "input_schema" in tool or string(tool.get("type")) in (None, "custom"):
        return function(tool, "input_schema")
    return hosted(tool)


def fold(events: list[Body]) -> Body | None:
    """The message as far as it was heard, or ``None`` if the stream never came to its start."""
    told: dict[str, Any] = {}
    blocks: dict[int, _Block] = {}
    begun = False
    for event in events:
        kind = event.get("type")
        if kind == "content_block_delta":
            _of(blocks, event).hear(fields(event.get("delta")) or {})
        elif kind == "content_block_start":
            _of(blocks, event).start(fields(event.get("content_block")) or {})
        elif kind == "message_start":
            told.update(fields(event.get("message")) or {})
        elif kind == "message_delta":
            reason = (fields(event.get("delta")) or {}).get("stop_reason")
            told["stop_reason"] = reason or told.get("stop_reason")
        elif kind != "error":
            continue
        begun = True
    if not begun:
        return None
    if blocks:
        told["content"] = [blocks[index].told() for index in sorted(blocks)]
    return told


def _of(blocks: dict[int, _Block], event: Body) -> _Block:
    index = event.get("index")
    return blocks.setdefault(index if isinstance(index, int) else 0, _Block())


# The field of a delta, and the field of the block that it is a piece of.
_PIECES = {"text": "text", "thinking": "thinking", "partial_json": "input", "content": "content"}
_KINDS = {"text": "text", "thinking": "thinking", "input": "tool_use", "content": "compaction"}


class _Block:
    """One content block while it is being heard."""

    __slots__ = ("_begun", "_pieces")

    def __init__(self) -> None:
        self._begun: Body = {}
        self._pieces: dict[str, list[str]] = {}

    def start(self, block: Body) -> None:
        self._begun = block

    def hear(self, delta: Body) -> None:
        for key, field in _PIECES.items():
            said = delta.get(key)
            if isinstance(said, str) and said:
                self._pieces.setdefault(field, []).append(said)

    def told(self) -> Body:
        """The block in the form of a whole reply's, but that its ``input`` may still be JSON text."""
        block = dict(self._begun)
        for field, pieces in self._pieces.items():
            block.setdefault("type", _KINDS[field])
            begun = string(block.get(field)) or ""
            block[field] = begun + "".join(pieces)
        return block
