"""Estimates: cheap, never negative, near enough, and of every text in a request."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff.tokens import estimate, estimate_body


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        # Counts of the o200k vocabulary, within a quarter.
        ("The quick brown fox jumps over the lazy dog.", 8, 12),
        ("Internationalization of misunderstandings", 3, 8),
        ("def f(x):\n    return x + 1\n", 8, 16),
        ("1234567890", 3, 5),
        ("日本語のテキストです。", 5, 12),
        ("Привет, как дела?", 4, 10),
        ('{"a": 1, "b": [true, null]}', 10, 18),
        ("🎉🎉🎉", 2, 9),
    ],
)
def test_near_the_vocabularys_own_count(text: str, low: int, high: int) -> None:
    assert low <= estimate(text) <= high


def test_nothing_is_nothing_and_anything_is_something() -> None:
    assert estimate("") == 0
    assert estimate(" ") == 1
    assert estimate("a") == 1


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_text_has_an_estimate(text: str) -> None:
    found = estimate(text)
    assert isinstance(found, int)
    assert (found > 0) == bool(text)
    assert found <= max(1, 2 * len(text))


@settings(deadline=None)
@given(st.text(max_size=50), st.text(max_size=50))
def test_more_text_is_no_fewer_tokens(first: str, second: str) -> None:
    assert estimate(first + second) + 1 >= max(estimate(first), estimate(second)) * 0.5


def test_lone_surrogates_are_counted() -> None:
    assert estimate("\ud800") >= 1


@pytest.mark.parametrize("letter", ["a", " ", "\n", "!", "é", "語", "1", "a ", "🎉"])
def test_an_estimate_is_cheap_whatever_the_text(letter: str) -> None:
    begun = time.process_time()
    found = estimate(letter * 5_000_000)
    assert time.process_time() - begun < 10  # quadratic would be hours
    assert found > 1000


def test_a_body_is_all_its_texts_and_their_frames() -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello there"}]
    texts = ("system", "Be brief.", "user", "Hello there")
    assert estimate_body({"model": "m", "messages": messages}) == 4 * 2 + sum(map(estimate, texts))


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "Say it again"},
        {"input": "Say it again"},
        {"system": "Say it again", "messages": []},
        {"instructions": "Say it again", "input": []},
        {"messages": [{"content": [{"type": "text", "text": "Say it again"}]}]},
        {"tools": [{"type": "function", "function": {"description": "Say it again"}}]},
        {"input": [{"type": "message", "content": [{"type": "input_text", "text": "Say it again"}]}]},
    ],
)
def test_text_is_found_wherever_it_is(body: dict[str, Any]) -> None:
    assert estimate_body(body) >= estimate("Say it again")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}},
        {"type": "input_audio", "input_audio": {"data": "A" * 9000, "format": "wav"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 9000}},
        {"type": "document", "source": {"type": "base64", "data": "A" * 9000}},
        {"type": "input_image", "image_url": "https://example.org/" + "a" * 9000},
    ],
)
def test_bytes_are_no_text(part: dict[str, Any]) -> None:
    assert estimate_body({"messages": [{"role": "user", "content": [part]}]}) < 20


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.sampled_from(["messages", "input", "prompt", "system", "tools", "other"]), NESTED))
def test_any_body_has_an_estimate(body: dict[str, Any]) -> None:
    assert estimate_body(body) >= 0


def test_a_body_that_holds_itself_is_left_at_some_depth() -> None:
    message: dict[str, Any] = {"role": "user", "content": "x"}
    message["content"] = {"again": message}
    assert estimate_body({"messages": [message]}) > 0
