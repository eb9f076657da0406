"""Processes that are killed in the middle of a call: nothing goes over, nothing is stranded, nothing under-charged."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from budget_worker import CHUNKS, LIMIT, NAMES

from tokeneff.stores import open_store
from tokeneff.testing import FakeProvider, Reply, Usage, faults
from tokeneff.testing.faults import Fault
from tokeneff.testing.recorded import RecordedRequest

WORKER = Path(__file__).with_name("budget_worker.py")
POINTS = NAMES if os.environ.get("TOKENEFF_SOAK") else ("mid-stream", "in settle")
"""All of them, at the store itself: tests/stores/test_store_kills.py."""
USED = Usage(input_tokens=20, output_tokens=50)


def answer(request: RecordedRequest) -> Reply | Fault:
    asked = request.json
    if asked.get("stream"):
        return faults.slow_chunks(0.0005, Reply(chunks=[" token"] * 1000))
    reply = Reply(text="x", usage=USED)
    return faults.slow_first_byte(5, reply) if asked["messages"][0]["content"] == "slow" else reply


def start(provider: FakeProvider, store: str, point: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKER), provider.openai_url, store, "3", point],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("point", POINTS)
def test_killed(point: str, tmp_path: Path) -> None:
    """One of two processes, at its second call."""
    url = f"sqlite:///{tmp_path}/budgets.db"
    with FakeProvider(answer) as provider:
        workers = [start(provider, f"{url}?lease=4s", at) for at in (point, "")]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        outputs = [worker.communicate("go\n", timeout=120)[0].split("\n") for worker in workers]
        codes = [worker.returncode for worker in workers]
    assert codes == [-9, 0]

    store = open_store(url)
    for _ in range(200):
        if not store.holds():
            break
        time.sleep(0.1)
    assert store.holds() == [], "nothing is stranded"
    (state,) = store.states()
    journal = store.journal()
    store.close()

    spent = state.balance.spent.tokens
    assert spent <= LIMIT, "nothing over"
    used = sum(int(line.split()[1]) for output in outputs for line in output if line.startswith("used"))
    seen = sum(int(line.split()[1]) for output in outputs for line in output if line.startswith("seen"))
    # One that was answered and not told of: its usage, too, is charged.
    killed = {"before settle": 1, "in settle": 1, "after settle": 1}.get(point, 0) * 70
    assert spent >= used + seen + killed, "nothing under-charged"
    # A living process that had to wait for the machine may be late, which is put right.
    late = {entry.hold for entry in journal if entry.step == "adjust"}
    expired = [entry for entry in journal if entry.step == "expire" and entry.hold not in late]
    assert len(expired) == (0 if point == "after settle" else 1)
    if point == "mid-stream":
        assert seen == CHUNKS
        assert all(CHUNKS <= entry.spent.tokens <= CHUNKS + 2 * 256 + 40 for entry in expired), "nor by much too much"
    elif expired:
        assert all(entry.spent.tokens == -entry.held.tokens < 300 for entry in expired)
    assert sum(entry.spent.tokens for entry in journal) == spent
    assert sum(entry.held.tokens for entry in journal) == 0
