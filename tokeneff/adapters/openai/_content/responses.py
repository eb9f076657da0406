"""The Responses API: requests and whole replies. Streams are folded into these in :mod:`.response_stream`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokeneff._plain import absent, fields, items, string
from tokeneff.adapters._parts import BaseContent, Body, Message, Part, finish, message, output, text
from tokeneff.adapters.openai._content.blocks import content_parts
from tokeneff.adapters.openai._content.items import said_by
from tokeneff.adapters.openai._content.response_stream import fold
from tokeneff.adapters.openai._content.tools import definitions


class ResponsesContent(BaseContent):
    """Content of ``/responses``. What the model says in one response is one message, as one choice of a chat is."""

    def messages(self, body: Body) -> list[Message]:
        asked = body.get("input")
        said = string(asked)
        if said is not None:
            return [message("user", [text(said)])]
        return _turns([item for item in items(asked) if not absent(item)])

    def system(self, body: Body) -> list[Part]:
        return content_parts(body.get("instructions"))

    def tools(self, body: Body) -> list[dict[str, Any]]:
        return definitions(body)

    def whole(self, data: Body) -> Sequence[Message]:
        status = string(data.get("status"))
        parts = [part for item in items(data.get("output")) for part in said_by(item)[1]]
        if not parts and status in (None, "queued", "in_progress"):
            return ()
        return [output("assistant", parts, _finish(data, parts))]

    def folded(self, events: list[Body]) -> Sequence[Message]:
        data = fold(events)
        return () if data is None else self.whole(data)


def _finish(data: Body, parts: list[Part]) -> str:
    status = string(data.get("status")) or "completed"
    if status == "completed" and any(part["type"] == "tool_call" for part in parts):
        return "tool_call"
    if status == "incomplete":
        return finish((fields(data.get("incomplete_details")) or {}).get("reason"), status)
    return "error" if status == "in_progress" else finish(status, "stop")


def _turns(inputs: Sequence[Any]) -> list[Message]:
    """Items as messages. What the model did in one turn (reasoned, spoke, called) comes as many items, and is one."""
    found: list[Message] = []
    spoken = False
    for item in inputs:
        role, parts = said_by(item)
        if not parts:
            continue
        fellow = fields(item) or {}
        speaks = "content" in fellow and string(fellow.get("type")) != "reasoning"
        if role == "assistant" and found and found[-1]["role"] == "assistant" and not (speaks and spoken):
            found[-1]["parts"] += parts
            spoken = spoken or speaks
        else:
            found.append(message(role, parts, fellow.get("name") if speaks else None))
            spoken = speaks
    return found
