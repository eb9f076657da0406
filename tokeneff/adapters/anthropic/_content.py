"""Messages of the Anthropic dialect in the form of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


class MessagesContent:
    def request(self, body: Body) -> dict[str, Any]:
        return {}

    def reply(self, data: Body) -> tuple[Any, ...]:
        return ()

    def stream(self, events: list[Any]) -> tuple[Any, ...]:
        return ()
