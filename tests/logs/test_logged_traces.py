"""The recorded files as records: a record for each call, and sums that equal those of the file's own figures."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tokeneff.ledger import CallRecord
from tokeneff.logs import records

FOLDER = Path(os.environ.get("TOKENEFF_TRACES") or Path(__file__).resolve().parents[3] / "shared" / "data" / "traces")
PARTS = (
    "in_system",
    "in_tools",
    "in_user_history",
    "in_assistant_history",
    "in_tool_results",
    "in_attached",
    "in_user",
)


def lines_of(name: str) -> tuple[Path, list[dict[str, Any]]]:
    path = FOLDER / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no {path.name} in {FOLDER} (set TOKENEFF_TRACES to the folder of recorded traces)")
    return path, [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sums(found: list[CallRecord]) -> Counter[str]:
    names = ("input_tokens", "output_tokens", "cache_read", "cache_write", "cache_write_1h", "reasoning")
    return Counter({name: sum(getattr(record, name) or 0 for record in found) for name in names})


def read(path: Path, count: int) -> list[CallRecord]:
    reading = records(path)
    found = list(reading)
    assert reading.skipped.total == 0
    assert len(found) == count == len({record.call_id for record in found})
    assert all(sum(getattr(record, part) for part in PARTS) == record.input_tokens for record in found)
    assert all(record.out_text is not None for record in found)
    return found


def test_claude_code() -> None:
    path, lines = lines_of("claude_code_sessions")
    calls = [call for line in lines for call in line["calls"] if "event" not in call]
    found = read(path, len(calls))
    written = sum(call["cache_creation_input_tokens"] for call in calls)
    cached = sum(call["cache_read_input_tokens"] for call in calls)
    assert sums(found) == Counter(
        input_tokens=sum(call["input_tokens"] for call in calls) + cached + written,
        output_tokens=sum(call["output_tokens"] for call in calls),
        cache_read=cached,
        cache_write=written,
        cache_write_1h=sum(call["cache_creation"]["ephemeral_1h_input_tokens"] for call in calls),
        reasoning=0,
    )
    assert Counter(record.model for record in found) == Counter(call["model"] for call in calls)
    assert {record.usage_source for record in found} == {"provider"}
    assert [record.session for record in found] == [
        line["id"] for line in lines for call in line["calls"] if "event" not in call
    ]
    summaries = sum("event" in call for line in lines for call in line["calls"])
    broken = [record for record in found if record.prefix_cause in ("edited", "shortened")]
    assert len(broken) >= summaries > 0


def test_mini_swe() -> None:
    path, lines = lines_of("miniswe_gemini3pro")
    calls = [call for line in lines for call in line["calls"]]
    found = read(path, len(calls))
    assert sums(found) == Counter(
        input_tokens=sum(call["prompt_tokens"] for call in calls),
        output_tokens=sum(call["completion_tokens"] for call in calls),
        cache_read=sum(call["cached_tokens"] for call in calls),
        cache_write=0,
        cache_write_1h=0,
        reasoning=sum(min(call["reasoning_tokens"], call["completion_tokens"]) for call in calls),
    )
    assert [record.time for record in found] == [round(call["created"] * 1e6) for call in calls]
    assert {record.provider for record in found} == {"gcp.gemini"}


@pytest.mark.parametrize("name", ["tau_airline_gpt4o", "tau2_airline_gpt5"])
def test_recordings_without_usage_are_estimated(name: str) -> None:
    path, lines = lines_of(name)
    # What an assistant says first of all answers no request.
    answers = [sum(message["role"] == "assistant" for message in line["messages"][1:]) for line in lines]
    found = read(path, sum(answers))
    assert {record.usage_source for record in found} == {"estimated"}
    assert {record.price_confidence for record in found} <= {"estimated", "unknown"}
    assert all(record.input_tokens and record.output_tokens is not None for record in found)
    assert Counter(record.session for record in found) == Counter(
        {line["id"]: count for line, count in zip(lines, answers, strict=True)}
    )
    times = [record.time for record in found]
    per_session = [[t for t, r in zip(times, found, strict=True) if r.session == line["id"]] for line in lines]
    assert all(moments == sorted(set(moments)) for moments in per_session)
    if name.startswith("tau_"):  # the tool schemas that lie beside it were sent with each request
        assert {len(record.tools) for record in found} == {14}
        assert all(record.in_tools for record in found)


def test_a_trace_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "more"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "name": "look", "arguments": {"q": 1}}]},
    ]
    calls = [
        {"n_messages_in": 1, "created": 1763511492, "prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 0}
    ]
    path.write_text(json.dumps({"id": "one", "model": "deepseek-v9", "messages": messages, "calls": calls}) + "\n{\n")
    reading = records(path)
    first, second = reading
    assert (first.time, second.time) == (1763511492_000000, 1763511493_000000)
    assert (first.provider, first.session, first.usage_source) == ("deepseek", "one", "provider")
    assert (second.usage_source, second.called, second.cost) == ("estimated", ("look",), None)
    assert reading.skipped.total == 1
