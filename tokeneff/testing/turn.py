"""One request being answered: what every renderer is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from tokeneff.testing.answers import Answer, Frame, Headers, Json, json_answer, sse_answer
from tokeneff.testing.faults import UsageStyle
from tokeneff.testing.recorded import RecordedRequest
from tokeneff.testing.replies import Reply, Usage
from tokeneff.testing.store import Store

CREATED = 1_767_225_600  # 2026-01-01, fixed so that two runs give equal replies

STAMP = "2026-01-01T00:00:00Z"

_OPENAI_HEADERS = (
    ("openai-organization", "org-fake"),
    ("openai-processing-ms", "12"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
)
_ANTHROPIC_HEADERS = (
    ("anthropic-organization-id", "00000000-0000-0000-0000-000000000000"),
    ("anthropic-ratelimit-requests-limit", "10000"),
    ("anthropic-ratelimit-requests-remaining", "9999"),
)
_SPOKEN = ("messages", "input", "prompt", "system", "instructions", "tools")


@dataclass(frozen=True)
class Turn:
    """A request, the reply scripted for it, and the provider's store."""

    request: RecordedRequest
    payload: Json
    reply: Reply
    store: Store
    params: tuple[str, ...] = ()
    usage_style: UsageStyle = "normal"
    azure: bool = False
    dialect: str = "openai"

    @property
    def number(self) -> int:
        return self.request.number

    @property
    def stream(self) -> bool:
        return self.payload.get("stream") in (True, "true")

    @property
    def model(self) -> str:
        return self.reply.model or str(self.payload.get("model") or "fake-model")

    def id(self, prefix: str) -> str:
        return self.reply.id or f"{prefix}{self.number:06d}"

    def part_id(self, prefix: str) -> str:
        return f"{prefix}{self.number:06d}"

    def call_id(self, index: int, prefix: str) -> str:
        return self.reply.tool_calls[index].id or f"{prefix}{self.number:06d}_{index}"

    @cached_property
    def usage(self) -> Usage | None:
        """The reply's usage, or a simple count; None where the reply is to carry none."""
        if self.usage_style == "none":
            return None
        return self.reply.usage or counted(self.payload, self.reply)

    @property
    def request_id(self) -> str:
        return f"req_{self.number:06d}"

    def headers(self) -> Headers:
        """The response headers beside the content type, as this provider sends them."""
        if self.dialect == "anthropic":
            return (*_ANTHROPIC_HEADERS, ("request-id", self.request_id))
        return (*_OPENAI_HEADERS, ("x-request-id", self.request_id))

    def json(self, body: Any, status: int = 200) -> Answer:
        """A JSON answer with this provider's headers."""
        return json_answer(body, self.headers(), status)

    def sse(self, frames: Iterable[Frame]) -> Answer:
        """An event stream with this provider's headers."""
        return sse_answer(frames, self.headers())


def counted(payload: Json, reply: Reply) -> Usage:
    """About four characters a token, counted over what was said."""
    said = sum(_length(payload[key]) for key in _SPOKEN if key in payload)
    calls = sum(len(call.name) + len(call.arguments_json) for call in reply.tool_calls)
    answer = len(reply.text) + len(reply.reasoning or "") + len(reply.refusal or "") + calls
    return Usage(input_tokens=tokens(said), output_tokens=tokens(answer), reasoning=tokens(len(reply.reasoning or "")))


def tokens(characters: int) -> int:
    """Characters to tokens, rounded up."""
    return -(-characters // 4)


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, cast("Iterable[Any]", value.values())))
    if isinstance(value, list):
        return sum(map(_length, cast("list[Any]", value)))
    return 0


def oddly(usage: Json, style: UsageStyle) -> Json:
    """The usage object as some compatible servers spell it (see `faults.odd_usage`)."""
    if style == "null_details":
        return {k: None if isinstance(v, dict) else v for k, v in usage.items()}
    if style == "no_details":
        return {k: v for k, v in usage.items() if not isinstance(v, dict)}
    if style == "floats":
        return _floats(usage)
    if style == "no_total":
        return {k: v for k, v in usage.items() if k != "total_tokens"}
    return usage


def _floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _floats(v) for k, v in cast("Json", value).items()}
    return float(value) if isinstance(value, int) else value
