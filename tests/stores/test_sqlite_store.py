"""What is true of the SQLite store only: its file, its patience, what it forgets, and forks."""

from __future__ import annotations

import fcntl
import os
import pickle
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from stores_kit import BEGIN, DAY, HOUR, LEASE, ZERO, Clock, balances, hourly, rolling, total, usd

from tokeneff.errors import StoreError, StoreUnavailable
from tokeneff.stores import Granted, Store, open_store
from tokeneff.stores._sqlite_pruning import EVERY
from tokeneff.stores.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "budgets.db"


@pytest.fixture
def store(path: Path, clock: Clock) -> Store:
    made = SqliteStore(f"sqlite:///{path}")
    made.clock = clock
    return made


def rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(statement).fetchall()


def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    open_store("sqlite:///one.db").close()
    open_store(f"sqlite:///{tmp_path}/two.db").close()
    open_store("sqlite:///~/three.db").close()
    assert {file.name for file in tmp_path.glob("*.db")} == {"one.db", "two.db", "three.db"}


def test_what_cannot_be_a_store(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database" * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE theirs (x)")
    with closing(sqlite3.connect(tmp_path / "later.db")) as db:
        db.execute(f"PRAGMA application_id = {0x746F6B62}")
        db.execute("PRAGMA user_version = 99")
    for name, told in [
        ("text.db", "not a SQLite database"),
        ("other.db", "another database"),
        ("later.db", "later tokeneff"),
        ("nowhere/x.db", "no directory"),
        ("", "names no file"),
    ]:
        with pytest.raises(StoreError, match=told):
            open_store(f"sqlite:///{tmp_path}/{name}")
    assert (tmp_path / "text.db").read_text() == "no database" * 100


