"""Anthropic messages, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tokeneff.testing.answers import Answer, Frame, Json, event_frame
from tokeneff.testing.replies import ToolCall, halves, pieces
from tokeneff.testing.turn import Turn
from tokeneff.testing.words import anthropic_finish, anthropic_usage

_PING: Json = {"type": "ping"}


def create(turn: Turn) -> Answer:
    """POST /v1/messages."""
    if turn.stream:
        return turn.sse(frames(turn))
    return turn.json(message(turn))


def message(turn: Turn) -> Json:
    """The whole message."""
    body = _opening(turn, _blocks(turn), anthropic_finish(turn.reply))
    if turn.usage is not None:
        body["usage"] = anthropic_usage(turn, turn.usage)
    return body


def _opening(turn: Turn, content: list[Json], stop_reason: str | None) -> Json:
    body: Json = {
        "id": turn.id("msg_"),
        "type": "message",
        "role": "assistant",
        "model": turn.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": _stop_sequence(turn, stop_reason),
    }
    if stop_reason == "refusal":
        body["stop_details"] = {"type": "refusal", "category": None, "explanation": turn.reply.refusal}
    return body


def _stop_sequence(turn: Turn, stop_reason: str | None) -> str | None:
    sequences = turn.payload.get("stop_sequences") or [None]
    return sequences[0] if stop_reason == "stop_sequence" else None


def _blocks(turn: Turn) -> list[Json]:
    reply = turn.reply
    blocks: list[Json] = []
    if reply.reasoning is not None:
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": reply.signature})
    if text := reply.text or reply.refusal:
        blocks.append({"type": "text", "text": text})
    for index, call in enumerate(reply.tool_calls):
        blocks.append(_tool_use(turn, index, _parsed(call)))
    return blocks


def _tool_use(turn: Turn, index: int, arguments: Any) -> Json:
    call_id = turn.call_id(index, "toolu_")
    return {"type": "tool_use", "id": call_id, "name": turn.reply.tool_calls[index].name, "input": arguments}


def _parsed(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments_json)
    except ValueError:
        return {}  # a whole message cannot carry broken JSON


def frames(turn: Turn) -> Iterator[Frame]:
    """The events of a streamed message."""
    opening = _opening(turn, [], None)
    if turn.usage is not None:
        opening["usage"] = anthropic_usage(turn, turn.usage, min(1, turn.usage.output_tokens))
    yield event_frame({"type": "message_start", "message": opening})
    said = 0
    for index, (block, deltas) in enumerate(_streamed(turn)):
        yield event_frame({"type": "content_block_start", "index": index, "content_block": block})
        if index == 0:
            yield event_frame(_PING)
        for delta in deltas:
            yield event_frame({"type": "content_block_delta", "index": index, "delta": delta}, content=True)
            said += 1
        yield event_frame({"type": "content_block_stop", "index": index})
        if turn.usage_style == "every_chunk" and turn.usage is not None:
            yield _delta(turn, None, min(said, turn.usage.output_tokens))
    yield _delta(turn, anthropic_finish(turn.reply), None)
    yield event_frame({"type": "message_stop"})


def _delta(turn: Turn, stop_reason: str | None, output_tokens: int | None) -> Frame:
    change: Json = {"stop_reason": stop_reason, "stop_sequence": _stop_sequence(turn, stop_reason)}
    if stop_reason == "refusal":
        change["stop_details"] = {"type": "refusal", "category": None, "explanation": turn.reply.refusal}
    body: Json = {"type": "message_delta", "delta": change}
    if turn.usage is not None:
        body["usage"] = anthropic_usage(turn, turn.usage, output_tokens, final=True)
    return event_frame(body)


def _streamed(turn: Turn) -> Iterator[tuple[Json, list[Json]]]:
    """Each content block as it starts, and its deltas."""
    reply = turn.reply
    if reply.reasoning is not None:
        deltas: list[Json] = [{"type": "thinking_delta", "thinking": part} for part in pieces(reply.reasoning)]
        deltas.append({"type": "signature_delta", "signature": reply.signature})
        yield {"type": "thinking", "thinking": "", "signature": ""}, deltas
    if text := reply.text or reply.refusal:
        parts = reply.choice_pieces(0) if reply.text else pieces(text)
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": part} for part in parts]
    for index, call in enumerate(reply.tool_calls):
        parts = ["", *halves(call.arguments_json)]
        yield _tool_use(turn, index, {}), [{"type": "input_json_delta", "partial_json": part} for part in parts]
