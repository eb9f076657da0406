"""What was decided about a message: the first who writes has written for all, whoever asks, wherever, and later."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trim_arrival_kit import arriving, conversation, memo_of
from trim_memo_worker import key

from tokeneff.cache._codec import Codec
from tokeneff.trim._reading import history_of
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._stores import GuardedMemoStore, MemoryMemo, open_memo_store

sys.path.append(str(Path(__file__).parents[1] / "stores"))
from servers import Server, kinds

SHARED = ("sqlite", "redis")
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def redis() -> Iterator[Callable[[], str]]:
    started: list[Server] = []

    def url() -> str:
        if not kinds():
            pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
        if not started:
            started.append(Server().start())
        return started[0].url()

    yield url
    for server in started:
        server.close()


@pytest.fixture(params=SHARED)
def url(request: pytest.FixtureRequest, tmp_path: Path, redis: Callable[[], str]) -> str:
    return redis() if request.param == "redis" else f"sqlite:///{tmp_path}/memo.db"


@pytest.fixture(params=("memory", *SHARED))
def store(request: pytest.FixtureRequest, tmp_path: Path, redis: Callable[[], str]) -> Iterator[Any]:
    made = {"memory": MemoryMemo, "sqlite": lambda: open_memo_store(f"sqlite:///{tmp_path}/a.db")}
    found = made[request.param]() if request.param in made else open_memo_store(redis())
    yield found
    found.close()


def test_whoever_is_first_has_written_for_all(store: Any):
    assert [store.add(key(1), value, HOUR) for value in (b"first", b"second", b"first")] == [b"first"] * 3
    assert store.add(key(2), b"other", HOUR) == b"other"
    assert [store.get(key(number)).value for number in (1, 2)] == [b"first", b"other"]


def test_what_is_past_its_time_is_decided_anew(store: Any):
    now = store.now()
    store.clock = lambda: now
    assert store.add(key(1), b"first", HOUR) == b"first"
    now += HOUR - 1
    assert store.add(key(1), b"second", HOUR) == b"first"
    now += 2
    assert store.add(key(1), b"third", HOUR) == b"third"


def test_a_store_is_bounded(tmp_path: Path):
    store = open_memo_store(f"sqlite:///{tmp_path}/a.db?max_size=10kB")
    for number in range(100):
        assert store.add(key(number), b"x" * 500, HOUR) == b"x" * 500
    assert store.totals().size <= 10_000
    assert store.add(key(200), b"x" * 20_000, HOUR) == b"x" * 20_000
    assert store.get(key(200)) is None
    memo = memo_of(most=20_000)
    for number in range(100):
        memo.add(key(number), b"y" * 700)
    assert memo.peek(key(0)) is None
    assert [memo.get(key(number)) for number in range(100)] == [b"y" * 700] * 100


def test_threads_agree(store: Any):
    memos = [Memo(GuardedMemoStore(store, patience=20.0)) for _ in range(2)]
    found: dict[int, set[bytes]] = {number: set() for number in range(30)}
    ready = threading.Barrier(8)

    def decide(thread: int) -> None:
        ready.wait()
        for number in found:
            found[number].add(memos[thread % 2].add(key(number), b"%d" % thread))

    threads = [threading.Thread(target=decide, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(values) for values in found.values()] == [1] * 30


def test_processes_agree_and_a_later_one_finds_what_they_decided(url: str):
    worker = [sys.executable, str(Path(__file__).parent / "trim_memo_worker.py"), url]
    path = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    asked = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": {"PYTHONPATH": ":".join(path)}}
    processes = [subprocess.Popen([*worker, str(one), "40"], **asked) for one in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert len(set(told)) == 1
    decided = json.loads(told[0])
    memo = memo_of(url)
    assert {str(number): (memo.get(key(number)) or b"").decode() for number in range(40)} == decided
    assert memo.add(key(0), b"later").decode() == decided["0"]
    memo.close()


def test_what_is_used_stays(tmp_path: Path):
    store = open_memo_store(f"sqlite:///{tmp_path}/a.db")
    now = store.now()
    store.clock = lambda: now  # type: ignore[attr-defined]
    Memo(GuardedMemoStore(store), ttl=HOUR).add(key(1), b"first")
    for _ in range(5):
        now += HOUR * 2 // 3
        assert Memo(GuardedMemoStore(store), ttl=HOUR).get(key(1)) == b"first"
    now += HOUR + 1
    assert Memo(GuardedMemoStore(store), ttl=HOUR).get(key(1)) is None


def test_a_process_that_uses_it_tells_the_store(monkeypatch: pytest.MonkeyPatch):
    store, clock = MemoryMemo(), 1000.0
    monkeypatch.setattr("tokeneff.trim.memo._memo.time.monotonic", lambda: clock)
    memo = Memo(GuardedMemoStore(store), ttl=HOUR)
    memo.add(key(1), b"first")
    first = store.get(key(1))
    assert memo.peek(key(1)) == b"first"
    clock += 1801
    assert memo.peek(key(1)) is None
    store.drop(key(1))  # it was let go there
    assert (memo.get(key(1)), memo.peek(key(1))) == (b"first", b"first")
    again = store.get(key(1))
    assert first is not None
    assert again is not None
    assert again.value == first.value


class Broken(MemoryMemo):
    instant = False

    def get(self, key: bytes) -> Any:
        raise OSError("gone")

    def add(self, key: bytes, value: bytes, ttl: int) -> bytes:
        raise OSError("gone")

    put = add  # type: ignore[assignment]


def test_without_its_store_a_process_remembers_itself():
    memo = Memo(GuardedMemoStore(Broken()))
    assert [memo.add(key(1), value) for value in (b"first", b"second")] == [b"first"] * 2
    assert (memo.get(key(1)), memo.get(key(2))) == (b"first", None)


def test_a_server_that_goes_away_is_no_error():
    if not kinds():
        pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
    with Server() as server:
        memo = Memo(GuardedMemoStore(open_memo_store(server.url()), patience=1.0))
        assert memo.add(key(1), b"first") == b"first"
        server.kill()
        assert [memo.add(key(number), b"now") for number in (1, 2, 2)] == [b"first", b"now", b"now"]
        memo.close()


def test_what_is_kept_is_sealed_and_of_no_use_to_others():
    codecs = [Codec([b64encode(bytes([number]) * 32).decode()]) for number in range(2)]
    store = MemoryMemo()
    Memo(GuardedMemoStore(store), codecs[0]).add(key(1), b"a secret text")
    entry = store.get(key(1))
    assert entry is not None
    assert b"secret" not in (entry.value or b"")
    other = Memo(GuardedMemoStore(store), codecs[1])
    assert other.get(key(1)) is None
    assert other.add(key(1), b"mine") == b"mine"
    assert Memo(GuardedMemoStore(store), codecs[0]).get(key(1)) == b"a secret text"


TABLE = json.dumps([{"number": number, "name": f"the name of {number}"} for number in range(50)])


@pytest.mark.parametrize("second", [["json"], ["json", "tables"]])
def test_requests_of_several_processes_begin_alike(url: str, second: list[str]):
    """Whoever decided first about a message, and whatever the others would have made of it."""
    messages = conversation(("list", {}, TABLE), ("list", {"again": True}, TABLE), ("list", {"more": True}, TABLE))
    memos = [memo_of(url) for _ in range(3)]
    texts: list[Any] = []
    for stop, memo in zip((3, 5, 7), memos, strict=True):
        history = history_of("chat", {"messages": messages[:stop]})
        assert history is not None
        texts.append(arriving(memo, second).arrive(history, "m").texts)
        memo.close()
    assert texts[0].items() <= texts[1].items() <= texts[2].items()
    assert len(texts[2]) == 3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=5), st.integers(0, 2)), max_size=30))
def test_the_first_value_is_the_value(steps: list[tuple[int, bytes, int]]):
    store = MemoryMemo()
    memos = [Memo(GuardedMemoStore(store)) for _ in range(3)]
    model: dict[int, bytes] = {}
    for number, value, who in steps:
        assert memos[who].get(key(number)) == model.get(number)
        assert memos[who].add(key(number), value) == model.setdefault(number, value)


def test_a_long_conversation_keeps_what_was_decided_about_its_beginning(monkeypatch: pytest.MonkeyPatch):
    clock = 1000.0
    for module in ("memo._memo", "arrival._conversations", "arrival._arriving"):
        monkeypatch.setattr(f"tokeneff.trim.{module}.time.monotonic", lambda: clock)
    store = MemoryMemo()
    now = store.now()
    store.clock = lambda: now
    own = arriving(Memo(GuardedMemoStore(store), ttl=HOUR))
    history = history_of("chat", {"messages": conversation(("list", {}, TABLE))})
    assert history is not None
    first = own.arrive(history, "m")
    for _ in range(4):
        clock, now = clock + 2400, now + 2400 * 1_000_000
        assert own.known(history) is None
        assert own.arrive(history, "m").texts == first.texts
        assert own.known(history) is not None
    assert arriving(Memo(GuardedMemoStore(store), ttl=HOUR), ["json"]).arrive(history, "m").texts != first.texts
    assert arriving(Memo(GuardedMemoStore(store), ttl=HOUR)).arrive(history, "m", since=9).texts == first.texts
