"""A store that goes away is empty: nothing is raised, nobody waits for long, and it is found again."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cache_store_kit import MINUTE, NONE, name
from servers import Server, kinds

from tokeneff.cache.stores import CacheStore, GuardedCacheStore, NotKept, open_cache_store
from tokeneff.cache.stores.memory import MemoryCacheStore
from tokeneff.errors import StoreUnavailable

SOAK = bool(os.environ.get("TOKENEFF_SOAK"))
redis = pytest.mark.skipif(not kinds(), reason="no redis-server and no valkey-server here: .ci/redis installs one")


class Failing(MemoryCacheStore):
    """Fails, or takes its time, when it is told to."""

    instant = False
    patience = 5.0
    fault: Exception | None = None

    def _begun(self) -> None:
        if self.fault is not None:
            raise self.fault

    def get(self, *args: Any) -> Any:
        self._begun()
        return super().get(*args)

    def put(self, *args: Any) -> Any:
        self._begun()
        return super().put(*args)

    def lead(self, *args: Any) -> Any:
        self._begun()
        return super().lead(*args)

    def leading(self, *args: Any) -> Any:
        self._begun()
        return super().leading(*args)

    def led(self, *args: Any) -> Any:
        self._begun()
        return super().led(*args)

    def drop(self, *args: Any) -> Any:
        self._begun()
        return super().drop(*args)

    def purge(self, *args: Any) -> Any:
        self._begun()
        return super().purge(*args)


class Writeless(Failing):
    """Can only be read."""

    def get(self, *args: Any) -> Any:
        return MemoryCacheStore.get(self, *args)

    def leading(self, *args: Any) -> Any:
        return MemoryCacheStore.leading(self, *args)


def until(done: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def empty(store: CacheStore) -> None:
    """As a store that is away."""
    assert store.get(name(1)) is None
    assert store.put(name(1), b"1", NONE, MINUTE) is False
    assert store.drop(name(1)) is False
    assert store.lead(name(1), "one", MINUTE) is True
    assert store.lead(name(1), "two", MINUTE) is True, "whoever asks may: calls go on"
    assert store.led(name(1), "one") is None
    assert store.leading(name(1)) is False
    assert abs(store.now() - time.time_ns() // 1000) < MINUTE


def test_there_it_is_the_store() -> None:
    store = GuardedCacheStore(Failing())
    assert store.put(name(1), b"1", NONE, MINUTE)
    assert store.get(name(1)).value == b"1"
    assert store.lead(name(1), "one", MINUTE)
    assert not store.lead(name(1), "two", MINUTE)
    assert store.leading(name(1))
    store.led(name(1), "one")
    assert not store.leading(name(1))
    assert [entry.key for entry in store.entries()] == [name(1)]
    assert store.totals().entries == 1
    assert store.purge() == 1
    assert not store.away
    store.close()


def test_memory_is_asked_without_a_thread() -> None:
    store = GuardedCacheStore(MemoryCacheStore())
    assert store.instant
    assert store.put(name(1), b"1", NONE, MINUTE)
    assert store._breaker._thread is None
    assert not store.away


def test_away_it_is_empty_and_back_it_is_itself(caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[str, dict[str, object]]] = []
    inner = Failing()
    store = GuardedCacheStore(inner, told=lambda what, about: told.append((what, dict(about))))
    store.put(name(1), b"1", NONE, MINUTE)
    inner.secret = lambda: inner._begun() or b"s" * 32  # type: ignore[method-assign]
    inner.fault = StoreUnavailable("the cable is out")
    assert store.secret() == b""
    with caplog.at_level(logging.INFO, "tokeneff"):
        empty(store)
        assert store.away
        with pytest.raises(StoreUnavailable, match="the cable is out"):
            store.purge()
        inner.fault = None
        until(lambda: not store.away, "it is back")
    assert store.secret() == b"s" * 32
    assert store.get(name(1)).value == b"1"
    assert [what for what, _ in told] == ["tokeneff.cache.away", "tokeneff.cache.back"]
    assert told[0][1] == {"tokeneff.store.url": "memory://", "tokeneff.store.reason": "the cable is out"}
    assert "calls go on without it" in caplog.text
    store.close()


def test_away_it_is_left_alone() -> None:
    inner = Failing()
    store = GuardedCacheStore(inner)
    assert store.get(name(1)) is None
    inner.fault = StoreUnavailable("gone")
    asked = 0

    def counting(*_: object) -> None:
        nonlocal asked
        asked += 1
        raise StoreUnavailable("gone")

    inner.get = counting  # type: ignore[method-assign]
    for _ in range(1000):
        assert store.get(name(1)) is None
    assert asked == 1
    store.close()


def test_what_cannot_be_written_can_be_read(caplog: pytest.LogCaptureFixture) -> None:
    inner = Writeless()
    store = GuardedCacheStore(inner)
    store.put(name(1), b"1", NONE, MINUTE)
    inner.fault = NotKept("the disk is full")
    for _ in range(3):
        assert store.put(name(2), b"2", NONE, MINUTE) is False
        assert store.lead(name(2), "one", MINUTE) is True
        assert store.get(name(1)).value == b"1"
    assert not store.away
    assert caplog.text.count("the disk is full") == 1
    inner.fault = None
    until(lambda: store.put(name(2), b"2", NONE, MINUTE), "it is written again")
    store.close()


def test_writing_that_fails_is_left_alone_for_a_while() -> None:
    inner = Writeless()
    store = GuardedCacheStore(inner)
    store.get(name(1))
    inner.fault = NotKept("others write for too long")
    store.put(name(2), b"2", NONE, MINUTE)
    inner.fault = None
    assert store.lead(name(2), "one", MINUTE)
    assert not inner.leading(name(2)), "it was not asked"
    until(lambda: store.put(name(2), b"2", NONE, MINUTE), "it is written again")
    store.close()


@pytest.mark.parametrize("fault", [ValueError("a bug"), KeyError(), RecursionError()])
def test_no_fault_of_a_store_reaches_a_call(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    inner = Failing()
    store = GuardedCacheStore(inner)
    assert store.put(name(1), b"1", NONE, MINUTE)
    inner.fault = fault
    empty(store)
    inner.fault = None
    assert "failed" in caplog.text
    store.close()


def test_whoever_is_told_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    inner = Failing()
    store = GuardedCacheStore(inner, told=lambda *_: 1 / 0)  # type: ignore[arg-type]
    store.get(name(1))
    inner.fault = StoreUnavailable("gone")
    assert store.get(name(1)) is None
    assert "telling of a store failed" in caplog.text
    store.close()


def test_a_forked_child_begins_anew(tmp_path: Path) -> None:
    store = GuardedCacheStore(open_cache_store(f"sqlite:///{tmp_path}/cache.db"), patience=5.0)
    store.put(name(1), b"1", NONE, MINUTE)
    child = os.fork()
    if child == 0:
        found = store.get(name(1))
        os._exit(0 if found is not None and store.put(name(2), b"2", NONE, MINUTE) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.get(name(2)).value == b"2"
    store.close()


def test_a_file_that_is_damaged_is_a_store_that_is_away(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    inner = open_cache_store(f"sqlite:///{path}")
    inner.put(name(1), b"1", NONE, MINUTE)
    inner.close()
    path.write_bytes(b"\xff" * 100_000)
    store = GuardedCacheStore(inner)
    empty(store)
    assert store.away
    for file in tmp_path.iterdir():
        file.unlink()
    until(lambda: not store.away, "another one can be made in its place")
    assert store.put(name(1), b"1", NONE, MINUTE)
    store.close()


def test_nobody_there_at_first() -> None:
    pytest.importorskip("redis")
    store = GuardedCacheStore(open_cache_store("redis://127.0.0.1:1"))
    began = time.monotonic()
    empty(store)
    assert time.monotonic() - began < 30
    assert store.away
    store.close()


@redis
def test_a_server_that_is_killed_and_started_again() -> None:
    with Server() as server:
        store = GuardedCacheStore(open_cache_store(server.url()), patience=1.0)
        for _ in range(3 if SOAK else 1):
            until(lambda: store.put(name(1), b"1", NONE, MINUTE), "it is there")
            assert store.get(name(1)).value == b"1"
            server.kill()
            empty(store)
            assert store.away
            server.start()
            until(lambda: not store.away, "it is back")
            assert store.get(name(1)) is None, "with nothing"
        store.close()


@redis
def test_a_server_that_does_not_answer_is_not_waited_for() -> None:
    with Server() as server:
        store = GuardedCacheStore(open_cache_store(server.url()), patience=0.3)
        until(lambda: store.put(name(1), b"1", NONE, MINUTE), "it is there")
        server.pause()
        began = time.monotonic()
        for _ in range(100):
            empty(store)
        assert time.monotonic() - began < 10, "one question waits, and no other"
        server.resume()
        until(lambda: not store.away, "it is back")
        assert store.get(name(1)).value == b"1", "with all it had"
        store.close()
