"""Recorded conversations at every turn: taken apart, changed, and still what a provider takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from trim_checks import check, sdk_takes

from tokeneff.traces import Conversation, read
from tokeneff.trim._changing import changed
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of

_ROOT = Path(__file__).resolve().parents[2]
_TRACES = Path(os.environ.get("TOKENEFF_TRACES") or _ROOT.parent / "shared" / "data" / "traces")
SOAK = bool(os.environ.get("TOKENEFF_SOAK"))
"""Else every third conversation."""
_FILES = ("claude_code_sessions", "miniswe_gemini3pro", "tau2_airline_gpt5", "tau_airline_gpt4o")


@pytest.fixture(scope="module", params=_FILES)
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = _TRACES / f"{request.param}.jsonl"
    if not path.exists():
        pytest.skip(f"no recorded conversations at {_TRACES}: set TOKENEFF_TRACES")
    return path


def _requests(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, found in enumerate(read(path)):
        if place % 3 and not SOAK:
            continue
        assert isinstance(found, Conversation)
        dialect = "messages" if found.dialect == "anthropic" else "chat"
        for call in found.calls:
            # Before the greeting of an agent that speaks first there is nothing that could be sent.
            if any(message["role"] not in ("system", "developer") for message in call.messages[: call.length]):
                yield dialect, call.request


def test_every_turn_may_lose_all_that_is_free(file: Path) -> None:
    turns = cleared = 0
    for dialect, body in _requests(file):
        history = history_of(dialect, body)
        assert history is not None
        assert fault_of(dialect, body) == ""
        texts = {spot.path: "[cleared]" for spot in history.spots if not spot.fixed}
        left_out = [one for one in history.exchanges if one.free]
        assert fault_of(dialect, changed(history, texts, left_out)) == ""
        if turns % 4 == 0:
            assert fault_of(dialect, changed(history, texts, ())) == ""
        turns += 1
        cleared += len(left_out)
    assert turns > (300 if SOAK else 90)
    assert cleared > turns


def test_turns_by_chance(file: Path) -> None:
    r = Random(7)
    for dialect, body in _requests(file):
        if r.random() < 0.03:
            assert check(dialect, body, r)


def test_the_sdk_takes_what_is_left(file: Path) -> None:
    r = Random(8)
    for dialect, body in _requests(file):
        if r.random() > 0.004:
            continue
        for message in body["messages"]:
            for block in message["content"] if isinstance(message["content"], list) else ():
                if block["type"] == "thinking":  # the recordings have none
                    block["signature"] = "c2lnbmVk"
        history = history_of(dialect, body)
        assert history is not None
        texts = {spot.path: "[cleared]" for spot in history.spots if not spot.fixed}
        assert sdk_takes(dialect, body)
        assert sdk_takes(dialect, changed(history, texts, [one for one in history.exchanges if one.free]))
