"""Which replies are good enough to be given again, of every dialect, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cache_key_kit import Ask, call_of, chat, client, messages, responses

from tokeneff._flow import Call
from tokeneff.cache._good import not_good
from tokeneff.cache._reply import Form, Reply

CALLS: dict[str, Call] = {
    name: call_of(client("anthropic" if name == "messages" else "openai"), ask)
    for name, ask in dict[str, Ask](
        chat=chat(),
        responses=responses(),
        messages=messages(),
        completions=lambda c: c.completions.create(model="m", prompt="Hi"),
        embeddings=lambda c: c.embeddings.create(model="m", input="Hi"),
        speech=lambda c: c.audio.speech.create(model="m", voice="alloy", input="Hi"),
        transcription=lambda c: c.audio.transcriptions.create(model="m", file=("a.mp3", b"s")),
        images=lambda c: c.images.generate(model="m", prompt="Hi"),
    ).items()
}


def judged(dialect: str, body: Any, form: Form = "json", **told: Any) -> str:
    if form == "sse":
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in body).encode()
    else:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return not_good(CALLS[dialect], Reply(form, (), data), **told)


def choice(ending: str | None, index: int = 0, **message: Any) -> dict[str, Any]:
    return {"index": index, "finish_reason": ending, "message": {"role": "assistant", "content": "A", **message}}


def piece(ending: str | None, index: int = 0, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "finish_reason": ending, "delta": delta}]}


def calls(name: str) -> list[dict[str, Any]]:
    return [{"index": 0, "id": "t", "type": "function", "function": {"name": name, "arguments": "{}"}}]


def response(status: str, *output: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"status": status, "output": list(output), "error": None, "incomplete_details": None, **more}


SAID = {"type": "message", "content": [{"type": "output_text", "text": "A"}]}
REFUSED = {"type": "message", "content": [{"type": "refusal", "refusal": "No"}]}
SENDS = {"type": "function_call", "name": "send_email", "arguments": "{}"}
CUT = {"reason": "max_output_tokens"}
ERROR = {"error": {"message": "overloaded", "type": "server_error"}}


@pytest.mark.parametrize(
    ("dialect", "body", "expected"),
    [
        ("chat", {"choices": [choice("stop")]}, ""),
        ("chat", {"choices": [choice("stop"), choice("stop", 1)]}, ""),
        ("chat", {"choices": [choice("tool_calls", tool_calls=calls("f"))]}, ""),
        ("chat", {"choices": [choice("function_call", function_call={"name": "f"})]}, ""),
        ("chat", {"choices": [choice("stop"), choice("length", 1)]}, "truncated"),
        ("chat", {"choices": [choice("content_filter")]}, "content filter"),
        ("chat", {"choices": [choice("stop", refusal="No")]}, "refusal"),
        ("chat", {"choices": [choice(None)]}, "not finished"),
        ("chat", {"choices": [choice("something new")]}, "not finished"),
        ("chat", {"choices": []}, "empty"),
        ("chat", {}, "empty"),
        ("chat", ERROR, "error"),
        ("chat", {**ERROR, "choices": [choice("stop")]}, "error"),
        ("chat", b"<html>Bad gateway</html>", "unreadable"),
        ("chat", b"", "empty"),
        ("chat", b"[1]", "empty"),
        ("completions", {"choices": [{"index": 0, "text": "A", "finish_reason": "stop"}]}, ""),
        ("completions", {"choices": [{"index": 0, "text": "A", "finish_reason": "length"}]}, "truncated"),
        ("responses", response("completed", SAID), ""),
        ("responses", response("completed", REFUSED), "refusal"),
        ("responses", response("incomplete", SAID, incomplete_details=CUT), "truncated"),
        ("responses", response("incomplete", SAID, incomplete_details={"reason": "content_filter"}), "content filter"),
        ("responses", response("incomplete", SAID), "not finished"),
        ("responses", response("failed", SAID, error={"code": "server_error"}), "error"),
        ("responses", response("cancelled", SAID), "error"),
        ("responses", response("queued", SAID), "not finished"),
        ("responses", response("completed"), "empty"),
        ("messages", {"type": "message", "stop_reason": "end_turn", "content": [{"type": "text", "text": "A"}]}, ""),
        ("messages", {"type": "message", "stop_reason": "tool_use", "content": []}, ""),
        ("messages", {"type": "message", "stop_reason": "stop_sequence", "content": []}, ""),
        ("messages", {"type": "message", "stop_reason": "max_tokens", "content": []}, "truncated"),
        ("messages", {"type": "message", "stop_reason": "model_context_window_exceeded", "content": []}, "truncated"),
        ("messages", {"type": "message", "stop_reason": "refusal", "content": []}, "refusal"),
        ("messages", {"type": "message", "stop_reason": "pause_turn", "content": []}, "paused"),
        ("messages", {"type": "message", "stop_reason": None, "content": []}, "not finished"),
        ("messages", {"type": "error", "error": {"type": "overloaded_error"}}, "error"),
        ("embeddings", {"data": [{"embedding": [0.1]}]}, ""),
        ("embeddings", {"data": []}, "empty"),
        ("transcription", {"text": ""}, ""),
        ("transcription", {}, "empty"),
        ("images", {"data": [{"b64_json": "AA=="}]}, ""),
        ("images", {"data": [{"url": "https://host.example/a.png"}]}, "expiring link"),
    ],
)  # fmt: skip
def test_whole_replies(dialect: str, body: Any, expected: str) -> None:
    assert judged(dialect, body) == expected


WHOLE = {"type": "response.completed", "response": response("completed", SAID)}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
START = {"type": "message_start", "message": {"content": [], "stop_reason": None}}
OVER = {"type": "message_stop"}


@pytest.mark.parametrize(
    ("dialect", "events", "expected"),
    [
        ("chat", [piece(None, content="A"), piece("stop"), {"choices": [], "usage": {}}], ""),
        ("chat", [piece(None, content="A")], "not finished"),
        ("chat", [piece("stop"), piece(None, 1, content="A")], "not finished"),
        ("chat", [piece("stop"), piece("length", 1)], "truncated"),
        ("chat", [piece(None, refusal="No"), piece("stop")], "refusal"),
        ("chat", [piece(None, content="A"), ERROR], "error"),
        ("chat", [{"choices": [], "usage": {}}], "empty"),
        ("chat", [], "empty"),
        ("completions", [{"choices": [{"index": 0, "text": "A", "finish_reason": "stop"}]}], ""),
        ("responses", [{"type": "response.created"}, WHOLE], ""),
        ("responses", [{"type": "response.created"}], "empty"),
        ("responses", [{"type": "response.failed", "response": response("failed", SAID)}], "error"),
        ("responses", [{"type": "error", "message": "no"}], "error"),
        ("messages", [START, DELTA, OVER], ""),
        ("messages", [START, DELTA], "not finished"),
        ("messages", [START, OVER], "not finished"),
        ("messages", [START, {"type": "error", "error": {}}], "error"),
        ("messages", [START, {"type": "message_delta", "delta": {"stop_reason": "refusal"}}, OVER], "refusal"),
        ("transcription", [{"type": "transcript.text.delta"}, {"type": "transcript.text.done"}], ""),
        ("transcription", [{"type": "transcript.text.delta"}], "not finished"),
        ("images", [{"type": "image_generation.partial_image"}, {"type": "image_generation.completed"}], ""),
    ],
)  # fmt: skip
def test_streams(dialect: str, events: list[Any], expected: str) -> None:
    assert judged(dialect, events, "sse") == expected


def test_bytes() -> None:
    assert judged("speech", b"sound", "bytes") == judged("transcription", b"Hi", "bytes") == ""
    assert judged("speech", b"", "bytes") == "empty"
    assert judged("chat", b"\x00\x00", "bytes") == "unreadable"


def test_truncated_replies_where_they_are_asked_for() -> None:
    assert judged("chat", {"choices": [choice("length")]}, truncated=True) == ""
    assert (
        judged("chat", {"choices": [choice("length"), choice("content_filter", 1)]}, truncated=True) == "content filter"
    )
    assert judged("responses", response("incomplete", SAID, incomplete_details=CUT), truncated=True) == ""


BLOCK = {"type": "tool_use", "name": "send_email", "input": {}}


@pytest.mark.parametrize(
    ("dialect", "body", "form"),
    [
        ("chat", {"choices": [choice("tool_calls", tool_calls=calls("send_email"))]}, "json"),
        ("chat", {"choices": [choice("function_call", function_call={"name": "send_email"})]}, "json"),
        ("chat", [piece(None, tool_calls=calls("send_email")), piece("tool_calls")], "sse"),
        ("responses", response("completed", SENDS), "json"),
        ("responses", [{"type": "response.completed", "response": response("completed", SENDS)}], "sse"),
        ("messages", {"stop_reason": "tool_use", "content": [BLOCK]}, "json"),
        ("messages", [START, {"type": "content_block_start", "content_block": BLOCK}, DELTA, OVER], "sse"),
    ],
)
def test_replies_that_call_an_excluded_tool(dialect: str, body: Any, form: Form) -> None:
    assert judged(dialect, body, form, exclude_tools={"send_email"}) == "excluded tool"
    assert judged(dialect, body, form, exclude_tools={"other"}) == judged(dialect, body, form) == ""
