"""What a fake provider puts on the wire, as parsed JSON: a whole reply, or the events of a stream."""

from __future__ import annotations

import http.client
import json
from typing import Any

from tokeneff.adapters.anthropic._content import MessagesContent
from tokeneff.adapters.openai._content import ChatContent, CompletionContent, ResponsesContent
from tokeneff.testing import FakeProvider, Reply

USER = {"role": "user", "content": "hello"}

DIALECTS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", ChatContent(), {"model": "m", "messages": [USER]}),
    "completion": ("/v1/completions", CompletionContent(), {"model": "m", "prompt": "hello"}),
    "responses": ("/v1/responses", ResponsesContent(), {"model": "m", "input": "hello"}),
    "messages": ("/v1/messages", MessagesContent(), {"model": "m", "max_tokens": 99, "messages": [USER]}),
}


def whole(provider: FakeProvider, dialect: str, reply: Reply, **more: Any) -> Any:
    """The JSON of a reply in one piece."""
    return json.loads(_post(provider, dialect, reply, more))


def events(provider: FakeProvider, dialect: str, reply: Reply, **more: Any) -> list[Any]:
    """The JSON of each event of the same reply, streamed."""
    raw = _post(provider, dialect, reply, {**more, "stream": True}).decode()
    lines = [line[len("data: ") :] for line in raw.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def _post(provider: FakeProvider, dialect: str, reply: Reply, more: dict[str, Any]) -> bytes:
    path, _, body = DIALECTS[dialect]
    provider.queue(reply)
    connection = http.client.HTTPConnection("127.0.0.1", provider.port, timeout=10)
    try:
        headers = {"content-type": "application/json", "authorization": "Bearer k", "x-api-key": "k"}
        connection.request("POST", path, json.dumps({**body, **more}), headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return content
    finally:
        connection.close()


# What the JSON schemas of the GenAI conventions require of each part, and what else they name.
_PARTS = {
    "text": ({"content"}, set()),
    "reasoning": ({"content"}, set()),
    "tool_call": ({"id", "name", "arguments"}, set()),
    "tool_call_response": ({"id", "response"}, set()),
    "server_tool_call": ({"id", "name", "server_tool_call"}, set()),
    "server_tool_call_response": ({"id", "server_tool_call_response"}, set()),
    "blob": ({"modality", "mime_type", "content"}, {"transcript"}),
    "file": ({"modality", "mime_type", "file_id"}, {"transcript"}),
    "uri": ({"modality", "mime_type", "uri"}, set()),
    "compaction": ({"content"}, {"id"}),
}
_OWN = ("server_tool_call", "server_tool_call_response")


def check_part(part: Any) -> None:
    """The part is one that the conventions' schema takes."""
    kind = part["type"]
    assert isinstance(kind, str)
    if kind not in _PARTS:
        return
    required, optional = _PARTS[kind]
    assert required <= part.keys() <= required | optional | {"type"}, part
    if kind in ("text", "reasoning", "blob"):
        assert isinstance(part["content"], str)
    if kind in _OWN:
        assert isinstance(part[kind]["type"], str)
    for key in ("id", "mime_type"):
        assert part.get(key) is None or isinstance(part[key], str)
    for key in ("name", "modality", "uri", "file_id"):
        assert isinstance(part.get(key, ""), str)


def check_message(message: Any, *, output: bool = False) -> None:
    """The message is one that the conventions' schema takes, with a finish reason if it is an output."""
    allowed = {"role", "parts", "finish_reason"} if output else {"role", "parts", "name"}
    assert {"role", "parts"} <= message.keys() <= allowed
    assert isinstance(message["role"], str)
    if output:
        assert isinstance(message["finish_reason"], str)
    for part in message["parts"]:
        check_part(part)


def check_request(found: dict[str, Any]) -> None:
    """All that a request told is of the conventions' form."""
    for message in found.get("gen_ai.input.messages", ()):
        check_message(message)
    for part in found.get("gen_ai.system_instructions", ()):
        check_part(part)
    for tool in found.get("gen_ai.tool.definitions", ()):
        assert isinstance(tool["type"], str)
        assert isinstance(tool["name"], str)
