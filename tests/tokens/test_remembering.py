"""What was counted is not counted again, and what was changed is."""

from __future__ import annotations

import copy
import os
import threading
from typing import Any

import pytest
from anthropic import NotGiven
from anthropic._types import Omit
from hypothesis import given, settings
from hypothesis import strategies as st
from tokens_lab import BY_WORDS, with_vocabulary, words

from tokeneff.tokens import Counter
from tokeneff.tokens import _counter as counter_module
from tokeneff.tokens._remembered import Generations, content_digest
from tokeneff.tokens._vocabulary import Vocabularies

TOOLS: list[Any] = [
    {"type": "function", "function": {"name": f"f{n}", "description": "does it", "parameters": {"type": "object"}}}
    for n in range(20)
]


def history(size: int) -> list[Any]:
    kinds: list[Any] = [
        lambda n: {"role": "user", "content": f"question {n}"},
        lambda n: {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": str(n), "type": "function", "function": {"name": "f1", "arguments": f"[{n}]"}}],
        },
        lambda n: {"role": "tool", "tool_call_id": str(n), "content": f"answer {n}"},
        lambda n: {"role": "user", "content": [{"type": "text", "text": f"more {n}"}]},
    ]
    return [kinds[n % 4](n) for n in range(size)]


def test_the_next_turn_counts_only_what_is_new() -> None:
    asked: list[str] = []

    def count(text: str) -> int:
        asked.append(text)
        return words(text)

    vocabularies = Vocabularies(lambda name: count)
    vocabularies.ready("o200k_base", 30)
    counter = Counter(vocabularies)
    messages = history(200)
    first = counter.prompt("chat", {"messages": messages, "tools": TOOLS}, "gpt-4o")
    assert counter.counted == 220
    asked.clear()
    again = [*copy.deepcopy(messages), {"role": "assistant", "content": "so"}, {"role": "user", "content": "and now"}]
    second = counter.prompt("chat", {"messages": again, "tools": copy.deepcopy(TOOLS)}, "gpt-4o")
    assert asked == ["so", "and now"]
    assert second.pieces[:220] == first.pieces
    assert second.tokens == first.tokens + (4 + 1) + (4 + 2)
    fresh = with_vocabulary().prompt("chat", {"messages": again, "tools": TOOLS}, "gpt-4o")
    assert fresh == second


LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=5) | st.floats(allow_nan=False, width=16)
VALUES = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3), max_leaves=8
)
PARTS = st.lists(
    st.dictionaries(st.sampled_from(["type", "text", "input", "content", "id"]), VALUES | st.just("text"), max_size=4),
    max_size=3,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.text(max_size=6) | PARTS | VALUES},
        optional={"name": st.text(max_size=3), "tool_calls": PARTS},
    ),
    min_size=1,
    max_size=4,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container within a value, with a key or index of it."""
    found: list[tuple[Any, Any]] = []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(inner):
        found.append((value, key))
        found.extend(places(item))
    return found


@settings(deadline=None, max_examples=60)
@given(MESSAGES, st.data(), st.sampled_from(["chat", "messages"]))
def test_a_changed_message_never_gets_an_old_count(messages: list[Any], data: st.DataObject, dialect: str) -> None:
    counter = with_vocabulary()
    counter.prompt(dialect, {"messages": messages, "tools": messages}, "gpt-4o")
    container, key = data.draw(st.sampled_from(places(messages)))
    container[key] = data.draw(VALUES)
    body = {"messages": messages, "tools": messages}
    assert counter.prompt(dialect, body, "gpt-4o") == with_vocabulary().prompt(dialect, body, "gpt-4o")


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (0, False), (None, "None"), ("1", 1), ([], ()), ({}, [])]
)
def test_values_that_only_look_equal_are_told_apart(one: Any, other: Any) -> None:
    counter = with_vocabulary()
    for name in ("x", "content"):
        for value in (one, other):
            body = {"messages": [{"role": "user", "content": "a", name: value}]}
            assert counter.prompt("chat", body, "m") == with_vocabulary().prompt("chat", body, "m")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"role": "user", "content": "one two"}, {"role": "assistant", "content": "one two"}),
        ({"role": "user", "content": "one two"}, {"role": "user", "name": "one two"}),
        (
            {"role": "user", "content": [{"type": "text", "text": "one two"}]},
            {"role": "user", "content": [{"text": "text", "type": "one two"}]},
        ),
        (
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "user", "content": [{"type": "text", "text": "a"}], "type": "text", "text": "b"},
        ),
    ],
)
def test_messages_of_the_same_strings_are_told_apart(one: Any, other: Any) -> None:
    counter = with_vocabulary()
    found = [counter.prompt("chat", {"messages": [message]}, "m").pieces[0] for message in (one, other)]
    assert found == [
        with_vocabulary().prompt("chat", {"messages": [message]}, "m").pieces[0] for message in (one, other)
    ]
    assert found[0].digest != found[1].digest


def test_a_digest_is_of_what_is_said() -> None:
    plain = {"role": "user", "content": "Hi"}
    same = [
        {"content": "Hi", "role": "user"},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": [{"text": "Hi", "type": "text", "cache_control": {"type": "ephemeral"}}]},
    ]
    others = [
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": "Hi "},
        {"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]},
        {"role": "user", "content": "Hi", "name": "x"},
    ]
    assert {content_digest(message) for message in same} == {content_digest(plain)}
    assert len({content_digest(message) for message in [plain, *others]}) == 5


def test_the_order_of_parameters_matters() -> None:
    one = {"name": "f", "input_schema": {"properties": {"a": {}, "b": {}}}}
    other = {"name": "f", "input_schema": {"properties": {"b": {}, "a": {}}}}
    assert content_digest(one) != content_digest(other)


def test_the_whole_requests_digest_is_of_all_of_it() -> None:
    counter = with_vocabulary()
    base: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "temperature": 0.5}
    turned = dict(reversed(base.items()))
    others = [{**base, "temperature": 0.6}, {**base, "model": "n"}, {**base, "n": 2}, {**base, "messages": []}]
    digests = [counter.prompt("chat", body, "m").digest for body in (base, turned, *others)]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 5


def test_what_an_sdk_marks_as_not_given_is_no_part_of_a_request() -> None:
    counter = with_vocabulary()
    base: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
    marked = {**base, "tools": Omit(), "stop_sequences": Omit(), "temperature": NotGiven()}
    assert counter.prompt("messages", marked, "m") == counter.prompt("messages", base, "m")


def test_memory_is_bounded() -> None:
    counter = with_vocabulary()
    for n in range(400):
        counter.prompt("chat", {"messages": [{"role": "user", "content": f"{n} " + "x" * 50_000}]}, "gpt-4o")
        counter.prompt("chat", {"messages": [{"role": "user", "content": [{"a": [n, "y" * 50_000]}]}]}, "gpt-4o")
    assert counter._exact.size <= counter_module._MOST_EXACT
    assert counter._counted.size <= counter_module._MOST_COUNTED
    assert counter.counted == 800


def test_generations_keep_what_is_used() -> None:
    memory: Generations[int] = Generations(100)
    for n in range(1000):
        memory.put(n, n, 10)
        assert memory.get(0) == 0
        assert memory.size <= 100
    assert memory.get(500) is None
    memory.put("large", 1, 51)
    assert memory.get("large") is None


def test_many_threads_ask_one_counter() -> None:
    counter = Counter(BY_WORDS)
    faults: list[str] = []

    def ask(seed: int) -> None:
        for n in range(60):
            messages = history(4 + (seed * 7 + n) % 40)
            body = {"model": "m", "messages": messages, "tools": TOOLS[: n % 5]}
            prompt = counter.prompt("chat", body, "m")
            expected, _ = counter.expected(prompt, "m", "p", session=str(seed))
            counter.learn(prompt, "m", "p", prompt.tokens + 7, session=str(seed))
            if prompt != with_vocabulary().prompt("chat", body, "m") or not 0.5 < expected / prompt.tokens < 2:
                faults.append(f"{seed}, {n}: {expected} for {prompt.tokens}")

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_counts_on() -> None:
    counter = with_vocabulary()
    body = {"messages": history(20)}
    before = counter.prompt("chat", body, "gpt-4o")
    with counter._learning._lock, counter._exact._lock, counter._counted._lock:
        child = os.fork()
        if child == 0:
            more = [*history(20), {"role": "user", "content": "one more"}]
            after = counter.prompt("chat", {"messages": more}, "gpt-4o")
            counter.learn(after, "gpt-4o", "openai", 500)
            os._exit(0 if after.pieces[:20] == before.pieces and after.pieces[20].tokens == 6 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
