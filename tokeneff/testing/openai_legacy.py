"""Legacy text completions, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from tokeneff.testing.answers import Answer, Frame, Json, data_frame
from tokeneff.testing.openai_chat import DONE, choice_count
from tokeneff.testing.replies import Reply, pieces
from tokeneff.testing.streamed_usage import StreamedUsage
from tokeneff.testing.turn import CREATED, Turn
from tokeneff.testing.words import chat_usage, openai_finish


def complete(turn: Turn) -> Answer:
    """POST /completions."""
    if turn.stream:
        return turn.sse(_frames(turn))
    body = _base(turn)
    body["choices"] = [
        _choice(turn, index, turn.reply.choice_text(index), _finish(turn.reply)) for index in range(_count(turn))
    ]
    if turn.usage is not None:
        body["usage"] = chat_usage(turn, turn.usage)
    return turn.json(body)


def _base(turn: Turn) -> Json:
    fingerprint = turn.reply.system_fingerprint
    return {
        "id": turn.id("cmpl-"),
        "object": "text_completion",
        "created": CREATED,
        "model": turn.model,
        **({"system_fingerprint": fingerprint} if fingerprint else {}),
    }


def _count(turn: Turn) -> int:
    prompt: Any = turn.payload.get("prompt")
    many = isinstance(prompt, list) and bool(cast("list[Any]", prompt)) and not isinstance(prompt[0], int)
    return choice_count(turn) * (len(cast("list[Any]", prompt)) if many else 1)


def _finish(reply: Reply) -> str:
    return "stop" if (finish := openai_finish(reply)) == "tool_calls" else finish


def _choice(turn: Turn, index: int, text: str, finish: str | None) -> Json:
    logprobs: Json | None = None
    if turn.payload.get("logprobs") is not None and text:
        parts = pieces(text)
        logprobs = {
            "tokens": parts,
            "token_logprobs": [-0.25] * len(parts),
            "top_logprobs": [{part: -0.25} for part in parts],
            "text_offset": [sum(map(len, parts[:i])) for i in range(len(parts))],
        }
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


def _frames(turn: Turn) -> Iterator[Frame]:
    usage = StreamedUsage(turn)
    base = _base(turn)
    for index in range(_count(turn)):
        for part in turn.reply.choice_pieces(index):
            choices = [_choice(turn, index, part, None)]
            yield data_frame({**base, "choices": choices, **usage.beside(content=True)}, content=True)
        choices = [_choice(turn, index, "", _finish(turn.reply))]
        yield data_frame({**base, "choices": choices, **usage.beside(content=False, finished=True)})
    yield from usage.closing(base)
    yield DONE
