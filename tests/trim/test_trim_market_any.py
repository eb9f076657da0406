"""Any conversation through a market, turn by turn: valid, the caller's but for what is replaced, and never changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trim_market_checks import Turn, check_market, market, sent

from tokeneff.traces import Conversation, read

_TRACES = Path(os.environ.get("TOKENEFF_TRACES") or Path(__file__).parents[3] / "shared" / "data" / "traces")
_SOAK = bool(os.environ.get("TOKENEFF_SOAK"))
_STEP = 1 if _SOAK else 12
"""Of recorded conversations, each of so many is sent."""
_FILES = {"claude_code_sessions": 9, "miniswe_gemini3pro": 6, "tau2_airline_gpt5": 2, "tau_airline_gpt4o": 2}
"""And each of so many of its requests, where there is no time for all."""


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1))
def test_any_conversation(seed: int) -> None:
    check_market(seed)


def test_a_good_part_is_trimmed() -> None:
    assert sum(map(check_market, range(20))) > 3


@pytest.mark.parametrize("name", _FILES)
def test_recorded_conversations(name: str) -> None:
    path = _TRACES / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no recorded conversations at {_TRACES}: set TOKENEFF_TRACES")
    trimmed = 0
    for number, found in enumerate(read(path)):
        if number % _STEP or not isinstance(found, Conversation):
            continue
        dialect, provider = ("messages", "anthropic") if found.dialect == "anthropic" else ("chat", "openai")
        model = {"messages": "claude-opus-5", "chat": "gpt-5.6-sol"}[dialect]
        before: Turn | None = None
        for call in found.calls[:: 1 if _SOAK else _FILES[name]]:
            if any(message["role"] not in ("system", "developer") for message in call.messages[: call.length]):
                asked = {**call.request, "model": model}
                before, shorter = sent(market(lossy=bool(number // _STEP % 2)), dialect, asked, provider, None, before)
                trimmed += shorter
    assert trimmed > 0 or name == "miniswe_gemini3pro"  # whose lines are all needed as they are
