"""What a trace file turns into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Dialect = Literal["openai", "anthropic"]


class UnreadableError(Exception):
    """Why a record cannot be used; the reader turns it into a `BrokenLine`."""


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that could not be used, and why; prints as `file:line: reason`."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class RecordedUsage:
    """Token counts as the provider gave them; `input_tokens` is the inclusive total in every dialect.

    `cache_read` and `cache_write` are parts of `input_tokens`, `cache_write_1h` is a part of `cache_write`,
    and `reasoning` is a part of `output_tokens`.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class RecordedToolCall:
    """A tool call of a reply; `arguments` is JSON text, as recorded."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class RecordedReply:
    """What the model answered, free of any provider's format."""

    text: str | None = None
    tool_calls: tuple[RecordedToolCall, ...] = ()
    reasoning: str | None = None
    finish_reason: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One request that was sent, with the reply and the usage where the recording has them.

    `time` is in seconds since 1970 (UTC). `request` is built anew each time it is asked for: its messages are shared
    with the other calls of the conversation and must not be changed.
    """

    dialect: Dialect
    model: str
    reply: RecordedReply | None = None
    usage: RecordedUsage | None = None
    time: float | None = None
    messages: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    length: int = 0
    params: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @property
    def request(self) -> dict[str, Any]:
        """The request body, ready for `client.chat.completions.create(**request)` or `client.messages.create`."""
        return {"model": self.model, "messages": list(self.messages[: self.length]), **self.params}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A recorded conversation: its calls in the order they were made.

    `compactions` are the positions (in messages as sent) at which the recording program summed its history up: the
    message before each holds the summary, and what precedes that one was not sent any more.
    """

    id: str
    model: str
    dialect: Dialect
    calls: tuple[RecordedCall, ...] = field(repr=False)
    file: str = ""
    line: int = 0
    compactions: tuple[int, ...] = ()
