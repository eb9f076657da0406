"""An HTTP answer before it is sent, and how JSON and event streams are spelled."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

Json = dict[str, Any]
Headers = tuple[tuple[str, str], ...]

JSON_TYPE = ("content-type", "application/json")
SSE_TYPE = ("content-type", "text/event-stream; charset=utf-8")


class Frame(NamedTuple):
    """One piece of a stream; `content` where it carries what the model says."""

    data: bytes
    content: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers, and either a body or the frames of a stream."""

    status: int
    headers: Headers
    body: bytes = b""
    frames: Iterable[Frame] | None = None


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8; a lone surrogate becomes its escape."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")


def data_frame(value: Any, *, content: bool = False) -> Frame:
    """A `data:` event, as OpenAI's chat completions send it."""
    return Frame(b"data: " + dumps(value) + b"\n\n", content)


def event_frame(value: Json, *, content: bool = False) -> Frame:
    """An event named by its `type`, as Anthropic's messages and OpenAI's responses send it."""
    return Frame(b"event: " + value["type"].encode() + b"\ndata: " + dumps(value) + b"\n\n", content)


def json_answer(value: Any, headers: Headers, status: int = 200) -> Answer:
    """A JSON body."""
    return Answer(status, (JSON_TYPE, *headers), dumps(value))


def sse_answer(frames: Iterable[Frame], headers: Headers) -> Answer:
    """A stream of events."""
    return Answer(200, (SSE_TYPE, ("cache-control", "no-cache"), *headers), frames=frames)
