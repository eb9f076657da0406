"""Legacy completions and their chunks, one made of the other. Both have the same fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tokeneff.adapters._turning import DONE, Event, Json, Turning, nothing, objects, words

Body = Mapping[str, Any]
_CHOICE = {"index", "text", "logprobs", "finish_reason"}
_KNOWN = {"id", "object", "created", "model", "choices", "usage", "system_fingerprint"}


def whole(events: Sequence[Json]) -> Json | None:
    """The ``text_completion`` that was streamed as these chunks; ``None`` also where they had no usage."""
    usage = next((chunk["usage"] for chunk in reversed(events) if chunk.get("usage")), None)
    if usage is None or any(_odd(chunk, _KNOWN) for chunk in events):
        return None
    made: dict[int, Json] = {}
    for chunk in events:
        for said in objects(chunk.get("choices")) or ():
            if _odd(said, _CHOICE) or not nothing(said.get("logprobs")):
                return None
            choice = made.setdefault(said.get("index", 0), {**said, "text": ""})
            choice["text"] += said.get("text") or ""
            choice["finish_reason"] = said.get("finish_reason") or choice.get("finish_reason")
    if not made or any(choice["finish_reason"] is None for choice in made.values()):
        return None
    return {**events[0], "choices": [made[index] for index in sorted(made)], "usage": usage}


def events(whole: Json, body: Body) -> list[Event] | None:
    """The chunks that this ``text_completion`` would have been streamed as: its words one by one."""
    choices = objects(whole.get("choices"))
    if not choices or _odd(whole, _KNOWN):
        return None
    asked = body.get("stream_options")
    with_usage = isinstance(asked, Mapping) and bool(cast("Body", asked).get("include_usage"))
    head: Json = {key: value for key, value in whole.items() if key not in ("choices", "usage")}
    beside: Json = {"usage": None} if with_usage else {}
    made: list[Event] = []
    for choice in choices:
        if _odd(choice, _CHOICE) or not nothing(choice.get("logprobs")) or type(choice.get("text")) is not str:
            return None
        said = [{**choice, "text": piece, "finish_reason": None} for piece in words(choice["text"])]
        made += [(None, {**head, "choices": [one], **beside}) for one in [*said, {**choice, "text": ""}]]
    if with_usage:
        made.append((None, {**head, "choices": [], "usage": whole.get("usage")}))
    return [*made, DONE]


def _odd(fields: Json, known: set[str]) -> bool:
    return any(key not in known and not nothing(value) for key, value in fields.items())


TURNING = Turning(whole, events)
