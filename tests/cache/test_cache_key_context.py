"""What is left of a call without the text of its last user turn: when two questions are asked in the same context."""

from __future__ import annotations

from typing import Any

import pytest
from cache_key_kit import Ask, chat, client, context, key, messages, responses

ASSISTANT = {"role": "assistant", "content": "A"}


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def text(said: str, kind: str = "text") -> list[dict[str, Any]]:
    return [{"type": kind, "text": said}]


@pytest.mark.parametrize(
    ("sdk", "make"),
    [
        ("openai", lambda said: chat(messages=[user(said)])),
        ("openai", lambda said: chat(messages=[{"role": "system", "content": "S"}, user(said)])),
        ("openai", lambda said: chat(messages=[user("Hi"), ASSISTANT, user(text(said))])),
        ("openai", lambda said: responses(input=said)),
        ("openai", lambda said: responses(input=[user(text(said, "input_text"), type="message")])),
        ("anthropic", lambda said: messages(messages=[user("Hi"), ASSISTANT, user(said)], system="S")),
        ("anthropic", lambda said: messages(messages=[user(text(said))])),
    ],
)  # fmt: skip
def test_only_the_text_of_the_last_turn_is_left_out(sdk: str, make: Any) -> None:
    made = client(sdk)
    one, other = context(make("One?"), made), context(make("Two?"), made)
    assert one is not None
    assert other is not None
    assert (one.question, other.question) == ("One?", "Two?")
    assert one.key == other.key
    assert one.key not in (key(make("One?"), made), key(make("Two?"), made), key(make(""), made))


@pytest.mark.parametrize(
    "asks",
    [
        [chat(), chat(temperature=0), chat(model="m"), chat(tools=[{"type": "function", "function": {"name": "f"}}])],
        [chat(messages=[user("Hi")]), chat(messages=[user(text("Hi"))]), chat(messages=[user("Hi", name="n")])],
        [chat(messages=[user(said), ASSISTANT, user("Hi")]) for said in ("a", "b")],
        [chat(messages=[{"role": role, "content": "S"}, user("Hi")]) for role in ("system", "developer")],
        [responses(input="Hi"), responses(input=[user("Hi")]), responses(instructions="I")],
        [chat(), responses()],
    ],
)
def test_everything_else_has_to_be_equal(asks: list[Ask]) -> None:
    found = [context(ask) for ask in asks]
    assert len({one.key for one in found if one is not None}) == len(asks)


@pytest.mark.parametrize(
    "ask",
    [
        chat(messages=[]),
        chat(messages=[ASSISTANT]),
        chat(messages=[user("One"), user("Two")]),
        chat(messages=[user("")]),
        chat(messages=[user([*text("One"), *text("Two")])]),
        chat(messages=[user([{"type": "image_url", "image_url": {"url": "data:,"}}])]),
        chat(messages=[user([*text("One"), {"type": "image_url", "image_url": {"url": "data:,"}}])]),
        chat(messages=[user("Hi"), {"role": "tool", "tool_call_id": "t", "content": "R"}]),
        chat(messages=[ASSISTANT, {"role": "tool", "tool_call_id": "t", "content": "R"}, user("Hi")]),
        responses(input=[{"type": "function_call_output", "call_id": "c", "output": "R"}, user("Hi")]),
        responses(input=[user("Hi"), {"type": "function_call_output", "call_id": "c", "output": "R"}]),
        chat(extra_body={"x": object()}),
        lambda c: c.embeddings.create(model="m", input="Hi"),
        lambda c: c.completions.create(model="m", prompt="Hi"),
    ],
)
def test_no_question_of_a_user_alone(ask: Ask) -> None:
    assert context(ask) is None


def test_results_of_tools_are_no_question() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "R"}
    turns = [user("Hi"), {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}]
    made = client("anthropic")
    assert context(messages(messages=[*turns, user([result])]), made) is None
    assert context(messages(messages=[*turns, user([result, *text("Hi")])]), made) is None


def test_a_context_is_the_callers_own() -> None:
    turns = [user(text("Hi"))]
    told = [{"scope": (("tenant", name),)} for name in ("a", "b")] + [{"account": "a"}, {"policies": ("p",)}, {}]
    found = [context(chat(messages=turns), **one) for one in told]
    assert len({one.key for one in found if one is not None}) == len(told)
    assert turns == [user(text("Hi"))]
