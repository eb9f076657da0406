"""Where the usage is in a stream of completion chunks: as OpenAI sends it, or as some compatible servers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from tokeneff.testing.answers import Frame, Json, data_frame
from tokeneff.testing.turn import Turn
from tokeneff.testing.words import chat_usage

_IN_CHUNKS = ("last_content_chunk", "every_chunk")
_UNASKED = ("unasked", "choices_missing")


class StreamedUsage:
    """One stream's usage: what goes beside each chunk's choices, and the chunk after them."""

    def __init__(self, turn: Turn) -> None:
        options = cast("Json", turn.payload.get("stream_options") or {})
        self._turn = turn
        self._style = turn.usage_style
        self._said = 0
        asked = bool(options.get("include_usage")) or self._style in _UNASKED
        self._own_chunk = asked and turn.usage is not None and self._style not in _IN_CHUNKS

    def beside(self, *, content: bool, finished: bool = False) -> Json:
        """The `usage` key of the next chunk, or nothing."""
        self._said += content
        usage = self._turn.usage
        if usage is None or self._style not in _IN_CHUNKS:
            return {"usage": None} if self._own_chunk else {}
        if finished:
            return {"usage": chat_usage(self._turn, usage)}
        if self._style == "last_content_chunk":
            return {}
        done = min(self._said, usage.output_tokens)  # a running count, one token a chunk, never over the final one
        running = {"prompt_tokens": usage.input_tokens, "completion_tokens": done}
        return {"usage": {**running, "total_tokens": usage.input_tokens + done}}

    def closing(self, base: Json) -> Iterator[Frame]:
        """The chunk of its own after the last choice, where there is one."""
        if self._own_chunk and self._turn.usage is not None:
            choices: Json = {} if self._style == "choices_missing" else {"choices": []}
            yield data_frame({**base, **choices, "usage": chat_usage(self._turn, self._turn.usage)})
