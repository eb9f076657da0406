"""However a request is written, its key is the same; and what shapes an answer is never left out of it."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import anthropic
import openai
import pydantic
import pytest
from cache_key_kit import ASKED, Ask, call_of, chat, client, key, messages, responses, why
from hypothesis import given
from hypothesis import strategies as st

from tokeneff.cache._key import key_of

ONE_SHOT_BODIES = int(anthropic.__version__.partition(".")[0]) >= 1
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
TURNED = {"required": ["a", "b"], "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}, "type": "object"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}


class Question(pydantic.BaseModel):
    role: str = "user"
    content: str


def tool(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "description": "d", "parameters": schema}}


def turned(value: Any) -> Any:
    """Objects with their members the other way round, and lists as tuples."""
    if isinstance(value, dict):
        return {name: turned(item) for name, item in reversed(value.items())}
    return tuple(turned(item) for item in value) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            chat(messages=[{"role": "user", "content": [IMAGE]}]),
            chat(messages=turned([{"role": "user", "content": [IMAGE]}])),
        ),
        (chat(messages=ASKED), chat(messages=tuple(ASKED))),
        (chat(messages=ASKED), chat(messages=[Question(role="user", content="Hi")])),
        (chat(tools=[tool(SCHEMA)]), chat(tools=[{**dict(reversed(tool(SCHEMA).items()))}])),
        (chat(temperature=1, top_p=0), chat(temperature=1.0, top_p=-0.0)),
        (chat(metadata={"a": "1", "b": "2"}), chat(metadata={"b": "2", "a": "1"})),
        (chat(logit_bias={"1": 1, "2": 2}), chat(logit_bias={2: 2, 1: 1})),
        (chat(user="u"), chat(extra_body={"user": "u"})),
        (chat(user="u"), chat(user="v", extra_body={"user": "u"})),
        (chat(stop=openai.NOT_GIVEN), chat()),
        (chat(stream=True), chat()),
        (chat(stream=True, stream_options={"include_usage": True}), chat(stream=False)),
        (lambda c: c.chat.completions.with_raw_response.create(model="gpt-4.1", messages=ASKED), chat()),
        (lambda c: c.with_options(max_retries=1).chat.completions.create(model="gpt-4.1", messages=ASKED), chat()),
        (lambda c: c.chat.completions.create(model="gpt-4.1", messages=ASKED, extra_query={}), chat()),
        (responses(stream=True), responses()),
        (responses(input=[{"role": "user", "content": "Hi"}]), responses(input=({"content": "Hi", "role": "user"},))),
    ],
)
def test_the_same_request_of_openai(one: Ask, other: Ask) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (messages(extra_body={"temperature": 0}), messages(extra_body={"temperature": 0.0})),
        (messages(system="s"), messages(extra_body={"system": "s"})),
        (messages(system=[{"type": "text", "text": "s"}]), messages(system=[{"text": "s", "type": "text"}])),
        (messages(stream=True), messages()),
        (lambda c: c.messages.stream(model="claude-sonnet-4-6", max_tokens=10, messages=ASKED).__enter__(), messages()),
    ],
)
def test_the_same_request_of_anthropic(one: Ask, other: Ask) -> None:
    made = client("anthropic")
    assert key(one, made) == key(other, made)


def test_blocks_of_an_earlier_reply_are_the_same_as_their_json() -> None:
    made = client("anthropic")
    block = anthropic.types.ToolUseBlock.model_validate(
        {"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": [1.5, None]}}
    )
    plain = {"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": [1.5, None]}}
    keys = [key(messages(messages=[*ASKED, {"role": "assistant", "content": [one]}]), made) for one in (block, plain)]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    "asks",
    [
        [chat(tools=[tool(SCHEMA)]), chat(tools=[tool(TURNED)])],
        [
            chat(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}})
            for schema in (SCHEMA, TURNED)
        ],
        [chat(extra_body={"guided_json": schema}) for schema in (SCHEMA, TURNED)],
        [
            chat(extra_body={"x": value})
            for value in (1, "1", True, 1.0, None, [1], {"0": 1}, [], {}, "", "null", 0, False)
        ]
        + [chat()],
        [chat(user=user) for user in ("é", "e\u0301", "É", "\ud800", "\udc00", "?", "", "a\x00", "a")],
        [chat(extra_body={"x": number}) for number in (2**63, 2**63 + 1, 2**64, 10**40, -(10**40), 1e40, 1e400)],
        [chat(extra_body={"x": float("nan")}), chat(extra_body={"x": "NaN"}), chat(extra_body={"x": None})],
        [chat(n=1), chat(n=1.0), chat()],
        [chat(messages=ASKED * 2), chat(messages=ASKED), chat(messages=[ASKED])],
        [chat(messages=[{"role": "user", "content": content}]) for content in ("Hi", [{"type": "text", "text": "Hi"}])],
        [chat(stop=["a", "b"]), chat(stop=["b", "a"]), chat(stop=["ab"]), chat(stop="ab")],
        [chat(extra_query={"a": "1"}), chat(extra_query={"a": "2"}), chat()],
        [lambda c: c.completions.create(model="gpt-4.1", prompt="Hi"), chat(), responses()],
    ],
)
def test_requests_that_may_be_answered_differently(asks: list[Ask]) -> None:
    assert len({key(ask) for ask in asks}) == len(asks)


def test_the_order_of_a_tools_input_counts() -> None:
    made, keys = client("anthropic"), set[bytes]()
    for inputs in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        call = {"type": "tool_use", "id": "t", "name": "f", "input": inputs}
        keys.add(key(messages(messages=[*ASKED, {"role": "assistant", "content": [call]}]), made))
    assert len(keys) == 2


def test_the_same_body_to_another_endpoint_or_by_another_method_is_another_request() -> None:
    asks: list[Ask] = [
        lambda c: c.post("/a", body={"a": 1}, cast_to=object),
        lambda c: c.post("/b", body={"a": 1}, cast_to=object),
        lambda c: c.put("/a", body={"a": 1}, cast_to=object),
    ]
    assert len({key(ask) for ask in asks}) == 3


def test_the_same_question_to_the_two_sdks_is_two() -> None:
    made = client("anthropic", base_url="https://host.example/v1")
    keys = [key(lambda c: c.post("/chat", body={"a": 1}, cast_to=object), one) for one in (client(), made)]
    assert keys[0] != keys[1]


def test_a_beta_is_another_request() -> None:
    made = client("anthropic")
    ask = {"model": "claude-sonnet-4-6", "max_tokens": 10, "messages": ASKED}
    betas: list[Ask] = [lambda c, names=names: c.beta.messages.create(**ask, betas=names) for names in (["x"], ["y"])]
    assert len({key(messages(), made), *(key(beta, made) for beta in betas)}) == 3


def test_one_shot_bodies_have_no_key_and_are_left_as_they_were() -> None:
    turns = iter(ASKED)
    ask = messages(messages=turns) if ONE_SHOT_BODIES else messages(extra_body={"x": turns})
    assert why(ask, client("anthropic")) == "one-shot body"
    assert list(turns) == ASKED


@pytest.mark.parametrize("strange", [object(), b"x", {1: "a", "1": "b"}, {(1, 2): 3}, {"a": {2, object()}}])
def test_what_cannot_leave_has_no_key(strange: Any) -> None:
    assert why(chat(extra_body={"x": strange})) == "strange body"


def test_deep_and_endless_bodies_have_no_key() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    assert why(chat(extra_body={"x": deep})) == why(chat(extra_body={"x": endless})) == "strange body"


def test_other_types_count_as_what_they_are_sent_as() -> None:
    made = client("anthropic")
    assert key(messages(extra_body={"x": date(2026, 1, 2)}), made) == key(
        messages(extra_body={"x": "2026-01-02"}), made
    )
    assert key(chat(extra_body={"x": type("Text", (str,), {})("a")})) == key(chat(extra_body={"x": "a"}))
    assert key(chat(extra_body={"x": type("Number", (int,), {})(7)})) == key(chat(extra_body={"x": 7}))


@pytest.mark.skipif(not ONE_SHOT_BODIES, reason="this line of the SDK takes no files in bodies")
def test_a_file_in_a_body_counts_by_content_and_stays_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"image")
    handle = io.BytesIO(b"--image")
    handle.seek(2)

    def ask(data: Any) -> Ask:
        source = {"type": "base64", "media_type": "image/png", "data": data}
        return messages(messages=[{"role": "user", "content": [{"type": "image", "source": source}]}])

    made = client("anthropic")
    assert key(ask(path), made) == key(ask("aW1hZ2U="), made) == key(ask(handle), made)
    assert handle.tell() == 2
    path.write_bytes(b"other")
    assert key(ask(path), made) != key(ask(handle), made)


def transcribe(file: Any, **more: Any) -> Ask:
    return lambda c: c.audio.transcriptions.create(model="whisper-1", file=file, **more)


def test_files_of_a_form_count_by_content_name_and_type(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(b"sound")
    handle = path.open("rb")
    handle.seek(1)
    asks = [
        transcribe(("a.mp3", b"sound")),
        transcribe(("a.mp3", b"other")),
        transcribe(("b.mp3", b"sound")),
        transcribe(("a.mp3", b"sound", "audio/mpeg")),
        transcribe(("a.mp3", b"sound"), language="en"),
    ]
    assert len({key(ask) for ask in asks}) == len(asks)
    assert key(transcribe(path)) == key(transcribe(("a.mp3", b"sound")))
    assert key(transcribe(handle)) == key(transcribe(("a.mp3", b"ound")))
    assert handle.tell() == 1
    handle.close()


def test_a_handle_that_can_be_read_only_once_has_no_key() -> None:
    class Pipe(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            raise AssertionError("read")

    assert why(transcribe(("a.mp3", Pipe()))) == "one-shot body"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
CHAT = call_of(client(), chat())


def key_of_body(body: dict[str, Any]) -> bytes | str:
    return key_of(
        CHAT._replace(options=type(CHAT.options).construct(method="post", url="/chat/completions", json_data=body))
    )


@given(json_values, json_values)
def test_values_have_the_same_key_only_where_they_are_the_same(one: Any, other: Any) -> None:
    def text(value: Any) -> str:
        return repr(value)

    alike = text(one) == text(other)
    assert (key_of_body({"x": one}) == key_of_body({"x": other})) is alike


@given(st.dictionaries(st.text(max_size=4), json_values, max_size=4), st.randoms())
def test_the_members_of_a_body_have_no_order(body: dict[str, Any], draw: Any) -> None:
    names = list(body)
    draw.shuffle(names)
    assert key_of_body(body) == key_of_body({name: body[name] for name in names})


@given(json_values)
def test_a_body_that_was_written_and_read_again_is_the_same(value: Any) -> None:
    again = json.loads(json.dumps(value))
    if repr(again) == repr(value):
        assert key_of_body({"x": value}) == key_of_body({"x": again})
