"""The four recorded files: every call is there, with its usage, and its request is what preceded it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tokeneff.traces import Conversation, read

FOLDER = Path(os.environ.get("TOKENEFF_TRACES") or Path(__file__).resolve().parents[3] / "shared" / "data" / "traces")
FILES = ["tau_airline_gpt4o", "tau2_airline_gpt5", "miniswe_gemini3pro", "claude_code_sessions"]


@pytest.mark.parametrize("name", FILES)
def test_recorded_file(name: str) -> None:
    path = FOLDER / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no {path.name} in {FOLDER} (set TOKENEFF_TRACES to the folder of recorded traces)")
    items = list(read(path))
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(items) == len(records)
    for item, record in zip(items, records, strict=True):
        assert isinstance(item, Conversation), item
        answers = [i for i, message in enumerate(record["messages"]) if message["role"] == "assistant"]
        assert len(item.calls) == len(answers)
        assert item.id == record["id"]
        usages = {c["n_messages_in"]: c for c in record.get("calls", ()) if "event" not in c}
        for call, index in zip(item.calls, answers, strict=True):
            if item.dialect == "openai":
                assert call.request["messages"] == record["messages"][:index]
                known = usages.get(index)
                assert (call.usage and call.usage.input_tokens) == (known and known["prompt_tokens"])
            else:
                assert [m["role"] for m in call.request["messages"]] == [m["role"] for m in record["messages"][:index]]
                known = usages[index]
                parts = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
                assert call.usage is not None
                assert call.usage.input_tokens == sum(known[part] for part in parts)
                assert call.model == known["model"]
        assert len(item.compactions) == sum("event" in c for c in record.get("calls", ()))
