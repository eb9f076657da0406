"""Processes that are killed while they keep replies: what is there is whole, and whoever led soon leads no more."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cache_store_kit import NONE, SECOND, SHARED, fresh, name, servers_by_kind
from servers import Server

from tokeneff.cache._codec import Codec
from tokeneff.cache._reply import Reply
from tokeneff.cache.stores import open_cache_store

__all__ = ["servers_by_kind"]

SOAK = bool(os.environ.get("TOKENEFF_SOAK"))
ROUNDS, PROCESSES = (20, 8) if SOAK else (1, 3)
KEYS = 40

WORKER = """
import hashlib, random, sys
from tokeneff.cache._codec import Codec
from tokeneff.cache._reply import Reply
from tokeneff.cache.stores import Labels, open_cache_store
url, seed, lease = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
store, codec, chance = open_cache_store(url, 2_000_000), Codec(), random.Random(seed)
name = lambda number: hashlib.sha256(b"%d" % number).digest()
assert store.lead(name(1000 + seed), "killed", lease)
print("there", flush=True)
while True:
    number = chance.randrange(40)
    body = bytes([number]) * chance.randrange(200_000)
    store.put(name(number), codec.pack(name(number), Reply("bytes", (), body)), Labels(), None)
    found = store.get(name(chance.randrange(40)))
    if found is not None:
        assert codec.unpack(found.key, found.value) is not None
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.parametrize("kind", SHARED)
def test_killed_while_they_keep(kind: str, servers_by_kind: Callable[[str], Server], tmp_path: Path) -> None:
    url, codec = fresh(kind, servers_by_kind, tmp_path), Codec()
    lease = 2 * SECOND
    store = open_cache_store(url, 2_000_000)
    for begun in range(ROUNDS):
        seeds = range(begun * PROCESSES, (begun + 1) * PROCESSES)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER, url, str(seed), str(lease)], stdout=subprocess.PIPE, text=True
            )
            for seed in seeds
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
        time.sleep(random.uniform(0.05, 0.3))
        for process in processes:
            assert process.poll() is None
            process.kill()
            process.communicate()
        killed = time.monotonic()
        there = list(store.entries())
        for entry in there:
            found = store.get(entry.key)
            assert found is not None
            reply = codec.unpack(entry.key, found.value or b"")
            assert isinstance(reply, Reply)
            number = [name(one) for one in range(KEYS)].index(entry.key)
            assert set(reply.body) <= {number}
        totals = store.totals()
        assert totals[:2] == (len(there), sum(entry.size + 32 for entry in there))
        assert totals.size <= 2_000_000
        while not all(store.lead(name(1000 + seed), "next", lease) for seed in seeds):
            assert time.monotonic() < killed + 30, "a dead leader leads for its lease alone"
            time.sleep(0.05)
        assert store.put(name(0), b"", NONE, None), "and nobody is in the way"
        store.drop(name(0))
    store.close()
    if kind == "sqlite":
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert (
                db.execute("SELECT id FROM entries ORDER BY id").fetchall()
                == db.execute("SELECT id FROM bodies ORDER BY id").fetchall()
            )
