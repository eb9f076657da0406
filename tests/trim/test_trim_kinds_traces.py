"""Arriving results of recorded conversations: undone to the byte, and nothing that the next turn names is lost."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from trim_arrival_kit import arriving, words

from tokeneff.trim._changing import replaced
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of
from tokeneff.trim.arrival._arriving import Arriving

TRACES = Path(os.environ.get("TOKENEFF_TRACES", Path(__file__).parents[3] / "shared" / "data" / "traces"))
_WORD = re.compile(r"[A-Za-z0-9_]*\d[A-Za-z0-9_]*")
FILES = [
    ("tau_airline_gpt4o", "chat", 0.05),
    ("tau2_airline_gpt5", "chat", 0.08),
    ("miniswe_gemini3pro", "chat", 0.0),
    ("claude_code_sessions", "messages", 0.1),
]
SOAK = bool(os.environ.get("TOKENEFF_SOAK"))
"""Else every third conversation."""


def conversations(name: str) -> list[list[dict[str, Any]]]:
    file = TRACES / f"{name}.jsonl"
    if not file.exists():
        pytest.skip(f"no recorded conversations {file.name} here: set TOKENEFF_TRACES to their folder")
    with file.open(encoding="utf-8") as found:
        lines = list(found)
    return [json.loads(line)["messages"] for line in (lines if SOAK else lines[::3])]


@pytest.mark.parametrize(("name", "dialect", "share"), FILES)
def test_recorded_results_are_undone_and_lose_nothing(name: str, dialect: str, share: float):
    all_of_it = saved = 0
    for messages in conversations(name):
        own = arriving()
        told: set[str] = set()
        there: set[str] = set()
        seen = 0
        for at in [at for at, one in enumerate(messages) if at and one["role"] == "assistant"]:
            body = {"model": "m", "max_tokens": 9, "messages": messages[:at]}
            made = _sent(own, dialect, body)
            told |= _found(body["messages"][seen:])
            there |= _found(made["messages"][seen:])
            seen = at
            assert (_found(messages[at]) & told) - there == set()
        history = history_of(dialect, {"messages": messages})
        assert history is not None
        arrived = own.arrive(history, "m")
        all_of_it += len(json.dumps(messages, ensure_ascii=False))
        saved += sum(done.saved for done in arrived.edits)
        texts = {spot.path: spot.text for spot in history.spots}
        assert {path: own.original(history, arrived, path) for path in arrived.texts} == {
            path: texts[path] for path in arrived.texts
        }
    assert saved >= share * all_of_it * (1 if SOAK else 0.5)


def _sent(own: Arriving, dialect: str, body: dict[str, Any]) -> dict[str, Any]:
    """The request that is sent; a provider finds no fault in it that was not there."""
    history = history_of(dialect, body)
    assert history is not None
    arrived = own.arrive(history, "m")
    made = replaced(history, arrived.texts)
    if arrived.new:
        assert fault_of(dialect, made) == fault_of(dialect, body)
    return made


def _found(value: Any) -> set[str]:
    return set(_WORD.findall(json.dumps(value, ensure_ascii=False).replace("\\n", " ").replace("\\t", " ")))


def test_each_kind_saves_by_the_count_of_words():
    long = json.dumps([{"number": number, "name": f"the name of {number}"} for number in range(50)])
    body = {
        "messages": [
            {"role": "user", "content": "List."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "list", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": long},
        ]
    }
    history = history_of("chat", body)
    assert history is not None
    (text,) = arriving().arrive(history, "m").texts.values()
    assert words(text) + 16 <= words(long)
