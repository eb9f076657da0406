"""Bodies as callers of the SDKs write them: models, tuples, marks for "not given", files, iterators."""

from __future__ import annotations

import io
import json
import sys
from collections import UserList, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import Message
from content_wire import DIALECTS, check_request, whole
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.responses import Response

from tokeneff._plain import plain
from tokeneff.telemetry.content import to_json
from tokeneff.testing import FakeProvider, Reply, ToolCall

CHAT, RESPONSES, MESSAGES = (DIALECTS[name][1] for name in ("chat", "responses", "messages"))
REPLY = Reply(text="Let me see.", reasoning="Hm.", tool_calls=(ToolCall("f", {"a": [1, None]}, id="c1"),))
NOT_GIVEN = [openai.NOT_GIVEN, anthropic.NOT_GIVEN, *(m.omit for m in (openai, anthropic) if hasattr(m, "omit"))]


def inputs(content: Any, body: Any) -> Any:
    found = content.request(body)
    check_request(found)
    json.loads(to_json(found))
    return found.get("gen_ai.input.messages")


def test_replies_handed_back_as_models(provider: FakeProvider) -> None:
    """What the model said is told alike when it said it and when it is part of the history."""
    chat = ChatCompletion.model_validate(whole(provider, "chat", REPLY))
    told = CHAT.reply(whole(provider, "chat", REPLY))[0]
    assert inputs(CHAT, {"messages": [chat.choices[0].message]}) == [{"role": "assistant", "parts": told["parts"]}]

    response = Response.model_validate(whole(provider, "responses", REPLY))
    told = RESPONSES.reply(whole(provider, "responses", REPLY))[0]
    assert inputs(RESPONSES, {"input": response.output}) == [{"role": "assistant", "parts": told["parts"]}]

    message = Message.model_validate(whole(provider, "messages", REPLY))
    told = MESSAGES.reply(whole(provider, "messages", REPLY))[0]
    for said in ({"role": "assistant", "content": message.content}, message):
        assert inputs(MESSAGES, {"messages": [said]}) == [{"role": "assistant", "parts": told["parts"]}]


def test_fields_of_a_model_that_were_never_set() -> None:
    message = ChatCompletionMessage(role="assistant", content="x")
    assert plain(message) == {"role": "assistant", "content": "x"}
    assert plain({"deep": [message]}) == {"deep": [{"role": "assistant", "content": "x"}]}


@pytest.mark.parametrize("missing", NOT_GIVEN, ids=lambda value: f"{type(value).__module__}.{type(value).__name__}")
def test_marks_for_not_given(missing: Any) -> None:
    body = {"messages": [{"role": "user", "content": "x", "name": missing}, missing], "tools": missing}
    expected = [{"role": "user", "parts": [{"type": "text", "content": "x"}]}]
    assert inputs(CHAT, body) == expected
    assert inputs(MESSAGES, {**body, "system": missing}) == expected
    assert inputs(RESPONSES, {"input": body["messages"], "instructions": missing, "tools": [missing]}) == expected
    assert CHAT.request({"messages": missing}) == {}
    assert plain({"a": missing, "b": [missing, 1]}) == {"b": [1]}
    call = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": missing, "b": 1}}
    parts = inputs(MESSAGES, {"messages": [{"role": "assistant", "content": [call, missing]}]})[0]["parts"]
    assert parts == [{"type": "tool_call", "id": "1", "name": "f", "arguments": {"b": 1}}]


def test_iterators_are_not_consumed() -> None:
    def blocks() -> Iterator[Any]:
        yield {"type": "text", "text": "x"}

    one, two, three = blocks(), iter([{"role": "user", "content": "x"}]), blocks()
    found = inputs(CHAT, {"messages": ({"role": "user", "content": one},), "tools": blocks()})
    assert found == [{"role": "user", "parts": [{"type": "generator"}]}]
    assert CHAT.request({"messages": two}) == {}
    result = {"type": "tool_result", "tool_use_id": "t", "content": three}
    found = inputs(MESSAGES, {"messages": deque([{"role": "user", "content": (result,)}])})
    assert found[0]["parts"][0]["response"] == "generator"
    assert [len(list(left)) for left in (one, two, three)] == [1, 1, 1]


def test_files_are_not_read() -> None:
    class Unreadable(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("read")

    for data in (Unreadable(b"x"), Path("no such file")):
        source = {"type": "base64", "media_type": "image/png", "data": data}
        parts = inputs(MESSAGES, {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]})
        assert parts[0]["parts"] == [{"type": "blob", "modality": "image", "mime_type": "image/png", "content": ""}]


class Role(str, Enum):  # noqa: UP042 - not quite a StrEnum: its str() is not its value
    USER = "user"


@dataclass
class Point:
    x: int


class Hostile(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("hostile")

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("hostile")

    def __len__(self) -> int:
        return 1

    def get(self, key: str, default: Any = None) -> Any:
        return default


def test_values_of_the_callers_own() -> None:
    call = {
        "type": "tool_use",
        "id": Role.USER,
        "name": "f",
        "input": {"when": date(2026, 1, 2), "raw": b"hi", "point": Point(1), "set": {1}, 3: object(), "kind": Point},
    }
    body = {"messages": UserList([{"role": Role.USER, "content": [call, Hostile()]}, object(), Hostile(), 5])}
    assert inputs(MESSAGES, body) == [
        {
            "role": "user",
            "parts": [
                {
                    "type": "tool_call",
                    "id": "user",
                    "name": "f",
                    "arguments": {
                        "when": "2026-01-02",
                        "raw": "aGk=",
                        "point": {"x": 1},
                        "set": [1],
                        "3": "object",
                        "kind": "Point",
                    },
                },
                {"type": "unknown"},
            ],
        },
        {"role": "unknown", "parts": [{"type": "object"}]},
        {"role": "unknown", "parts": []},
        {"role": "unknown", "parts": [{"type": "int"}]},
    ]


def test_cycles_depth_and_odd_numbers() -> None:
    loop: dict[str, Any] = {"a": 1}
    loop["self"] = [loop, loop]
    assert plain(loop) == {"a": 1, "self": ["dict", "dict"]}
    deep: Any = []
    for _ in range(sys.getrecursionlimit() * 3):
        deep = [deep]
    json.loads(to_json(plain(deep)))
    json.loads(to_json(deep))
    shared = {"b": 2}
    assert plain([shared, shared]) == [shared, shared]
    odd = {
        "nan": float("nan"),
        "inf": float("inf"),
        "big": 2**64,
        "huge": 10**5000,
        None: True,
        1.5: "\ud83d\ude00\ud800",
    }
    assert plain(odd) == {
        "nan": "NaN",
        "inf": "Infinity",
        "big": str(2**64),
        "huge": "int",
        "null": True,
        "1.5": "😀\ufffd",
    }


def test_what_was_told_is_the_tellers_own() -> None:
    """A mask may change what it is given in place; the caller's body must not change with it."""
    schema = {"type": "object", "properties": {"a": {}}}
    arguments = {"a": [1]}
    blocks = [{"type": "tool_use", "id": "1", "name": "f", "input": arguments}]
    body = {
        "messages": [{"role": "assistant", "content": blocks}],
        "tools": [{"name": "f", "input_schema": schema}],
    }
    found = MESSAGES.request(body)
    found["gen_ai.input.messages"][0]["parts"][0]["arguments"]["a"].append(2)
    found["gen_ai.tool.definitions"][0]["parameters"]["properties"].clear()
    assert (arguments, schema) == ({"a": [1]}, {"type": "object", "properties": {"a": {}}})
