"""What is true of the SQLite store only: its file, who waits for whom, what of it is read and written, and forks."""

from __future__ import annotations

import fcntl
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cache_store_kit import MINUTE, NONE, SECOND, Clock, clock, keys_of, name

from tokeneff.cache.stores import Labels, NotKept, open_cache_store
from tokeneff.cache.stores._touched import Touched
from tokeneff.cache.stores.sqlite import SqliteCacheStore
from tokeneff.errors import StoreError, StoreUnavailable

__all__ = ["clock"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SqliteCacheStore]:
    made = SqliteCacheStore(f"sqlite:///{path}")
    made.clock = clock
    yield made
    made.close()


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchall()


def sound(path: Path) -> None:
    """Nothing is damaged, and what is summed up is what is there."""
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows(path, "SELECT entries, size FROM totals") == rows(
        path, "SELECT count(*), ifnull(sum(size), 0) FROM entries"
    )
    assert rows(path, "SELECT id FROM entries ORDER BY id") == rows(path, "SELECT id FROM bodies ORDER BY id")
    assert rows(
        path, "SELECT count(*) FROM entries JOIN bodies USING (id) WHERE size != length(key) + length(value)"
    ) == [(0,)]


def test_what_cannot_be_a_store(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database" * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE theirs (x)")
    with closing(sqlite3.connect(tmp_path / "later.db")) as db:
        db.execute(f"PRAGMA application_id = {0x746F6B63}")
        db.execute("PRAGMA user_version = 99")
    with closing(sqlite3.connect(tmp_path / "budgets.db")) as db:
        db.execute(f"PRAGMA application_id = {0x746F6B62}")
        db.execute("PRAGMA user_version = 1")
    for file, said in [
        ("text.db", "not a SQLite database"),
        ("other.db", "another database, not one of replies"),
        ("budgets.db", "another database, not one of replies"),
        ("later.db", "later tokeneff"),
        ("", "names no file"),
    ]:
        with pytest.raises(StoreError, match=said):
            open_cache_store(f"sqlite:///{tmp_path}/{file}")
    assert (tmp_path / "text.db").read_text() == "no database" * 100


def test_nothing_is_loaded_before_it_is_used() -> None:
    code = "import sys, tokeneff.cache.stores; assert not {'sqlite3', 'redis'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_finding_waits_for_nobody_who_writes(store: SqliteCacheStore, path: Path) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    store.patience = 0.05
    turn = os.open(f"{path}-turn", os.O_RDWR)
    fcntl.flock(turn, fcntl.LOCK_EX)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert store.get(name(1)).value == b"1"
        assert not store.leading(name(1))
        assert keys_of(store.entries()) == [name(1)]
        for write in (
            lambda: store.put(name(2), b"2", NONE, MINUTE),
            lambda: store.drop(name(1)),
            lambda: store.lead(name(1), "one", MINUTE),
            lambda: store.led(name(1), "one"),
        ):
            began = time.monotonic()
            with pytest.raises(NotKept, match="busy"):
                write()
            assert 0.05 <= time.monotonic() - began < 5
    os.close(turn)
    assert store.put(name(2), b"2", NONE, MINUTE)


def test_a_hit_writes_nothing(store: SqliteCacheStore, path: Path, clock: Clock) -> None:
    for number in range(10):
        store.put(name(number), b"1", NONE, None)
    before = os.stat(f"{path}-wal").st_mtime_ns, os.stat(f"{path}-wal").st_size
    for _ in range(50):
        for number in range(10):
            store.get(name(number))
    assert (os.stat(f"{path}-wal").st_mtime_ns, os.stat(f"{path}-wal").st_size) == before
    clock.ahead(SECOND)
    store.get(name(3))
    store.put(name(11), b"1", NONE, None)
    assert rows(path, "SELECT sum(hits) FROM entries") == [(501,)], "it is noted with what is kept next"
    assert rows(path, f"SELECT used FROM entries WHERE key = x'{name(3).hex()}'") == [(clock.at,)]


def test_many_hits_are_noted_all_the_same(store: SqliteCacheStore, path: Path) -> None:
    for number in range(200):
        store.put(name(number), b"1", NONE, None)
    for number in range(200):
        store.get(name(number))
    assert rows(path, "SELECT sum(hits) FROM entries") == [(128,)]
    store.close()
    assert rows(path, "SELECT sum(hits) FROM entries") == [(200,)]


def test_hits_are_noted_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    touched = Touched()
    assert not touched.add(name(1), 5)
    now = 29.0
    assert not touched.add(name(1), 6)
    now = 30.0
    assert touched.add(name(2), 7)
    assert touched.take() == [(name(1), 6, 2), (name(2), 7, 1)]
    assert touched.take() == []
    assert not touched.add(name(1), 8)


def test_what_was_used_least_recently_goes_first(path: Path, clock: Clock) -> None:
    store = SqliteCacheStore(f"sqlite:///{path}", 1000)
    store.clock = clock
    for number in range(5):
        store.put(name(number), bytes(168), NONE, None)
        clock.ahead(1)
    for number in (0, 2):
        store.get(name(number))
    clock.ahead(1)
    store.put(name(5), bytes(368), NONE, None)
    assert {entry.key for entry in store.entries()} == {name(number) for number in (0, 2, 4, 5)}
    store.close()


def test_the_file_does_not_grow_beyond_its_values(path: Path, clock: Clock) -> None:
    store = SqliteCacheStore(f"sqlite:///{path}", 1_000_000)
    store.clock = clock
    for number in range(1000):
        store.put(name(number), bytes(5000), NONE, None)
    store.close()
    assert path.stat().st_size < 1_500_000
    sound(path)
    assert store.purge() == store.totals().evicted * 0 + 198
    store.close()
    assert path.stat().st_size < 100_000, "and what is purged frees its place"


