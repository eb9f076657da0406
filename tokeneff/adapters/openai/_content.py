"""Messages of the OpenAI dialects in the form of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


class ChatContent:
    def request(self, body: Body) -> dict[str, Any]:
        return {}

    def reply(self, data: Body) -> tuple[Any, ...]:
        return ()

    def stream(self, events: list[Any]) -> tuple[Any, ...]:
        return ()


class CompletionContent(ChatContent):
    pass


class ResponsesContent(ChatContent):
    pass