def test_nothing_is_loaded_before_it_is_used() -> None:
    code = "import sys, tokeneff, tokeneff.stores; assert 'sqlite3' not in sys.modules, 'sqlite3 is loaded'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_client_without_budgets_has_no_store() -> None:
    code = (
        "import sys, tokeneff, openai\n"
        "tokeneff.wrap(openai.OpenAI(api_key='k', base_url='http://127.0.0.1:1/v1')).chat\n"
        "print([name for name in sys.modules if name.startswith('tokeneff.stores.') and name[16] != '_'])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_step_waits_only_so_long_for_another_process(store: SqliteStore, path: Path) -> None:
    store.reserve("a", usd(1), [total()], LEASE)
    store.patience = 0.05
    other = os.open(f"{path}-turn", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="busy"):
        store.reserve("b", usd(1), [total()], LEASE)
    assert 0.05 <= time.monotonic() - began < 5
    os.close(other)
    assert isinstance(store.reserve("b", usd(1), [total()], LEASE), Granted)


def test_or_for_another_program(store: SqliteStore, path: Path) -> None:
    store.reserve("a", usd(1), [total()], LEASE)
    store.patience = 0.05
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            store.settle("a", usd(1), [total()])
    store.settle("a", usd(1), [total()])
    assert balances(store)["all"].spent == usd(1)


def test_a_file_that_was_taken_away(store: SqliteStore, path: Path) -> None:
    store.reserve("a", usd(1), [total()], LEASE)
    store.close()
    path.unlink()
    assert isinstance(store.reserve("b", usd(1), [total()], LEASE), Granted)
    path.unlink()
    assert isinstance(store.reserve("c", usd(1), [total()], LEASE), Granted)
    assert [hold.id for hold in store.holds()] == ["c"]


def test_a_file_that_became_something_else(store: SqliteStore, path: Path) -> None:
    store.close()
    path.write_text("no database" * 100)
    with pytest.raises(StoreUnavailable):
        store.reserve("a", usd(1), [total()], LEASE)
    path.unlink()
    assert isinstance(store.reserve("a", usd(1), [total()], LEASE), Granted)


def test_pickled_it_is_the_same_file(store: SqliteStore, clock: Clock) -> None:
    store.reserve("a", usd(10), [total()], LEASE)
    store.patience = 1.5
    other = pickle.loads(pickle.dumps(store))
    other.clock = clock
    assert (other.url, other.patience) == (store.url, 1.5)
    assert [hold.id for hold in other.holds()] == ["a"]


def test_a_killed_step_leaves_nothing_behind(path: Path, clock: Clock) -> None:
    script = (
        "import os, signal, sys\n"
        "from tokeneff.stores import Amounts, Claim, Limits, open_store\n"
        "store = open_store(sys.argv[1])\n"
        "claim = Claim('all', Limits(1000))\n"
        "store.reserve('a', Amounts(1), [claim], 60_000_000)\n"
        "with store._step() as (db, now):\n"
        "    db.execute('UPDATE accounts SET held_usd = 999')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, f"sqlite:///{path}"], timeout=60)
    store = open_store(f"sqlite:///{path}")
    store.clock = clock
    assert balances(store)["all"].spent.usd == 1, "its lease is long over by this clock"
    store.close()
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_power_cuts_lose_steps_and_no_file(store: SqliteStore, path: Path) -> None:
    """The log is synchronised before it is written into the file, and the file before the log begins anew."""
    with store._step() as (db, _):
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (1,)
        assert db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,), "checkpoints are taken in turn"


def test_on_a_network_a_rollback_journal_is_synchronised(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokeneff.stores._sqlite_file.shared_over_network", lambda _: True)
    store = SqliteStore(f"sqlite:///{path}")
    with store._step() as (db, _):
        assert db.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


def test_the_log_is_written_over_again_and_again(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokeneff.stores._sqlite_file._SELDOM", 1)
    for number in range(200):
        store.settle(f"call-{number}", usd(1), [total()])
    assert os.stat(f"{path}-wal").st_size < 50_000
    assert balances(store)["all"].spent.usd == 200


def test_a_log_that_has_grown_is_cut(store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokeneff.stores._sqlite_file._SELDOM", 1)
    monkeypatch.setattr("tokeneff.stores._sqlite_file._LOG", 50_000)
    store.settle("first", usd(1), [total()])
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM calls").fetchone()
        for number in range(100):
            store.settle(f"call-{number}", usd(1), [total()])
        assert os.stat(f"{path}-wal").st_size > 200_000
    store.settle("last", usd(1), [total()])
    assert os.stat(f"{path}-wal").st_size < 50_000
    assert balances(store)["all"].spent.usd == 102


def test_a_log_that_others_deleted_is_not_written_to(store: SqliteStore, path: Path) -> None:
    """Closing any descriptor of a file takes all locks that its process has on it, and the next one that closes the
    file takes itself for the last, and deletes the log."""
    store.settle("a", usd(1), [total()])
    path.read_bytes()
    other = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM calls').fetchone()"
    subprocess.run([sys.executable, "-c", other, str(path)], check=True, timeout=60)
    assert not os.path.exists(f"{path}-wal")
    store.settle("b", usd(2), [total()])
    again = SqliteStore(store.url)
    again.clock = store.clock
    assert balances(again)["all"].spent.usd == 3
    again.close()


def test_a_lock_that_others_deleted_is_made_anew(store: SqliteStore, path: Path) -> None:
    store.settle("a", usd(1), [total()])
    os.unlink(f"{path}-turn")
    store.settle("b", usd(1), [total()])
    other = os.open(f"{path}-turn", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    store.patience = 0.05
    with pytest.raises(StoreUnavailable, match="busy"):
        store.settle("c", usd(1), [total()])
    os.close(other)


def forget(store: Store, clock: Clock, at: int) -> None:
    clock.at = at
    for _ in range(3 * EVERY):
        store.renew([], LEASE)


def test_what_nobody_asks_for_is_forgotten(store: SqliteStore, path: Path, clock: Clock) -> None:
    session = total("session|s1", window="session")
    claims = [total(), hourly(clock), rolling(), session]
    store.reserve("a", usd(10), claims, LEASE)
    store.settle("a", usd(10), claims)
    store.once(session.account, "80%")
    forget(store, clock, BEGIN + DAY - 1)
    assert rows(path, "SELECT id FROM calls") == [("a",)]
    forget(store, clock, BEGIN + DAY)
    assert rows(path, "SELECT id FROM calls") == []
    names = "SELECT name FROM accounts ORDER BY name"
    assert rows(path, names) == [("all",), (claims[1].account,), ("session|s1",)]
    assert rows(path, "SELECT count(*) FROM spent") == [(0,)]
    forget(store, clock, BEGIN + HOUR + 35 * DAY)
    assert rows(path, names) == [("all",), ("session|s1",)]
    assert rows(path, "SELECT count(*) FROM journal") == [(1,)], "the newest stays, for the numbers to go on"
    forget(store, clock, BEGIN + 90 * DAY)
    assert rows(path, names) == [("all",)]
    assert rows(path, "SELECT count(*) FROM marks") == [(0,)]
    assert balances(store)["all"].spent == usd(10)


def test_and_nothing_that_is_held(store: SqliteStore, path: Path, clock: Clock) -> None:
    store.reserve("a", usd(10), [hourly(clock), rolling()], 200 * DAY)
    forget(store, clock, BEGIN + 100 * DAY)
    assert len(rows(path, "SELECT name FROM accounts")) == 2
    settled = store.settle("a", ZERO, [])
    assert isinstance(settled, Granted)
    assert [balance.held for balance in settled.balances] == [ZERO, ZERO]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_no_connection_is_there_in_two_processes(store: SqliteStore, path: Path) -> None:
    """SQLite would take its parent's locks for its own, and let the log be deleted under the child."""
    store.reserve("a", usd(1), [total()], LEASE)
    child = os.fork()
    if not child:
        code = 1
        try:
            held = [
                os.readlink(f"/proc/self/fd/{name}")
                for name in os.listdir("/proc/self/fd")
                if os.path.exists(f"/proc/self/fd/{name}")
            ]
            code = 2 if any(str(path) in name for name in held) else 0
            store.reserve("b", usd(1), [total()], LEASE)
        finally:
            os._exit(code)
    store.reserve("c", usd(1), [total()], LEASE)
    assert os.waitpid(child, 0)[1] == 0
    assert {hold.id for hold in store.holds()} == {"a", "b", "c"}
