"""Whatever becomes of the disk, a call neither waits nor fails; what could not be kept is counted."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ledger_calls import call

from tokeneff.ledger import CallRecord, open_ledger, read
from tokeneff.ledger import _writer as writing

COMPLAINTS = "cannot be written"


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokeneff._log._seen", {})


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_rows_are_written_by_themselves(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    ledger = open_ledger(url)
    ledger.add(call(1))
    until(lambda: list(read(url)) == [call(1)])
    ledger.close()


def test_the_thread_ends_when_nothing_comes_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "IDLE", 0.0)
    monkeypatch.setattr(writing, "INTERVAL", 0.001)
    url = f"sqlite:///{tmp_path}/calls.db"
    ledger = open_ledger(url)
    for number in range(30):
        ledger.add(call(number))
        if number % 5 == 0:
            until(lambda: not ledger._writer._running)
    until(lambda: not ledger._writer._running)
    assert len(list(read(url))) == 30
    assert ledger._writer._thread is None


def test_threads(tmp_path: Path) -> None:
    with open_ledger(f"sqlite:///{tmp_path}/calls.db") as ledger:

        def add(part: int) -> None:
            for number in range(1_500):
                ledger.add(call(part * 10_000 + number))

        threads = [threading.Thread(target=add, args=(part,)) for part in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({record.call_id for record in read(ledger)}) == 6_000
    assert ledger.lost == 0


def test_a_locked_file_delays_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    with open_ledger(url) as ledger:
        ledger.add(call(0))
    hold = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN EXCLUSIVE');"
        "print('held', flush=True); sys.stdin.read(); db.execute('COMMIT')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "calls.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        ledger = open_ledger(url)
        for number in range(1, 500):
            ledger.add(call(number))
        assert not ledger.flush(timeout=0.2)
        other.communicate(timeout=60)
    assert ledger.flush(timeout=60)
    assert len(list(read(url))) == 500
    assert ledger.lost == 0
    assert not [record for record in caplog.records if COMPLAINTS in record.getMessage()]


def test_a_directory_that_is_gone_and_comes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    url = f"sqlite:///{folder}/calls.db"
    ledger = open_ledger(url)
    ledger.add(call(0))
    assert ledger.flush(60)
    shutil.rmtree(folder)
    for number in range(1, 4):
        ledger.add(call(number))
        assert not ledger.flush(timeout=0.2)
    assert len([record for record in caplog.records if COMPLAINTS in record.getMessage()]) == 1
    folder.mkdir()
    assert ledger.flush(timeout=60)
    assert list(read(url)) == [call(1), call(2), call(3)]
    ledger.close()


def test_a_file_that_is_taken_away_is_made_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    ledger = open_ledger(url)
    ledger.add(call(0))
    assert ledger.flush(60)
    (tmp_path / "calls.db").rename(tmp_path / "old.db")
    ledger.add(call(1))
    assert ledger.flush(60)
    assert list(read(url)) == [call(1)]
    assert list(read(f"sqlite:///{tmp_path}/old.db")) == [call(0)]
    ledger.close()


def test_what_does_not_fit_the_queue_is_lost_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 10)
    monkeypatch.setattr(writing, "BATCH", 4)
    url = f"sqlite:///{tmp_path}/calls.db"
    ledger = open_ledger(url)

    def full(records: list[CallRecord], loss: object = None) -> tuple[int, int]:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(ledger._writer.store, "write", full)
    for number in range(4):
        ledger.add(call(number))
    assert not ledger.flush(timeout=0.1)
    until(lambda: ledger._writer._failures > 0)
    for number in range(4, 40):
        ledger.add(call(number))
    lost = ledger.lost
    assert 0 < lost < 40
    assert [record.getMessage() for record in caplog.records] == [
        f"ledger {tmp_path}/calls.db cannot be written (database or disk is full); calls go on, the last 10 wait to be "
        "recorded, and more are lost",
        f"ledger {tmp_path}/calls.db loses calls (database or disk is full); `Ledger.lost` counts them",
    ]
    monkeypatch.undo()
    assert ledger.flush(timeout=60)
    assert list(read(url)) == [call(number) for number in range(40 - lost)]
    with closing(ledger.connect()) as db:
        assert db.execute("SELECT calls, cause FROM losses").fetchall() == [(lost, "database or disk is full")]
    ledger.close()


def test_content_has_a_bound_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_CONTENT", 100)
    monkeypatch.setattr(writing, "INTERVAL", 60.0)
    with open_ledger(f"sqlite:///{tmp_path}/calls.db", content=True) as ledger:
        for part in (0, 10):
            for number in range(4):
                ledger.add(call(part + number, content="x" * 40))
            assert ledger.flush(60)
            assert ledger._writer._content == 0
    assert [len(record.content or "") for record in read(ledger)] == [40, 40, 0, 0] * 2


def test_nothing_is_added_that_is_no_record(caplog: pytest.LogCaptureFixture) -> None:
    ledger = open_ledger("memory://")
    ledger.add(None)  # type: ignore[arg-type]
    ledger.add(call(1))
    assert ledger.flush(60)
    assert list(read(ledger)) == [call(1)]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    ledger.close()


def test_a_transaction_that_was_undone_leaves_no_trace(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    ledger = open_ledger(url)
    store = ledger._writer.store
    ledger.write([call(0)])
    fault = [sqlite3.OperationalError("disk I/O error")]

    def unlucky(connection: sqlite3.Connection) -> None:
        if fault:
            raise fault.pop()
        connection.execute("COMMIT")

    original = sys.modules["tokeneff.ledger._store"]._commit
    sys.modules["tokeneff.ledger._store"]._commit = unlucky
    try:
        with pytest.raises(sqlite3.OperationalError):
            store.write([call(1, model="new", tags=(("new", "tag"),), session="new")])
        assert store.write([call(2, model="new", tags=(("new", "tag"),), session="new")]) == (1, 0)
    finally:
        sys.modules["tokeneff.ledger._store"]._commit = original
    assert [record.model for record in read(url)] == ["gpt-5-2025-08-07", "new"]
    assert list(read(url))[1].tags == (("new", "tag"),)
    ledger.close()


FULL = """
import json, os, resource, signal, sys
sys.path.insert(0, sys.argv[2])
from ledger_calls import call
from tokeneff.ledger import open_ledger, read
from tokeneff.ledger import _writer as writing
writing.MOST_ROWS, writing.INTERVAL = 3000, 0.05
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = open_ledger(sys.argv[1])
ledger.add(call(0))
assert ledger.flush(60)
space = os.path.getsize(sys.argv[1].removeprefix("sqlite:///")) + 20_000
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (space, hard))  # as a disk that is full from here on
for number in range(1, 8000):
    ledger.add(call(number, session=f"session {number}"))
