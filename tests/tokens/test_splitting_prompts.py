"""A prompt's tokens by what they were."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tokens_lab import with_vocabulary

from tokeneff.accounts import InputParts
from tokeneff.tokens._split import raw_parts, scaled


def test_history_ends_with_what_the_model_said_last() -> None:
    body: dict[str, Any] = {
        "system": "a b",
        "tools": [{"name": "f"}],
        "messages": [
            {"role": "user", "content": "a b c"},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "tool_use", "name": "f"}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "content": "a b"},
                    {"type": "document", "source": {"type": "text", "data": "a b c d"}},
                    {"type": "text", "text": "a"},
                ],
            },
            {"role": "user", "content": "a b"},
        ],
    }
    prompt = with_vocabulary().prompt("messages", body, "claude-x")
    assert raw_parts(prompt) == InputParts(
        system=2,
        tools=2,
        user_history=4 + 3,
        assistant_history=4 + 1 + 30 + 1 + 1,
        tool_results=25 + 2,
        attached=4,
        user=4 + 1 + 4 + 2,
    )


PARTS = st.builds(InputParts, *[st.integers(0, 10_000)] * 7)


@settings(deadline=None)
@given(PARTS, st.integers(0, 10**7))
def test_shares_sum_to_the_total_and_keep_their_sizes(parts: InputParts, total: int) -> None:
    found = scaled(parts, total)
    assert sum(found) == total
    assert min(found) >= 0
    if sum(parts) and total:
        factor = total / sum(parts)
        assert all(abs(share - part * factor) <= 1 for share, part in zip(found, parts, strict=True))
