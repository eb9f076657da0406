"""Half of the processes are killed, each at some point of a call: nothing is over the limit, nothing stays held for
longer than one lease, and whatever the provider billed was charged."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from servers import Server
from stores_kit import SECOND, ZERO, balances, conserved, fresh_url
from stores_worker import MOST, POINTS, claims
from test_store_races import ROLLING, SHARED, SOAK, billed, go, never_over, start

from tokeneff.stores import Amounts, Granted, open_store

PROCESSES, CALLS, SHARE = (16, 200, 19) if SOAK else (4, 40, 30)
"""The limit, in percent of what all calls cost at most: who is to be killed has to come to its tenth call."""
LEASE = 2 * SECOND if SOAK else SECOND

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")


@pytest.mark.parametrize(
    ("kind", "point"),
    [(kind, point) for kind in SHARED for point in POINTS if SOAK or kind == "sqlite" or point == "in settle"],
)
def test_half_are_killed(kind: str, point: str, running: Callable[[str], Server], tmp_path: Path) -> None:
    url, limit = fresh_url(kind, running, tmp_path), PROCESSES * CALLS * MOST * SHARE // 100
    doomed = [start(url, tmp_path, seed, CALLS, limit, LEASE, point) for seed in range(PROCESSES // 2)]
    others = [start(url, tmp_path, seed, CALLS, limit, 60 * SECOND) for seed in range(PROCESSES // 2, PROCESSES)]
    go([*doomed, *others])
    for process in doomed:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n", process.communicate(timeout=60)
        time.sleep(random.uniform(0.0, 0.02) if point == "in settle" else 0.0)
        process.kill()
        process.communicate()
    for process in others:
        _, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (0, "")
    store = open_store(url)
    killed = store.now()
    for hold in store.holds():
        assert hold.expires <= killed + LEASE, "nothing stays for longer"
    store.clock = lambda: killed + LEASE
    assert store.holds() == []
    never_over(store, limit)
    conserved(store, ROLLING, killed + LEASE)
    found = balances(store)
    assert all(balance.held == ZERO for balance in found.values())
    for account, spent in billed(tmp_path).items():
        assert found[account].spent.usd >= spent, "nothing is charged with less than was billed"
        assert found[account].spent.usd <= spent + PROCESSES * 3 * MOST, "and little with more"
    answer = store.reserve("one more", Amounts(usd=1), claims(limit + 30 * MOST, 0), LEASE)
    assert isinstance(answer, Granted), "and nobody is blocked"
    store.close()
    if kind == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