flushed, lost = ledger.flush(0.5), ledger.lost
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
again = ledger.flush(60)
ledger.add(call(9000))
print(json.dumps([flushed, lost, again, ledger.flush(60), len(list(read(ledger))), ledger.lost]))
"""


def test_a_full_disk(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL, url, str(Path(__file__).parent)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    flushed, lost, again, last, rows, lost_at_last = json.loads(done.stdout)
    assert (flushed, again, last) == (False, True, True)
    assert lost > 0
    assert (rows, lost_at_last) == (8001 - lost, lost)
    assert done.stderr.count(COMPLAINTS) == 1
    with closing(sqlite3.connect(tmp_path / "calls.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


READ_ONLY = """
import os, sys
sys.path.insert(0, sys.argv[2])
from ledger_calls import call
from tokeneff.ledger import open_ledger
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
ledger = open_ledger(sys.argv[1])
ledger.add(call(1))
print(ledger.flush(0.5))
ledger.close(0.1)
print(ledger.lost)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="no users here")
def test_a_read_only_file() -> None:
    with TemporaryDirectory() as folder:
        url, path = f"sqlite:///{folder}/calls.db", Path(folder, "calls.db")
        with open_ledger(url) as ledger:
            ledger.add(call(0))
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, url, str(Path(__file__).parent)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        Path(folder).chmod(0o755)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["False", "1"]
        assert done.stderr.count(f"{COMPLAINTS} (attempt to write a readonly database)") == 1
        assert list(read(url)) == [call(0)]
