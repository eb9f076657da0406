"""Responses and the events of their streams, one made of the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from tokeneff.adapters._turning import Event, Json, Turning, nothing, objects, words

Body = Mapping[str, Any]
Said: TypeAlias = tuple[str, Json]
"""The name of an event after ``response.``, and its fields."""


def whole(events: Sequence[Json]) -> Json | None:
    """The response that the last event of its stream carries."""
    for event in reversed(events):
        if event.get("type") == "response.completed":
            response = event.get("response")
            return cast("Json", response) if type(response) is dict else None
    return None


def events(whole: Json, body: Body) -> list[Event] | None:
    """The events that this response would have been streamed as, as far as that can be known: its words one by one."""
    items = objects(whole.get("output"))
    if items is None or whole.get("status") != "completed":
        return None
    begun: Json = {**whole, "status": "in_progress", "output": [], "usage": None}
    if "completed_at" in begun:
        begun["completed_at"] = None
    made: list[Said] = [("created", {"response": begun}), ("in_progress", {"response": begun})]
    for index, item in enumerate(items):
        turn = _ITEMS.get(item.get("type", ""))
        said = turn(item) if turn is not None else None
        if said is None:
            return None
        opened, between = said
        made.append(("output_item.added", {"output_index": index, "item": opened}))
        made += [(name, {"item_id": item.get("id"), "output_index": index, **fields}) for name, fields in between]
        made.append(("output_item.done", {"output_index": index, "item": item}))
    made.append(("completed", {"response": whole}))
    return [
        (f"response.{name}", {"type": f"response.{name}", "sequence_number": number, **fields})
        for number, (name, fields) in enumerate(made)
    ]


def _message(item: Json) -> tuple[Json, list[Said]] | None:
    parts = objects(item.get("content"))
    if parts is None or any(part.get("type") not in ("output_text", "refusal") for part in parts):
        return None
    if any(part["type"] == "output_text" and not nothing(part.get("logprobs")) for part in parts):
        return None  # whose words these are cannot be told soundly
    said = [one for index, part in enumerate(parts) for one in _part(index, part)]
    return {**item, "status": "in_progress", "content": []}, said


def _part(index: int, part: Json) -> Iterator[Said]:
    where: Json = {"content_index": index}
    if part["type"] == "refusal":
        yield "content_part.added", {**where, "part": {**part, "refusal": ""}}
        yield from (("refusal.delta", {**where, "delta": piece}) for piece in words(part["refusal"]))
        yield "refusal.done", {**where, "refusal": part["refusal"]}
    else:
        yield "content_part.added", {**where, "part": {**part, "annotations": [], "text": ""}}
        for piece in words(part["text"]):
            yield "output_text.delta", {**where, "delta": piece, "logprobs": []}
        for number, annotation in enumerate(part.get("annotations") or ()):
            fields: Json = {**where, "annotation_index": number, "annotation": annotation}
            yield "output_text.annotation.added", fields
        yield "output_text.done", {**where, "text": part["text"], "logprobs": []}
    yield "content_part.done", {**where, "part": part}


def _function(item: Json) -> tuple[Json, list[Said]] | None:
    return _called(item, "arguments", "function_call_arguments", {"name": item.get("name")})


def _custom(item: Json) -> tuple[Json, list[Said]] | None:
    return _called(item, "input", "custom_tool_call_input", {})


def _called(item: Json, key: str, event: str, beside: Json) -> tuple[Json, list[Said]] | None:
    text = item.get(key)
    if type(text) is not str:
        return None
    said: list[Said] = [(f"{event}.delta", {"delta": piece}) for piece in words(text)]
    opened = {**item, key: ""} | ({"status": "in_progress"} if "status" in item else {})
    return opened, [*said, (f"{event}.done", {**beside, key: text})]


def _reasoning(item: Json) -> tuple[Json, list[Said]] | None:
    summary = objects(item.get("summary") or [])
    if summary is None or not nothing(item.get("content")):
        return None
    said: list[Said] = []
    for index, part in enumerate(summary):
        where: Json = {"summary_index": index}
        text: str = part["text"]
        said.append(("reasoning_summary_part.added", {**where, "part": {**part, "text": ""}}))
        said += [("reasoning_summary_text.delta", {**where, "delta": piece}) for piece in words(text)]
        said.append(("reasoning_summary_text.done", {**where, "text": text}))
        said.append(("reasoning_summary_part.done", {**where, "part": part}))
    return {**item, "summary": []}, said


_ITEMS = {"message": _message, "function_call": _function, "custom_tool_call": _custom, "reasoning": _reasoning}
TURNING = Turning(whole, events)
