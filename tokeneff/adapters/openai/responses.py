"""The Responses API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tokeneff._done import Managed
from tokeneff._flow import UNKNOWN, Call, Tokens
from tokeneff.adapters import Attributes, Endpoint
from tokeneff.adapters._reading import BaseReader, part, text
from tokeneff.adapters.openai import _content
from tokeneff.adapters.openai._request import request_attributes
from tokeneff.adapters.openai._usage import tokens_of

Body = Mapping[str, Any]

_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_TEXTS = ("response.output_text.delta", "response.refusal.delta")
_ARGUMENTS = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_THOUGHTS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


class ResponsesReader(BaseReader):
    """Reads ``response`` objects and the events of their streams."""

    __slots__ = ("_conversation", "_later", "_over")

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._over = False
        self._later = False
        self._conversation: str | None = None

    @property
    def terminal(self) -> bool:
        return self._over

    def conversation(self) -> str | None:
        return self._conversation

    def read_whole(self, data: Body) -> None:
        usage = part(data, "usage")
        self.tokens = (tokens_of(usage) if usage else None) or self.tokens
        self._conversation = text(part(data, "conversation").get("id")) or self._conversation
        self._later = data.get("status") in ("queued", "in_progress")
        reason = _finish_reason(data)
        if reason is not None:
            self.finish[0] = reason
        items = data.get("output")
        if _compacted(items):
            self.managed = Managed(compacted=True)
        if items and not self.pieces and not self.thoughts:
            self.calls.clear()
            self._items(items)

    def _tokens(self, call: Call, body: Body, ending: Any) -> Tokens:
        if self._later and self.tokens is None:
            return UNKNOWN  # work in the background has yet to be done, and is counted by nobody who does not fetch it
        return super()._tokens(call, body, ending)

    def event(self, data: Any) -> Any:
        self.seen = True
        if self.events is not None:
            self.events.append(data)
        if type(data) is not dict:
            return data
        event = cast("dict[str, Any]", data)
        kind = event.get("type")
        if kind in _TEXTS:
            if type(said := event.get("delta")) is str:
                self.pieces.append(said)
        elif kind in _ARGUMENTS:
            self.calls_tool(event.get("output_index"), None, event.get("delta"))
        elif kind in _THOUGHTS:
            if type(said := event.get("delta")) is str:
                self.thoughts.append(said)
        elif kind == "response.output_item.added":
            item = part(event, "item")
            if "name" in item:
                self.calls_tool(event.get("output_index"), item["name"], None)
        elif kind in ("response.created", *_ENDS):
            response = part(event, "response")
            self.head(response)
            if kind != "response.created":
                self._over = True
                self.read_whole(response)
                self.whole_data = response if self._call.capture else None
        elif kind == "error":
            self._over = True
            self.finish[0] = "error"
        return event

    def _items(self, items: object) -> None:
        """What a response's output consists of."""
        for number, item in enumerate(cast("list[object]", items) if isinstance(items, list) else ()):
            fields = part({"item": item}, "item")
            if "name" in fields:
                self.calls_tool(number, fields["name"], fields.get("arguments") or fields.get("input"))
            reasons = fields.get("type") == "reasoning"
            parts = fields.get("content") or fields.get("summary")
            for piece in cast("list[object]", parts) if isinstance(parts, list) else ():
                said = part({"piece": piece}, "piece")
                words = text(said.get("text")) or text(said.get("refusal"))
                if words:
                    (self.thoughts if reasons else self.pieces).append(words)


def _compacted(items: object) -> bool:
    found = cast("list[object]", items) if isinstance(items, list) else ()
    return any(part({"item": item}, "item").get("type") == "compaction" for item in found)


def _finish_reason(response: Body) -> str | None:
    """As the official instrumentation says it: the status, and for an incomplete one, why."""
    status = text(response.get("status"))
    if status == "incomplete":
        return text(part(response, "incomplete_details").get("reason")) or status
    if status == "completed":
        items = response.get("output")
        kinds = [part({"item": item}, "item").get("type") for item in items] if isinstance(items, list) else []  # pyright: ignore[reportUnknownVariableType]
        return "tool_calls" if "function_call" in kinds or "custom_tool_call" in kinds else "stop"
    return status


def _request(body: Body) -> Attributes:
    found = request_attributes(body)
    previous = text(body.get("previous_response_id"))
    if previous is not None:
        found["gen_ai.request.previous_response.id"] = previous
    conversation = text(body.get("conversation")) or text(part(body, "conversation").get("id"))
    if conversation is not None:
        found["gen_ai.conversation.id"] = conversation
    return found


class RetrievedReader(ResponsesReader):
    """A response fetched again was counted when it was made, so its usage is not counted a second time."""

    __slots__ = ()

    def _tokens(self, call: Call, body: Body, ending: Any) -> Tokens:
        return UNKNOWN


ENDPOINTS = {
    "POST /responses": Endpoint(
        "chat",
        ResponsesReader,
        _request,
        api_type="responses",
        model=True,
        content=_content.ResponsesContent(),
        dialect="responses",
        turning="tokeneff.adapters.openai._turn_responses",
    ),
    "GET /responses/{id}": Endpoint("fetch_response", RetrievedReader, _request, api_type="responses"),
    "POST /responses/{id}/cancel": Endpoint("cancel_response", RetrievedReader, _request, api_type="responses"),
    "POST /responses/compact": Endpoint("compact", ResponsesReader, _request, api_type="responses", model=True),
}
