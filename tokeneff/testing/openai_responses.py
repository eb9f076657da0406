"""OpenAI's Responses API, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokeneff.testing.answers import Answer, Frame, Json, event_frame
from tokeneff.testing.listing import missing, page
from tokeneff.testing.replies import halves, pieces
from tokeneff.testing.turn import CREATED, Turn, counted
from tokeneff.testing.words import openai_finish, responses_usage

_ECHOED: Json = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def create(turn: Turn) -> Answer:
    """POST /responses."""
    whole = response(turn)
    if turn.payload.get("store", True):
        turn.store.put("response", whole["id"], whole)
    if turn.stream:
        return turn.sse(_numbered(_events(turn, whole)))
    return turn.json(whole)


def retrieve(turn: Turn) -> Answer:
    """GET /responses/{id}."""
    found = turn.store.get("response", turn.params[0])
    return turn.json(found) if found else missing(turn, f"response: {turn.params[0]}")


def cancel(turn: Turn) -> Answer:
    """POST /responses/{id}/cancel."""
    found = turn.store.get("response", turn.params[0])
    return turn.json({**found, "status": "cancelled"}) if found else missing(turn, f"response: {turn.params[0]}")


def delete(turn: Turn) -> Answer:
    """DELETE /responses/{id}."""
    if turn.store.pop("response", turn.params[0]) is None:
        return missing(turn, f"response: {turn.params[0]}")
    return turn.json({"id": turn.params[0], "object": "response", "deleted": True})


def input_items(turn: Turn) -> Answer:
    """GET /responses/{id}/input_items: one item, the input as text."""
    content = [{"type": "input_text", "text": "the input"}]
    item = {"id": "msg_input", "type": "message", "role": "user", "status": "completed", "content": content}
    return page(turn, [item])


def input_tokens(turn: Turn) -> Answer:
    """POST /responses/input_tokens."""
    usage = turn.reply.usage or counted(turn.payload, turn.reply)
    return turn.json({"object": "response.input_tokens", "input_tokens": usage.input_tokens})


def response(turn: Turn) -> Json:
    """The whole response object."""
    reason = _INCOMPLETE.get(openai_finish(turn.reply))
    tier = turn.reply.service_tier or turn.payload.get("service_tier") or "default"
    body: Json = {
        "id": turn.id("resp_"),
        "object": "response",
        "created_at": CREATED,
        "status": "incomplete" if reason else "completed",
        "completed_at": None if reason else CREATED,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": turn.model,
        "output": [item for item, _ in _items(turn)],
        "service_tier": "default" if tier == "auto" else tier,
    }
    for key, value in _ECHOED.items():
        body[key] = turn.payload[key] if turn.payload.get(key) is not None else value
    if turn.usage is not None:
        body["usage"] = responses_usage(turn, turn.usage)
    return body


Delta = tuple[str, Json]  # an event's name after "response.", and its fields


def _items(turn: Turn) -> Iterator[tuple[Json, str]]:
    """Each output item, whole, and its kind."""
    reply = turn.reply
    if reply.reasoning is not None:
        summary = [{"type": "summary_text", "text": reply.reasoning}]
        yield {"id": turn.part_id("rs_"), "type": "reasoning", "summary": summary}, "reasoning"
    content: list[Json] = []
    if reply.text:
        text: Json = {"type": "output_text", "annotations": [], "logprobs": _logprobs(turn), "text": reply.text}
        content.append(text)
    if reply.refusal is not None:
        content.append({"type": "refusal", "refusal": reply.refusal})
    if content or not reply.tool_calls:
        status = "incomplete" if openai_finish(reply) in _INCOMPLETE else "completed"
        message = {"id": turn.part_id("msg_"), "type": "message", "status": status, "role": "assistant"}
        yield {**message, "content": content}, "message"
    for index, call in enumerate(reply.tool_calls):
        yield (
            {
                "id": f"{turn.part_id('fc_')}_{index}",
                "type": "function_call",
                "status": "completed",
                "arguments": call.arguments_json,
                "call_id": turn.call_id(index, "call_"),
                "name": call.name,
            },
            "call",
        )


def _logprobs(turn: Turn) -> list[Json]:
    if "message.output_text.logprobs" not in (turn.payload.get("include") or []):
        return []
    return [
        {"token": part, "bytes": list(part.encode("utf-8", "replace")), "logprob": -0.25, "top_logprobs": []}
        for part in turn.reply.choice_pieces(0)
    ]


def _numbered(events: Iterator[tuple[Json, bool]]) -> Iterator[Frame]:
    for number, (event, content) in enumerate(events):
        event["sequence_number"] = number
        yield event_frame(event, content=content)


def _events(turn: Turn, whole: Json) -> Iterator[tuple[Json, bool]]:
    begun: Json = {**whole, "status": "in_progress", "completed_at": None, "incomplete_details": None, "output": []}
    begun["usage"] = None
    yield {"type": "response.created", "response": begun}, False
    yield {"type": "response.in_progress", "response": begun}, False
    for index, (item, kind) in enumerate(_items(turn)):
        opened = {**item, **_EMPTIED[kind]}
        yield {"type": "response.output_item.added", "output_index": index, "item": opened}, False
        for name, fields in _EXPANDED[kind](turn, item):
            event = {"type": f"response.{name}", "item_id": item["id"], "output_index": index, **fields}
            yield event, name.endswith(".delta")
        yield {"type": "response.output_item.done", "output_index": index, "item": item}, False
    yield {"type": f"response.{whole['status']}", "response": whole}, False


def _reasoning(turn: Turn, item: Json) -> Iterator[Delta]:
    text = turn.reply.reasoning or ""
    where = {"summary_index": 0}
    yield "reasoning_summary_part.added", {**where, "part": {"type": "summary_text", "text": ""}}
    for part in pieces(text):
        yield "reasoning_summary_text.delta", {**where, "delta": part}
    yield "reasoning_summary_text.done", {**where, "text": text}
    yield "reasoning_summary_part.done", {**where, "part": item["summary"][0]}


def _message(turn: Turn, item: Json) -> Iterator[Delta]:
    parts: list[Any] = item["content"]
    for index, part in enumerate(parts):
        where = {"content_index": index}
        if part["type"] == "output_text":
            yield "content_part.added", {**where, "part": {**part, "text": "", "logprobs": []}}
            asked = _logprobs(turn)
            for i, piece in enumerate(turn.reply.choice_pieces(0)):
                yield "output_text.delta", {**where, "delta": piece, "logprobs": asked[i : i + 1]}
            yield "output_text.done", {**where, "text": part["text"], "logprobs": asked}
        else:
            yield "content_part.added", {**where, "part": {**part, "refusal": ""}}
            for piece in pieces(part["refusal"]):
                yield "refusal.delta", {**where, "delta": piece}
            yield "refusal.done", {**where, "refusal": part["refusal"]}
        yield "content_part.done", {**where, "part": part}


def _call(_turn: Turn, item: Json) -> Iterator[Delta]:
    for piece in halves(item["arguments"]):
        yield "function_call_arguments.delta", {"delta": piece}
    yield "function_call_arguments.done", {"name": item["name"], "arguments": item["arguments"]}


_EMPTIED: dict[str, Json] = {
    "reasoning": {"summary": []},
    "message": {"status": "in_progress", "content": []},
    "call": {"status": "in_progress", "arguments": ""},
}
_EXPANDED = {"reasoning": _reasoning, "message": _message, "call": _call}
