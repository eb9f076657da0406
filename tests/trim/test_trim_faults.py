"""Why a provider would refuse a request, and what of a request may change: by example."""

from __future__ import annotations

from typing import Any

import pytest

from tokeneff.trim._history import Exchange
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of

_ASK: dict[str, Any] = {"role": "user", "content": "Hi"}
_CALL: dict[str, Any] = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
_DONE: dict[str, Any] = {"role": "tool", "tool_call_id": "a", "content": "12"}
_USE: dict[str, Any] = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}
_RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "a", "content": "12"}
_USED: dict[str, Any] = {"role": "user", "content": [_RESULT]}
_TEXT: dict[str, Any] = {"type": "text", "text": "Hi"}
_FN: dict[str, Any] = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
_OUT: dict[str, Any] = {"type": "function_call_output", "call_id": "a", "output": "12"}
_WHY: dict[str, Any] = {"type": "reasoning", "id": "rs", "summary": []}


def _marked(count: int, ttl: str = "5m") -> dict[str, Any]:
    mark = {"type": "ephemeral", "ttl": ttl}
    return {"role": "user", "content": [{**_TEXT, "cache_control": mark} for _ in range(count)]}


@pytest.mark.parametrize(
    ("dialect", "messages"),
    [
        ("chat", [{"role": "system", "content": ""}, _ASK, _CALL, _DONE]),
        ("chat", [{"role": "assistant", "content": "Hello"}, _ASK]),
        ("chat", [_ASK, {"role": "assistant", "content": None, "refusal": "No"}, _ASK, _ASK]),
        ("messages", [_ASK, _USE, _USED]),
        ("messages", [_ASK, _USE, {"role": "user", "content": [_RESULT, _TEXT]}, {"role": "assistant", "content": ""}]),
        ("messages", [_ASK, {"role": "system", "content": "Be brief"}, _USE, _USED]),
        ("messages", [_marked(4)]),
        ("responses", [_ASK, _WHY, _FN, _OUT]),
        ("responses", [_ASK, {"type": "item_reference", "id": "fc"}, _OUT]),
        ("responses", "Hi"),
    ],
)
def test_what_a_provider_takes(dialect: str, messages: Any) -> None:
    assert fault_of(dialect, {"input" if dialect == "responses" else "messages": messages}) == ""


@pytest.mark.parametrize(
    ("dialect", "messages", "fault"),
    [
        ("chat", None, "it has no list of messages"),
        ("chat", [], "it has no message but the system's"),
        ("chat", [{"role": "system", "content": "a"}], "it has no message but the system's"),
        ("chat", [_ASK, 3], "it holds something that is no message"),
        ("chat", [_ASK, _CALL], "message 1 calls a tool (a) that nothing answers"),
        ("chat", [_ASK, _CALL, _ASK, _DONE], "message 1 calls a tool (a) that nothing answers"),
        ("chat", [_ASK, _DONE], "message 1 answers a tool call (a) that is not in the message before it"),
        ("chat", [_ASK, {**_CALL, "tool_calls": []}], "message 1 has an empty list of tool calls"),
        ("chat", [{"role": "user", "content": None}], "message 0 has no content"),
        ("chat", [{"role": "user", "content": [None]}], "message 0 has a part that is no object"),
        ("messages", [{"role": "assistant", "content": "a"}, _ASK], "its first message is not the user's"),
        ("messages", [_ASK, _USE, _ASK], "message 1 calls a tool (a) that nothing answers"),
        ("messages", [_USED], "message 0 answers a tool call (a) that is not in the message before it"),
        (
            "messages",
            [_ASK, _USE, {"role": "user", "content": [_TEXT, _RESULT]}],
            "message 2 has a tool's result behind something else",
        ),
        ("messages", [{"role": "user", "content": " \n"}], "message 0 has no content"),
        ("messages", [{"role": "user", "content": [{**_TEXT, "text": ""}]}], "message 0 has an empty text"),
        ("messages", [_marked(5)], "it has 5 cache breakpoints, and 4 is most"),
        ("messages", [_marked(1), _marked(1, "1h")], "it has a cache breakpoint of 1h behind one of 5m"),
        (
            "messages",
            [_ASK, {"role": "system", "content": "a"}, _ASK],
            "message 1 is the system's, and not before one of the model's",
        ),
        ("responses", [_ASK, _FN], "item 1 calls a tool (a) that nothing answers"),
        ("responses", [_ASK, _OUT], "item 1 answers a tool call (a) that is not before it"),
        ("responses", [_ASK, _WHY, _ASK], "item 1 is reasoning without what it led to"),
        ("responses", [{"role": "developer", "content": "a"}], "it has no message but the system's"),
    ],
)
def test_what_it_refuses(dialect: str, messages: Any, fault: str) -> None:
    assert fault_of(dialect, {"input" if dialect == "responses" else "messages": messages}) == fault


def test_thinking_goes_before_the_tools_of_a_turn_that_is_going_on() -> None:
    body = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": [_ASK, _USE, _USED]}
    assert fault_of("messages", body) == "the model's turn that is going on does not begin with its thinking"


def test_what_the_provider_keeps_may_be_answered() -> None:
    assert fault_of("responses", {"previous_response_id": "r", "input": [_OUT]}) == ""
    assert fault_of("responses", {"previous_response_id": "r"}) == ""


@pytest.mark.parametrize("body", [{}, {"messages": iter(())}, {"messages": [None]}, {"messages": "Hi"}, {1: 2}])
def test_what_is_strange_is_left_alone(body: dict[str, Any]) -> None:
    assert history_of("chat", body) is None
    assert history_of("completions", body) is None


def test_spots_and_exchanges_of_a_loop() -> None:
    later = [{**_CALL, "tool_calls": [{**_CALL["tool_calls"][0], "id": "b"}]}, {**_DONE, "tool_call_id": "b"}]
    history = history_of("chat", {"messages": [_ASK, _CALL, _DONE, *later]})
    assert history is not None
    assert history.exchanges == (Exchange(1, 3, True), Exchange(3, 5, False))
    assert history.arrived == 4
    spots = [(spot.path, spot.kind, spot.tool, spot.call, spot.fixed) for spot in history.spots]
    assert spots == [
        (("messages", 0, "content"), "user", "", "", True),
        (("messages", 2, "content"), "tool_result", "f", "a", False),
        (("messages", 4, "content"), "tool_result", "f", "b", False),
    ]


def test_a_failed_tool_is_told_from_others() -> None:
    failed = {"role": "user", "content": [{**_RESULT, "is_error": True}]}
    history = history_of("messages", {"messages": [_ASK, _USE, failed]})
    assert history is not None
    assert [spot.error for spot in history.spots] == [False, True]


def test_breakpoints_do_not_change_the_chain_and_words_do() -> None:
    def chain(message: Any, **rest: Any) -> Any:
        history = history_of("messages", {"messages": [message, _USE, _USED], **rest})
        assert history is not None
        return history.chain

    plain = {"role": "user", "content": [_TEXT]}
    assert chain(_marked(1)) == chain(plain) == chain({"content": "Hi", "role": "user"})
    assert chain({"role": "user", "content": "Ho"})[0] != chain(plain)[0]
    assert chain(plain, tools=[{"name": "f"}])[0] != chain(plain)[0] != chain(plain, system="Be brief")[0]