def test_only_one_leads_of_those_that_saw_nobody(store: SqliteCacheStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store._readers, "rows", lambda *_: [])
    assert store.lead(name(1), "one", MINUTE)
    assert not store.lead(name(1), "two", MINUTE)
    assert store.lead(name(1), "one", MINUTE)


def test_who_reads_cannot_write(store: SqliteCacheStore) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    with pytest.raises(StoreUnavailable, match="readonly"):
        store._readers.rows("DELETE FROM entries", (), 1.0)


def test_a_file_that_was_taken_away(store: SqliteCacheStore, path: Path) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    path.unlink()
    assert store.get(name(1)) is None
    assert store.put(name(2), b"2", NONE, MINUTE)
    assert store.get(name(2)).value == b"2"
    assert store.totals()[:2] == (1, 33)


def test_a_file_that_became_something_else(store: SqliteCacheStore, path: Path) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    store.close()
    path.write_text("no database" * 100)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            store.get(name(1))
        with pytest.raises(StoreUnavailable):
            store.put(name(1), b"1", NONE, MINUTE)
    path.unlink()
    assert store.put(name(1), b"1", NONE, MINUTE)
    assert store.get(name(1)).value == b"1"


def test_a_file_of_a_later_version_that_came_meanwhile(store: SqliteCacheStore, path: Path) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnavailable, match="later tokeneff"):
        store.get(name(1))


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_damaged_file_raises_nothing_else(store: SqliteCacheStore, path: Path, at: float) -> None:
    for number in range(200):
        store.put(name(number), bytes([number]) * 3000, NONE, MINUTE)
    store.close()
    with path.open("r+b") as file:
        file.seek(int(path.stat().st_size * at))
        file.write(b"\xff" * 50_000)
    wrong = 0
    for number in range(200):
        try:
            found = store.get(name(number))
            wrong += found is not None and found.value != bytes([number]) * 3000  # what the codec is for
        except StoreUnavailable:
            wrong += 1
        try:
            store.put(name(number + 1000), b"1", NONE, MINUTE)
        except StoreUnavailable:
            wrong += 1
    assert wrong


def test_a_truncated_file_raises_nothing_else(store: SqliteCacheStore, path: Path) -> None:
    for number in range(200):
        store.put(name(number), bytes(3000), NONE, MINUTE)
    store.close()
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreUnavailable):
        [store.get(name(number)) for number in range(200)]


def test_a_full_disk_can_be_read(path: Path) -> None:
    """A process that may not make files larger is as one whose disk is full."""
    store = SqliteCacheStore(f"sqlite:///{path}")
    for number in range(5):
        store.put(name(number), b"small", NONE, None)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
            refused = 0
            for number in range(100, 120):
                try:
                    store.put(name(number), bytes(50_000), NONE, None)
                except NotKept:
                    refused += 1
            there = [store.get(name(number)) is not None for number in range(5)]
            code = 0 if refused > 5 and all(there) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert store.put(name(6), b"again", NONE, None)
    assert store.get(name(0)).value == b"small"
    store.close()
    sound(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_a_file_that_is_read_only_can_be_read() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "cache.db")
        store = SqliteCacheStore(f"sqlite:///{path}")
        store.put(name(1), b"1", NONE, None)
        store.close()
        os.chmod(folder, 0o755)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.setuid(65534)
                mine = SqliteCacheStore(f"sqlite:///{path}")
                found = mine.get(name(1))
                try:
                    mine.put(name(2), b"2", NONE, None)
                except NotKept:
                    code = 0 if found is not None and found.value == b"1" else 3
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0


def test_forked_children_go_on(store: SqliteCacheStore, path: Path) -> None:
    store.put(name(0), b"0", NONE, None)
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            store.get(name(0))
            store.put(name(0), b"0", NONE, None)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    children = []
    for number in range(1, 5):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                found = store.get(name(0))
                store.put(name(number), b"%d" % number, NONE, None)
                code = 0 if found is not None and found.value == b"0" else 2
            finally:
                os._exit(code)
        children.append(child)
    ended = [os.waitpid(child, 0)[1] for child in children]
    stop.set()
    for thread in threads:
        thread.join()
    assert ended == [0] * 4
    assert {entry.key for entry in store.entries()} == {name(number) for number in range(5)}
    store.close()
    sound(path)


@pytest.mark.parametrize("how", ["network", "no locks"])
def test_where_there_is_no_write_ahead_log(path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "network":
        monkeypatch.setattr("tokeneff.stores._sqlite_file.shared_over_network", lambda _: True)
    else:
        monkeypatch.setattr("tokeneff.stores._sqlite_file.TURNS", False)
        monkeypatch.setattr("tokeneff.stores._sqlite_file.safe_wal", lambda: False)
    store = SqliteCacheStore(f"sqlite:///{path}")
    store.put(name(1), b"1", Labels("m"), MINUTE)
    assert store.get(name(1)).value == b"1"
    assert rows(path, "PRAGMA journal_mode") == [("delete",)]
    assert store.purge() == 1
    store.close()


def test_labels_that_sqlite_cannot_hold(store: SqliteCacheStore) -> None:
    store.put(name(1), b"1", Labels("half \ud800", "\udfff"), MINUTE)
    assert store.get(name(1)).value == b"1"
    (entry,) = store.entries()
    assert store.purge(entry.labels) == 1
