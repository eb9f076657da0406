"""Chat completions and legacy completions, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

from tokeneff.testing.answers import Answer, Frame, Json, data_frame
from tokeneff.testing.replies import Reply, halves, pieces
from tokeneff.testing.turn import CREATED, Turn
from tokeneff.testing.words import chat_usage, openai_finish

DONE = Frame(b"data: [DONE]\n\n")


def chat(turn: Turn) -> Answer:
    """POST /chat/completions."""
    if turn.stream:
        return turn.sse(_chat_frames(turn))
    body = _base(turn, "chat.completion")
    body["choices"] = [_choice(turn, index) for index in range(_count(turn))]
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


def _count(turn: Turn) -> int:
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
    options = cast("Json", turn.payload.get("stream_options") or {})
    asked = bool(options.get("include_usage")) or turn.usage_style in ("unasked", "choices_missing")
    in_chunks = turn.usage_style in ("last_content_chunk", "every_chunk")
    base = {**_base(turn, "chat.completion.chunk"), **_tail(turn)}
    empty = {"usage": None} if asked and turn.usage is not None and not in_chunks else {}
    said = 0

    def frame(index: int, delta: Json, finish: str | None = None, *, logprobs: Json | None = None) -> Frame:
        nonlocal said
        choice: Json = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        content = finish is None and "role" not in delta
        said += content
        usage = _usage_in_chunk(turn, said, finish) if in_chunks else empty
        return data_frame({**base, "choices": [choice], **usage}, content=content)

    if turn.azure:
        opening: Json = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        yield data_frame({**opening, "prompt_filter_results": _PROMPT_FILTER})
    for index in range(_count(turn)):
        yield frame(index, {"role": "assistant", "content": None if turn.reply.tool_calls else "", "refusal": None})
        for delta in _deltas(turn, index):
            text = delta.get("content")
            yield frame(index, delta, logprobs=_logprobs(turn, [text]) if text else None)
        yield frame(index, {}, openai_finish(turn.reply))
    if asked and turn.usage is not None and not in_chunks:
        choices: Json = {} if turn.usage_style == "choices_missing" else {"choices": []}
        yield data_frame({**base, **choices, "usage": chat_usage(turn, turn.usage)})
    yield DONE


def _usage_in_chunk(turn: Turn, said: int, finish: str | None) -> Json:
    if turn.usage is None or (finish is None and turn.usage_style == "last_content_chunk"):
        return {}
    usage = chat_usage(turn, turn.usage)
    if finish is None:  # a running count, one token a chunk, never over the final one
        done = min(said, turn.usage.output_tokens)
        usage = {**usage, "completion_tokens": done, "total_tokens": turn.usage.input_tokens + done}
        usage.pop("completion_tokens_details", None)
    return {"usage": usage}


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


def legacy(turn: Turn) -> Answer:
    """POST /completions."""
    if turn.stream:
        return turn.sse(_legacy_frames(turn))
    body = _legacy_base(turn)
    body["choices"] = [
        _legacy_choice(turn, index, turn.reply.choice_text(index), _legacy_finish(turn.reply))
        for index in range(_legacy_count(turn))
    ]
    if turn.usage is not None:
        body["usage"] = chat_usage(turn, turn.usage)
    return turn.json(body)


def _legacy_base(turn: Turn) -> Json:
    fingerprint = turn.reply.system_fingerprint
    return {
        "id": turn.id("cmpl-"),
        "object": "text_completion",
        "created": CREATED,
        "model": turn.model,
        **({"system_fingerprint": fingerprint} if fingerprint else {}),
    }


def _legacy_count(turn: Turn) -> int:
    prompt: Any = turn.payload.get("prompt")
    many = isinstance(prompt, list) and bool(cast("list[Any]", prompt)) and not isinstance(prompt[0], int)
    return _count(turn) * (len(cast("list[Any]", prompt)) if many else 1)


def _legacy_finish(reply: Reply) -> str:
    return "stop" if (finish := openai_finish(reply)) == "tool_calls" else finish


def _legacy_choice(turn: Turn, index: int, text: str, finish: str | None) -> Json:
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


def _legacy_frames(turn: Turn) -> Iterator[Frame]:
    options = cast("Json", turn.payload.get("stream_options") or {})
    asked = bool(options.get("include_usage")) or turn.usage_style in ("unasked", "choices_missing")
    in_chunks = turn.usage_style in ("last_content_chunk", "every_chunk")
    base = _legacy_base(turn)
    empty = {"usage": None} if asked and turn.usage is not None and not in_chunks else {}
    said = 0
    for index in range(_legacy_count(turn)):
        for part in turn.reply.choice_pieces(index):
            said += 1
            usage = _usage_in_chunk(turn, said, None) if in_chunks else empty
            yield data_frame({**base, "choices": [_legacy_choice(turn, index, part, None)], **usage}, content=True)
        finish = _legacy_finish(turn.reply)
        usage = _usage_in_chunk(turn, said, finish) if in_chunks else empty
        yield data_frame({**base, "choices": [_legacy_choice(turn, index, "", finish)], **usage})
    if asked and turn.usage is not None and not in_chunks:
        choices: Json = {} if turn.usage_style == "choices_missing" else {"choices": []}
        yield data_frame({**base, **choices, "usage": chat_usage(turn, turn.usage)})
    yield DONE
