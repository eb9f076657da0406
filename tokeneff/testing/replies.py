"""What the fake provider answers: frozen values that know no dialect."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_PIECE = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True)
class Usage:
    """The token counts of one reply, rendered into each dialect's own usage object.

    `Usage(input_tokens=100, output_tokens=20, cache_read=60)` becomes 100 prompt tokens of which 60 cached in a chat
    completion, and 40 input tokens beside 60 cache reads in an Anthropic message.

    Arguments, all in tokens:
        input_tokens: the whole input, cached parts included.
        output_tokens: the whole output, reasoning included.
        cache_read, cache_write: parts of the input. cache_write_1h: the part of `cache_write` kept for an hour.
        reasoning: part of the output. audio_input, audio_output, image_input: parts of input and output.
        web_searches: number of server-side searches (Anthropic's `server_tool_use`).
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    web_searches: int = 0

    def __post_init__(self) -> None:
        if self.cache_read + self.cache_write > self.input_tokens:
            raise ValueError(
                f"Usage: cache_read ({self.cache_read}) + cache_write ({self.cache_write}) exceed input_tokens "
                f"({self.input_tokens}); input_tokens is the whole input, cached parts included"
            )
        if self.cache_write_1h > self.cache_write:
            raise ValueError(
                f"Usage: cache_write_1h ({self.cache_write_1h}) is a part of cache_write ({self.cache_write})"
            )
        if self.reasoning > self.output_tokens:
            raise ValueError(
                f"Usage: reasoning ({self.reasoning}) is a part of output_tokens ({self.output_tokens}), "
                "which is the whole output"
            )


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of one of the caller's tools: `ToolCall(name="search", arguments={"q": "x"})`.

    Arguments:
        name: the tool's name. arguments: a mapping, or the exact JSON text to send (also a broken one).
        id: the call's id; counted up where None.
    """

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict[str, Any])
    id: str | None = None

    @property
    def arguments_json(self) -> str:
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(dict(self.arguments), separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer of the model, rendered in whatever dialect and form (JSON or stream) the request asks for.

    `Reply(text="hi", usage=Usage(input_tokens=10, output_tokens=3))`

    Arguments:
        text: what the model says (JSON text for structured outputs; the transcript, for transcriptions).
        tool_calls: calls of the caller's tools.
        usage: token counts; None counts about four characters a token. `faults.no_usage()` sends none.
        finish_reason: OpenAI's or Anthropic's word, translated to the other's; None derives it.
        model: the model's name in the answer; None repeats the request's.
        chunks: the text's pieces when streamed; None splits at words. Sets `text` where that is empty.
        reasoning: a reasoning summary, thinking block or `reasoning_content`. signature: the thinking block's.
        refusal: the model declines, in these words.
        choices: texts of the second and further choices when `n` > 1; None repeats `text`.
        id, service_tier, system_fingerprint: as in the answer; None derives them.
        embedding: one vector for each embedded input; None derives one from each input.
        json: an exact JSON body instead of a rendered one. data: exact bytes (speech, file contents).
        headers: further response headers. gzip: compress the body.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    finish_reason: str | None = None
    model: str | None = None
    chunks: Sequence[str] | None = None
    reasoning: str | None = None
    signature: str = "ZmFrZS1zaWduYXR1cmU="
    refusal: str | None = None
    choices: tuple[str, ...] | None = None
    id: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = "fp_fake"
    embedding: Sequence[float] | None = None
    json: Any = None
    data: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    gzip: bool = False

    def __post_init__(self) -> None:
        if self.chunks is not None:
            joined = "".join(self.chunks)
            if not self.text:
                object.__setattr__(self, "text", joined)
            elif joined != self.text:
                raise ValueError(
                    f"Reply: chunks join to {joined[:60]!r}, not to text {self.text[:60]!r}; give one of them"
                )

    def choice_text(self, index: int) -> str:
        """The text of choice `index` (0 is `text`)."""
        if index == 0 or not self.choices:
            return self.text
        return self.choices[min(index, len(self.choices)) - 1]

    def choice_pieces(self, index: int) -> Sequence[str]:
        """The streamed pieces of choice `index`."""
        if index == 0 and self.chunks is not None:
            return self.chunks
        return pieces(self.choice_text(index))


def pieces(text: str) -> list[str]:
    """Split a text as a model would stream it, a word at a time: `pieces("a b c") == ["a", " b", " c"]`."""
    return _PIECE.findall(text)


def halves(text: str) -> list[str]:
    """Split tool arguments into streamed pieces of at most 12 characters."""
    return [text[i : i + 12] for i in range(0, len(text), 12)]
