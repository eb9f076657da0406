"""What is remembered of a piece in place of its content."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokens_lab import with_vocabulary

from tokeneff.tokens import Traits
from tokeneff.tokens._traits import traits_of


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Now: 2026-05-01T10:11:12Z", "timestamp"),
        ("The current time is 2024-05-15 15:00:00 EST.", "timestamp"),
        ("Fri, 01 May 2026 10:11:12 GMT", "timestamp"),
        ("epoch 1767225600", "timestamp"),
        ("epoch 1767225600123", "timestamp"),
        ("Today is May 1st, 2026.", "date"),
        ("Today's date: 2026-05-01", "date"),
        ("it is 1 January 2026 today", "date"),
        ("05/01/2026", "date"),
        ("at 10:11:12 sharp", "time"),
        ("at 9:05 AM", "time"),
        ("run 123e4567-e89b-12d3-a456-426614174000", "uuid"),
        ("commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "identifier"),
        ("Request ID: 48213", "counter"),
        ("session=77", "counter"),
        ("ticket 123456789012345678901", "counter"),
        ("You have 3 tools and 12 steps.", None),
        ("Use Python 3.11.4 or newer; see RFC 2119.", None),
        ("deadbeefdeadbeefdeadbeef", None),
        ("", None),
    ],
)
def test_lines_that_are_likely_to_differ_each_time(line: str, kind: str | None) -> None:
    found = traits_of("system", f"You are Bob.\n{line}\nBe kind.")
    assert found.volatile == (((1, kind),) if kind else ())


def test_lines_are_told_apart() -> None:
    one, other = (traits_of("system", f"a\n{word}\nc").lines for word in ("b", "x"))
    assert (one[0], one[2]) == (other[0], other[2])
    assert one[1] != other[1]


def test_names_and_identifiers() -> None:
    body: dict[str, Any] = {
        "tools": [{"type": "function", "function": {"name": "find", "parameters": {}}}],
        "messages": [
            {"role": "user", "content": "look for order-991"},
            {
                "role": "assistant",
                "content": "order-991 it is",
                "tool_calls": [{"function": {"name": "find", "arguments": '{"id": "order-991"}'}}],
            },
            {"role": "tool", "content": "order-991 was paid by user_17; see src/app2.py."},
        ],
    }
    tool, user, assistant, result = (piece.traits for piece in with_vocabulary().prompt("chat", body, "m").pieces)
    assert (tool.names, assistant.names, user) == (("find",), ("find",), Traits())
    assert len(assistant.identifiers) == 1
    assert len(result.identifiers) == 3
    assert assistant.identifiers < result.identifiers
    assert traits_of("tool", body["messages"][2]) == result


def test_identifiers_are_capped() -> None:
    text = " ".join(f"id{n}" for n in range(50_000))
    assert len(traits_of("tool", {"role": "tool", "content": text}).identifiers) == 2000


@pytest.mark.parametrize("part", ["a", "1", " ", "-", "1:", "a1-", "2026-", "Mon, ", "id 1 ", "\n", "f" * 15 + " "])
def test_traits_of_a_megabyte(part: str) -> None:
    text = part * (1_000_000 // len(part))
    assert traits_of("tool", {"content": text}).lines == ()
    assert traits_of("system", text).identifiers == frozenset()


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(["tools", "system", "user", "assistant", "tool"]),
    st.recursive(
        st.none() | st.text(st.characters()) | st.integers() | st.binary(max_size=5),
        lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3),
    ),
)
def test_anything_has_traits(kind: Any, element: Any) -> None:
    assert traits_of(kind, element) == traits_of(kind, element)
