"""Chat completions, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokeneff.testing.answers import Answer, Frame, Json, data_frame
from tokeneff.testing.replies import halves, pieces
from tokeneff.testing.streamed_usage import StreamedUsage
from tokeneff.testing.turn import CREATED, Turn
from tokeneff.testing.words import chat_usage, openai_finish

DONE = Frame(b"data: [DONE]\n\n")


def chat(turn: Turn) -> Answer:
    """POST /chat/completions."""
    if turn.stream:
        return turn.sse(_chat_frames(turn))
    body = _base(turn, "chat.completion")
    body["choices"] = [_choice(turn, index) for index in range(choice_count(turn))]
    if turn.azure:
        body["prompt_filter_results"] = _PROMPT_FILTER
    if turn.usage is not None:
        body["usage"] = chat_usage(turn, turn.usage)
    body.update(_tail(turn))
    return turn.json(body)


def _base(turn: Turn, kind: str) -> Json:
    return {"id": turn.id("chatcmpl-"), "object": kind, "created": CREATED, "model": turn.model}


def _tail(turn: Turn) -> Json:
    tier = turn.reply.service_tier or turn.payload.get("service_tier") or "default"
    return {
        "service_tier": "default" if tier == "auto" else tier,
        "system_fingerprint": turn.reply.system_fingerprint,
    }


def choice_count(turn: Turn) -> int:
    """How many choices are asked for."""
    return max(1, int(turn.payload.get("n") or 1))


def _choice(turn: Turn, index: int) -> Json:
    reply = turn.reply
    text = reply.choice_text(index)
    message: Json = {
        "role": "assistant",
        "content": text or (None if reply.tool_calls or reply.refusal is not None else ""),
        "refusal": reply.refusal,
        "annotations": [],
    }
    if reply.reasoning is not None:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [_tool_call(turn, i, index) for i in range(len(reply.tool_calls))]
    choice: Json = {
        "index": index,
        "message": message,
        "logprobs": _logprobs(turn, reply.choice_pieces(index)),
        "finish_reason": openai_finish(reply),
    }
    if turn.azure:
        choice["content_filter_results"] = _FILTER
    return choice


def _tool_call(turn: Turn, index: int, choice: int) -> Json:
    call = turn.reply.tool_calls[index]
    return {
        "id": _call_id(turn, index, choice),
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments_json},
    }


def _call_id(turn: Turn, index: int, choice: int) -> str:
    own = turn.call_id(index, "call_")
    return own if choice == 0 else f"{own}_{choice}"


def _logprobs(turn: Turn, parts: Iterable[str]) -> Json | None:
    if not turn.payload.get("logprobs"):
        return None
    top = int(turn.payload.get("top_logprobs") or 0)
    return {"content": [_logprob(part, top) for part in parts], "refusal": None}


def _logprob(part: str, top: int) -> Json:
    one: Json = {"token": part, "logprob": -0.25, "bytes": list(part.encode("utf-8", "replace"))}
    return {**one, "top_logprobs": [one] * min(top, 1)}


def _chat_frames(turn: Turn) -> Iterator[Frame]:
    usage = StreamedUsage(turn)
    base = {**_base(turn, "chat.completion.chunk"), **_tail(turn)}

    def frame(index: int, delta: Json, finish: str | None = None, *, logprobs: Json | None = None) -> Frame:
        choice: Json = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        content = finish is None and "role" not in delta
        beside = usage.beside(content=content, finished=finish is not None)
        return data_frame({**base, "choices": [choice], **beside}, content=content)

    if turn.azure:
        opening: Json = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        yield data_frame({**opening, "prompt_filter_results": _PROMPT_FILTER})
    for index in range(choice_count(turn)):
        yield frame(index, {"role": "assistant", "content": None if turn.reply.tool_calls else "", "refusal": None})
        for delta in _deltas(turn, index):
            text = delta.get("content")
            yield frame(index, delta, logprobs=_logprobs(turn, [text]) if text else None)
        yield frame(index, {}, openai_finish(turn.reply))
    yield from usage.closing(base)
    yield DONE


def _deltas(turn: Turn, index: int) -> Iterator[Json]:
    reply = turn.reply
    for part in pieces(reply.reasoning or ""):
        yield {"reasoning_content": part}
    for part in reply.choice_pieces(index):
        yield {"content": part}
    for part in pieces(reply.refusal or ""):
        yield {"refusal": part}
    for i, call in enumerate(reply.tool_calls):
        opened = {"name": call.name, "arguments": ""}
        yield {"tool_calls": [{"index": i, "id": _call_id(turn, i, index), "type": "function", "function": opened}]}
        for part in halves(call.arguments_json):
            yield {"tool_calls": [{"index": i, "function": {"arguments": part}}]}


_SAFE = {"filtered": False, "severity": "safe"}
_FILTER: Json = {"hate": _SAFE, "self_harm": _SAFE, "sexual": _SAFE, "violence": _SAFE}
_PROMPT_FILTER: list[Json] = [{"prompt_index": 0, "content_filter_results": _FILTER}]
