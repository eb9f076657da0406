"""Equal calls of several processes: one of them asks, and whoever comes after a process that is gone asks anew."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cache_lab import CHAT, SAID, Lab, said

import tokeneff
from tokeneff.cache._place import settled
from tokeneff.testing import faults

sys.path.insert(0, str(Path(__file__).parents[1] / "stores"))
from servers import Server

SOAK = os.environ.get("TOKENEFF_SOAK") == "1"
PROCESSES, THREADS = (8, 50) if SOAK else (2, 10)
WORKER = Path(__file__).with_name("cache_worker.py")


class Worker:
    """One process, ready to ask."""

    def __init__(self, lab: Lab, store: str, threads: int = 1, *lease: str) -> None:
        path = os.pathsep.join([str(WORKER.parent), str(WORKER.parents[2]), os.environ.get("PYTHONPATH", "")])
        command = [sys.executable, str(WORKER), lab.provider.openai_url, store, str(threads), *lease]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        )

    def ready(self) -> Worker:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def found(self) -> list[str]:
        out, _ = self.process.communicate(timeout=90)
        assert self.process.returncode == 0
        return json.loads(out)


@contextmanager
def workers(lab: Lab, store: str, count: int, threads: int = 1, *lease: str) -> Iterator[list[Worker]]:
    made = [Worker(lab, store, threads, *lease) for _ in range(count)]
    try:
        yield [one.ready() for one in made]
    finally:
        for one in made:
            one.process.kill()
            one.process.wait()
            for pipe in (one.process.stdin, one.process.stdout):
                if pipe is not None:
                    pipe.close()


@pytest.fixture(params=["sqlite", "redis"] if SOAK else ["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'cache.db'}"
        return
    pytest.importorskip("redis")
    with Server() as server:
        yield server.url()


async def test_processes_that_ask_the_same_at_once_send_it_once(lab: Lab, store: str) -> None:
    lab.provider.default = faults.slow_first_byte(1.0, SAID)
    with workers(lab, store, PROCESSES, THREADS) as made:
        for one in made:
            one.go()
        found = [said for one in made for said in one.found()]
    assert lab.sent == 1
    assert found.count("miss") == 1
    assert set(found) <= {"miss", "shared", "hit"}
    client = lab.client("openai", "async", tokeneff.Cache(store))
    assert (await CHAT.ask(client)).choices[0].message.content == SAID.text
    assert (said(), lab.sent) == (("hit", ""), 1)


async def test_when_the_process_that_asks_is_killed_the_next_one_asks(lab: Lab, store: str) -> None:
    lab.provider.default = lambda request: faults.slow_first_byte(60, SAID) if request.number == 1 else SAID
    with workers(lab, store, 2, 1, "1.0") as (leader, follower):
        leader.go()
        lab.provider.wait_for(lambda provider: provider.request_count == 1, 30)
        follower.go()
        await asyncio.sleep(1.5)
        assert lab.sent == 1, "the lease of a process that lives is renewed"
        leader.process.kill()
        began = time.monotonic()
        assert follower.found() == ["miss"]
        assert time.monotonic() - began < 10
    assert lab.sent == 2


async def test_calls_go_on_while_redis_is_gone_and_are_answered_when_it_is_back(lab: Lab) -> None:
    pytest.importorskip("redis")
    with Server() as server:
        cache = tokeneff.Cache(server.url())
        clients: dict[str, Any] = {flavour: lab.client("openai", flavour, cache) for flavour in ("sync", "async")}

        async def ask() -> str:
            CHAT.ask(clients["sync"])
            await CHAT.ask(clients["async"])
            return said()[0]

        await ask()
        settled()
        assert (await ask(), lab.sent) == ("hit", 1)
        server.kill()
        began = time.monotonic()
        for _ in range(5):
            await ask()
        assert (lab.sent > 1, time.monotonic() - began < 5) == (True, True)
        server.start()
        until, sent = time.monotonic() + 40, 0
        while lab.sent != sent:  # else both were answered from it
            assert time.monotonic() < until
            await asyncio.sleep(0.1)
            settled()
            sent = lab.sent
            await ask()
        assert said() == ("hit", "")


async def test_a_redis_that_does_not_answer_costs_a_call_little(lab: Lab) -> None:
    pytest.importorskip("redis")
    with Server() as server:
        client = lab.client("openai", "sync", tokeneff.Cache(server.url()))
        CHAT.ask(client)
        settled()
        server.pause()
        try:
            began = time.monotonic()
            for _ in range(10):
                assert CHAT.ask(client).choices[0].message.content == SAID.text
            assert time.monotonic() - began < 5
        finally:
            server.resume()


def test_calls_go_on_where_a_file_cannot_be_written(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    client = lab.client("openai", "sync", tokeneff.Cache(f"sqlite:///{path}"))
    CHAT.ask(client)
    settled()
    CHAT.ask(client)
    assert said() == ("hit", "")
    for one in tmp_path.iterdir():
        one.write_bytes(b"not a database" * 100)
    for _ in range(3):
        assert CHAT.ask(client).choices[0].message.content == SAID.text
        settled()
    assert lab.sent >= 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
async def test_calls_go_on_where_the_disk_is_full(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    from tokeneff.cache import stores
    from tokeneff.cache._place import place_of

    cache = tokeneff.Cache(f"sqlite:///{tmp_path / 'cache.db'}")
    client = lab.client("openai", "sync", cache)
    place = place_of(cache)
    assert place is not None

    def full(*_: Any, **__: Any) -> bool:
        raise stores.NotKept(str(sqlite3.OperationalError("database or disk is full")))

    monkeypatch.setattr(place.store, "put", full)
    for number in (1, 2):
        assert CHAT.ask(client).choices[0].message.content == SAID.text
        settled()
        assert lab.sent == number
    assert len(place.flights) == 0
