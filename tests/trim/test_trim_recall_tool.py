"""The tool that recalls, called in whatever way a model calls it."""

from __future__ import annotations

import copy
import json
import pickle
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trim_recall_kit import recalling

import tokeneff
from tokeneff.trim.memo._opened import memo_of
from tokeneff.trim.memo._vault import Vault
from tokeneff.trim.recall._recalling import can_recall

TEXT = "\n".join(f"line {number}" for number in range(1, 21))
MISSING = "No text was given back: name is missing."
UNKNOWN = "No text was given back: there is none of this name"
TRIM = recalling()
TOOL = tokeneff.recall(TRIM)
NAME = Vault(memo_of(TRIM)).keep(TEXT)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": NAME, "lines": ""}, TEXT),
        ({"name": NAME}, TEXT),
        ({"name": NAME, "lines": None}, TEXT),
        ({"name": NAME, "lines": "all of them"}, TEXT),
        (json.dumps({"name": NAME, "lines": ""}), TEXT),
        (json.dumps({"name": NAME}).encode(), TEXT),
        ({"name": f' "{NAME.upper()}" '}, TEXT),
        ({"name": f'recall_left_out("{NAME}")'}, TEXT),
        (NAME, TEXT),
        (json.dumps(NAME), TEXT),
        (SimpleNamespace(name=NAME), MISSING),
        ({"name": NAME, "lines": "3-4"}, "line 3\nline 4"),
        ({"name": NAME, "lines": " 3 - 4 "}, "line 3\nline 4"),
        ({"name": NAME, "lines": "19-"}, "line 19\nline 20"),
        ({"name": NAME, "lines": "-2"}, "line 1\nline 2"),
        ({"name": NAME, "lines": 7}, "line 7"),
        ({"name": NAME, "lines": "0-1"}, "line 1"),
        ({"name": NAME, "lines": "19-400"}, "line 19\nline 20"),
        ({"name": NAME, "lines": "40-50"}, "Nothing stands in these lines: the text has 20 of them."),
        ({"name": NAME, "lines": "9-3"}, "Nothing stands in these lines: the text has 20 of them."),
        ({"name": "ab" * 16}, UNKNOWN),
        ({"name": NAME + "0"}, UNKNOWN),
        ({"name": NAME[:-1]}, UNKNOWN),
        ({"name": "'; DROP TABLE"}, UNKNOWN),
        ({"name": ""}, MISSING),
        ({"name": 3}, MISSING),
        ({}, MISSING),
        (None, MISSING),
        ([], MISSING),
        ("{", UNKNOWN),
    ],
    ids=lambda one: type(one).__name__,  # a name is another one in each process
)
async def test_whatever_it_is_called_with_is_answered(arguments: Any, text: str) -> None:
    assert TOOL(arguments).startswith(text)
    assert len(TOOL(arguments)) == len(text) or text in (MISSING, UNKNOWN)
    assert await TOOL.acall(arguments) == TOOL(arguments)


@given(
    st.one_of(st.text(), st.binary(), st.dictionaries(st.sampled_from(["name", "lines"]), st.text() | st.integers()))
)
def test_nothing_is_raised(arguments: Any) -> None:
    assert TOOL(arguments).startswith("No text was given back")


async def test_what_it_answers_is_in_the_form_of_what_was_asked() -> None:
    text = json.dumps({"name": NAME, "lines": "1"})
    chat = {"id": "c1", "type": "function", "function": {"name": TOOL.name, "arguments": text}}
    responses = {"type": "function_call", "call_id": "c2", "name": TOOL.name, "arguments": text}
    messages = {"type": "tool_use", "id": "c3", "name": TOOL.name, "input": {"name": NAME, "lines": "1"}}
    answers = [
        {"role": "tool", "tool_call_id": "c1", "content": "line 1"},
        {"type": "function_call_output", "call_id": "c2", "output": "line 1"},
        {"type": "tool_result", "tool_use_id": "c3", "content": "line 1"},
    ]
    assert [TOOL.answer(call) for call in (chat, responses, messages)] == answers
    assert [await TOOL.aanswer(call) for call in (chat, responses, messages)] == answers
    others: list[Any] = [{**chat, "function": {"name": "run", "arguments": text}}, {**messages, "name": "run"}, 3, None]
    assert [TOOL.answer(call) for call in others] == [None] * 4
    assert [await TOOL.aanswer(call) for call in others] == [None] * 4


def test_the_sdks_take_it_as_a_tool() -> None:
    import anthropic.types
    import openai.types.chat
    import openai.types.responses
    from pydantic import TypeAdapter

    for kind, told in (
        (openai.types.chat.ChatCompletionToolParam, TOOL.openai),
        (openai.types.responses.FunctionToolParam, TOOL.responses),
        (anthropic.types.ToolParam, TOOL.anthropic),
    ):
        assert TypeAdapter[Any](kind).validate_python(told) == told
    schema = TOOL.responses["parameters"]
    assert (schema["required"], schema["additionalProperties"]) == (list(schema["properties"]), False)  # as strict asks
    TOOL.openai["function"]["parameters"]["properties"].clear()
    assert TOOL.openai["function"]["parameters"] == schema, "each gets one of its own"


@pytest.mark.parametrize(
    ("tools", "found"),
    [
        ([TOOL.openai], True),
        (({"type": "web_search"}, TOOL.responses), True),
        ([TOOL.anthropic], True),
        ([{"type": "function", "function": {"name": "recall"}}], False),
        ([{"name": "run"}, 3, None], False),
        ([], False),
        (None, False),
        ("recall_left_out", False),
    ],
)
def test_when_a_model_can_ask(tools: Any, found: bool) -> None:
    assert can_recall({"tools": tools}) is found


def test_what_is_gone_is_said_to_be() -> None:
    trim = recalling()
    tool, memo = tokeneff.recall(trim), memo_of(trim)
    name = Vault(memo).keep(TEXT)
    assert tool(name) == TEXT
    memo.store.purge()
    memo._local.clear()
    assert tool(name).startswith(UNKNOWN)


def test_copies_are_as_good() -> None:
    for tool in (copy.copy(TOOL), copy.deepcopy(TOOL), pickle.loads(pickle.dumps(TOOL))):
        assert (tool(NAME), repr(tool)) == (TEXT, repr(TOOL))
    assert "secret" not in repr(tokeneff.recall(recalling(store="memory://u:secret@x")))


@pytest.mark.parametrize("trim", [None, True, tokeneff.Trim()])
def test_a_client_that_is_not_to_recall(trim: Any) -> None:
    import openai

    with openai.OpenAI(api_key="k") as bare:
        with pytest.raises(ValueError, match=r"trim=tokeneff\.Trim\(recall=True\)"):
            tokeneff.recall(tokeneff.wrap(bare, trim=trim))
        with pytest.raises(tokeneff.UnsupportedClient, match="not wrapped"):
            tokeneff.recall(bare)
    with pytest.raises(ValueError, match="recall=True"):
        tokeneff.recall(tokeneff.Trim())
