"""Advice on the recorded conversations: a few of each file."""

from __future__ import annotations

from pathlib import Path

import pytest
from advise_traffic import choice

from tokeneff import logs
from tokeneff.advise import advise

FILES = {
    # Conversations, requests, whether a provider counted, and how far its bill may be from the simulated one.
    "claude_code_sessions": (1, 25, True, 0.15),
    "miniswe_gemini3pro": (1, 20, True, 0.5),
    "tau2_airline_gpt5": (2, 12, False, 0.0),
    "tau_airline_gpt4o": (2, 12, False, 0.0),
}


@pytest.mark.parametrize("name", FILES)
def test_a_few_conversations(traces: Path, name: str) -> None:
    path = traces / f"{name}.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {traces}")
    conversations, limit, counted, error = FILES[name]
    found = advise(path, conversations=conversations, limit=limit)
    before = choice(found, "as recorded")
    assert (found.requests <= limit, found.told) == (True, found.requests if counted else 0)
    default = choice(found, "trim")
    assert (default.lost, default.dearer, default.refused, default.sound) == (0, 0, 0, True)
    assert default.cost <= before.cost
    assert default.write == "tokeneff.wrap(client, trim=tokeneff.Trim())"
    if counted:
        records = [record for record, _ in zip(logs.records(path), range(found.requests), strict=False)]
        assert before.cost == sum(record.cost or 0 for record in records)
        assert found.simulator_error is not None
        assert abs(found.simulator_error) <= error
