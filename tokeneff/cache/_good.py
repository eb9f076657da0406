"""Which replies are good enough to be given again: what can be said of them when they are whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from tokeneff._flow import Call
from tokeneff._sse import events
from tokeneff.cache._reply import Reply

_GOOD = frozenset(
    "stop tool_calls function_call end_turn stop_sequence tool_use completed eos eos_token".split()  # noqa: SIM905
)
_BAD = {
    "length": "truncated",
    "max_tokens": "truncated",
    "max_output_tokens": "truncated",
    "model_length": "truncated",
    "model_context_window_exceeded": "truncated",
    "content_filter": "content filter",
    "safety": "content filter",
    "refusal": "refusal",
    "pause_turn": "paused",
    "error": "error",
    "failed": "error",
    "cancelled": "error",
}
Body = Mapping[str, Any]


class _Said:
    """What a reply said of how it ended, and which tools it called."""

    def __init__(self) -> None:
        self.endings: dict[Any, str | None] = {}
        """By choice; ``None`` for one that has not ended."""
        self.tools: set[str] = set()
        self.whys: list[str] = []

    def bad(self, why: str) -> None:
        self.whys.append(why)

    def calls(self, tool: object) -> None:
        """Note the name of a tool call, be it in the call itself or in its function."""
        holder = _part(tool)
        for found in (holder, _part(holder.get("function")), _part(holder.get("custom"))):
            if isinstance(found.get("name"), str):
                self.tools.add(found["name"])


def not_good(call: Call, reply: Reply, *, truncated: bool = False, exclude_tools: Iterable[str] = frozenset()) -> str:
    """Why a whole reply is not kept, in a few words of low cardinality; empty where it is good.

    ``"error"`` (also one inside a reply of status 200), ``"empty"``, ``"refusal"``, ``"content filter"``,
    ``"truncated"``, ``"paused"``, ``"not finished"``, ``"excluded tool"``, ``"expiring link"``, ``"unreadable"``.

    Args:
        truncated: whether replies that came to a limit of length are good. exclude_tools: names of tools; a reply
            that calls one of them is not.
    """
    try:
        said = _heard(call, reply)
    except (ValueError, RecursionError, UnicodeError):
        return "unreadable"
    for why in said.whys:
        if why != "truncated" or not truncated:
            return why
    return "excluded tool" if not said.tools.isdisjoint(exclude_tools) else ""


def _heard(call: Call, reply: Reply) -> _Said:
    said = _Said()
    kind = call.endpoint.dialect or call.endpoint.operation
    if not reply.body:
        said.bad("empty")
    elif reply.form == "json":
        data = json.loads(reply.body)
        _WHOLE.get(kind, _other)(said, _checked(said, data))
    elif reply.form == "sse":
        number = 0
        for number, event in enumerate(events(reply.body), 1):  # noqa: B007 - counted
            _EVENT.get(kind, _other_event)(said, _checked(said, event))
        if not number or (kind in _EVENT and not said.endings):
            said.bad("empty")
    elif kind in _WHOLE and kind not in ("transcription", "translation"):
        said.bad("unreadable")
    for ending in said.endings.values():
        if ending not in _GOOD:
            said.bad(_BAD.get(ending or "", "not finished"))
    return said


def _checked(said: _Said, data: Any) -> Body:
    body = _part(data)
    if body.get("error") or body.get("type") == "error":
        said.bad("error")
    return body


def _chat(said: _Said, data: Body) -> None:
    choices = _several(data.get("choices"))
    if not choices:
        said.bad("empty")
    for number, choice in enumerate(choices):
        _choice(said, choice, number, "message")


def _chat_event(said: _Said, event: Body) -> None:
    for choice in _several(event.get("choices")):
        _choice(said, choice, 0, "delta")


def _choice(said: _Said, choice: Body, number: int, name: str) -> None:
    place = choice.get("index", number)
    said.endings[place] = choice.get("finish_reason") or said.endings.get(place)
    message = _part(choice.get(name))
    if message.get("refusal"):
        said.bad("refusal")
    for tool in _several(message.get("tool_calls")):
        said.calls(tool)
    said.calls(message.get("function_call"))


def _response(said: _Said, data: Body) -> None:
    status = data.get("status")
    said.endings[0] = _part(data.get("incomplete_details")).get("reason") if status == "incomplete" else status
    output = _several(data.get("output"))
    if not output:
        said.bad("empty")
    for item in output:
        said.calls(item)
        if any(block.get("type") == "refusal" for block in _several(item.get("content"))):
            said.bad("refusal")


def _response_event(said: _Said, event: Body) -> None:
    kind = event.get("type")
    if kind in ("response.completed", "response.incomplete", "response.failed", "response.cancelled"):
        _response(said, _part(event.get("response")))
    elif kind == "response.output_item.added":
        said.calls(event.get("item"))


def _message(said: _Said, data: Body) -> None:
    said.endings[0] = data.get("stop_reason")
    for block in _several(data.get("content")):
        said.calls(block)


def _message_event(said: _Said, event: Body) -> None:
    kind = event.get("type")
    if kind == "message_start":
        said.endings[0] = None
    elif kind == "content_block_start":
        said.calls(event.get("content_block"))
    elif kind == "message_delta":
        said.endings[1] = _part(event.get("delta")).get("stop_reason") or said.endings.get(1)
    elif kind == "message_stop":
        said.endings[0] = said.endings.get(1)
    elif kind == "completion":
        said.endings[0] = event.get("stop_reason")


def _list_of(name: str) -> Callable[[_Said, Body], None]:
    def read(said: _Said, data: Body) -> None:
        found = _several(data.get(name))
        if not found:
            said.bad("empty")
        if any(item.get("url") for item in found):
            said.bad("expiring link")

    return read


def _heard_text(said: _Said, data: Body) -> None:
    if not isinstance(data.get("text"), str):
        said.bad("empty")


def _other(said: _Said, data: Body) -> None:
    if not data:
        said.bad("empty")


def _other_event(said: _Said, event: Body) -> None:
    kind = event.get("type")
    said.endings[0] = "stop" if isinstance(kind, str) and kind.endswith((".done", ".completed")) else None


_WHOLE: dict[str, Callable[[_Said, Body], None]] = {
    "chat": _chat,
    "completions": _chat,
    "responses": _response,
    "messages": _message,
    "text_completion": _message,
    "embeddings": _list_of("data"),
    "moderation": _list_of("results"),
    "image_generation": _list_of("data"),
    "image_edit": _list_of("data"),
    "image_variation": _list_of("data"),
    "transcription": _heard_text,
    "translation": _heard_text,
}
_EVENT: dict[str, Callable[[_Said, Body], None]] = {
    "chat": _chat_event,
    "completions": _chat_event,
    "responses": _response_event,
    "messages": _message_event,
    "text_completion": _message_event,
}


def _part(value: Any) -> Body:
    return cast("Body", value) if isinstance(value, Mapping) else {}


def _several(value: Any) -> list[Body]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [item for item in items if isinstance(item, Mapping)]
