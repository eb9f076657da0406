"""Messages and the events of their streams, one made of the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from tokeneff.adapters._turning import Event, Json, Turning, nothing, objects, words

Body = Mapping[str, Any]

_JOINED = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}
_TYPED = {"tool_use", "server_tool_use", "mcp_tool_use"}
_KNOWN = {"ping", "message_start", "message_delta", "message_stop"}
_ENDING = ("stop_reason", "stop_sequence", "stop_details", "container")


class _Unknown(Exception):
    """Something that is not known here, and might be lost in turning."""


def whole(events: Sequence[Json]) -> Json | None:
    """The message that was streamed as these events."""
    try:
        return _whole(events)
    except (_Unknown, LookupError, TypeError, ValueError, AttributeError):
        return None


def _whole(events: Sequence[Json]) -> Json | None:
    start, *rest = (event for event in events if event["type"] != "ping")
    if start["type"] != "message_start" or rest[-1]["type"] != "message_stop":
        return None
    message: Json = {**start["message"], "content": []}
    blocks: dict[int, _Block] = {}
    for event in rest:
        kind: str = event["type"]
        if kind == "content_block_start":
            blocks[event["index"]] = _Block(event["content_block"])
        elif kind == "content_block_delta":
            blocks[event["index"]].add(event["delta"])
        elif kind == "message_delta":
            _change(message, event)
        elif kind not in _KNOWN and kind != "content_block_stop":
            raise _Unknown
    message["content"] = [blocks[index].whole() for index in sorted(blocks)]
    return message if message.get("stop_reason") else None


def _change(message: Json, event: Json) -> None:
    for key, value in event.items():
        if key == "usage":
            message["usage"] = {**(message.get("usage") or {}), **{k: v for k, v in value.items() if v is not None}}
        elif key == "delta":
            message.update(value)
        elif key != "type":
            message[key] = value


class _Block:
    """One block of content, as it comes."""

    def __init__(self, opened: Json) -> None:
        self.block: Json = dict(opened)
        self.typed: list[str] = []

    def add(self, delta: Json) -> None:
        kind: str = delta["type"]
        if kind in _JOINED:
            key = _JOINED[kind]
            self.block[key] = (self.block.get(key) or "") + delta[key]
        elif kind == "input_json_delta":
            self.typed.append(delta["partial_json"])
        elif kind == "citations_delta":
            self.block["citations"] = [*(self.block.get("citations") or ()), delta["citation"]]
        else:
            raise _Unknown

    def whole(self) -> Json:
        typed = "".join(self.typed)
        return {**self.block, "input": json.loads(typed)} if typed else self.block


def events(whole: Json, body: Body) -> list[Event] | None:
    """The events that this message would have been streamed as, as far as that can be known: its words one by one."""
    blocks = objects(whole.get("content"))
    usage = whole.get("usage")
    if blocks is None or type(usage) is not dict or not whole.get("stop_reason"):
        return None
    counted = cast("Json", usage)
    ending: Json = {key: whole[key] for key in _ENDING if key in whole}
    beside: Json = {key: whole[key] for key in ("context_management",) if not nothing(whole.get(key))}
    opening: Json = {key: value for key, value in whole.items() if key not in beside}
    opening |= {"content": [], **{key: None for key in ("stop_reason", "stop_sequence") if key in whole}}
    opening |= {key: None for key in ("stop_details",) if key in whole}
    opening["usage"] = {**counted, "output_tokens": min(1, counted.get("output_tokens") or 0)}
    made: list[Json] = [{"type": "message_start", "message": opening}]
    try:
        for index, block in enumerate(blocks):
            opened, deltas = _opened(block)
            made.append({"type": "content_block_start", "index": index, "content_block": opened})
            made += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
            made.append({"type": "content_block_stop", "index": index})
    except (_Unknown, LookupError, TypeError, AttributeError):
        return None
    made.append({"type": "message_delta", "delta": ending, **beside, "usage": counted})
    made.append({"type": "message_stop"})
    return [(event["type"], event) for event in made]


def _opened(block: Json) -> tuple[Json, list[Json]]:
    """A block as it begins, and what then comes of it."""
    kind: str = block["type"]
    if kind == "text":
        cited = [{"type": "citations_delta", "citation": one} for one in block.get("citations") or ()]
        said = [{"type": "text_delta", "text": piece} for piece in words(block["text"])]
        opened: Json = {**block, "text": "", **({"citations": list[Json]()} if cited else {})}
        return opened, [*cited, *said]
    if kind == "thinking":
        thought = [{"type": "thinking_delta", "thinking": piece} for piece in words(block["thinking"])]
        signed: list[Json] = [{"type": "signature_delta", "signature": block.get("signature") or ""}]
        return {**block, "thinking": "", "signature": ""}, [*thought, *signed]
    if kind in _TYPED:
        return {**block, "input": {}}, list(_typed(block["input"]))
    if kind.endswith("_tool_result") or kind == "redacted_thinking":
        return block, []  # these come whole
    raise _Unknown


def _typed(value: Any) -> Iterator[Json]:
    text = json.dumps(value)
    half = (len(text) + 1) // 2
    for piece in ("", text[:half], text[half:]):
        yield {"type": "input_json_delta", "partial_json": piece}


TURNING = Turning(whole, events)
