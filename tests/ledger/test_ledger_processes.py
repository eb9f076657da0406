"""Many processes on one file: nothing is lost but what is said to be, nothing is there twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from ledger_calls import call

from tokeneff.ledger import open_ledger, read
from tokeneff.ledger._writer import INTERVAL

HERE = str(Path(__file__).parent)
PROCESSES = 8
CALLS = 5_000 if os.environ.get("TOKENEFF_SOAK") else 1_000
SLACK = 4.0
"""Seconds that a write may take beyond the interval on a machine that has such processes, and others, to run."""

ADD = f"""
import sys, time
sys.path.insert(0, {HERE!r})
from ledger_calls import call
from tokeneff.ledger import open_ledger
url, part, count, pause = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
ledger = open_ledger(url)
print("ready", flush=True)
sys.stdin.readline()
for number in range(count):
    ledger.add(call(part * 1_000_000 + number))
    if pause:
        print(number, time.time(), flush=True)
        time.sleep(pause)
"""


def start(url: str, part: int, count: int, pause: float = 0.0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ADD, url, str(part), str(count), str(pause)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def sound(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_eight_processes_of_thousands_of_calls(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    processes = [start(url, part, CALLS) for part in range(PROCESSES)]
    go(processes)
    for process in processes:
        assert process.communicate(timeout=120)[1] == ""
        assert process.returncode == 0
    found = sorted(read(url), key=lambda record: record.call_id)
    assert found == [call(part * 1_000_000 + number) for part in range(PROCESSES) for number in range(CALLS)]
    sound(tmp_path / "calls.db")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_killed_processes_lose_the_last_moment_at_most(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    processes = [start(url, part, 100_000 if part < 4 else 400, 0.005) for part in range(PROCESSES)]
    go(processes)
    time.sleep(INTERVAL + SLACK + 1.0)
    killed = processes[:4]
    for process in killed:
        process.kill()
    at = time.time()
    added = [process.communicate(timeout=120)[0].splitlines() for process in processes]
    kept = Counter(record.call_id for record in read(url))
    assert set(kept.values()) == {1}
    for part, lines in enumerate(added):
        told = [line.split() for line in lines if line.count(" ") == 1]
        if processes[part] in killed:
            told = [line for line in told if float(line[1]) < at - INTERVAL - SLACK]
            assert len(told) > 10
        else:
            assert len(told) == 400
        for number, _ in told:
            assert call(part * 1_000_000 + int(number)).call_id in kept
    sound(tmp_path / "calls.db")
    with open_ledger(url) as ledger:
        ledger.add(call(999))
    assert call(999) in list(read(url))


def test_a_writer_killed_in_the_middle_of_a_transaction(tmp_path: Path) -> None:
    """Its journal is left behind; a reader, who may not write, gets at the rows all the same."""
    url = f"sqlite:///{tmp_path}/calls.db"
    with open_ledger(url) as ledger:
        ledger.write(call(number) for number in range(3_000))
    script = (
        "import sqlite3, sys, os, signal\n"
        "db = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA cache_size = 1')\n"
        "db.execute('PRAGMA cache_spill = 1')\n"
        "db.execute('BEGIN IMMEDIATE')\n"
        "db.execute('UPDATE facts SET input_tokens = 7')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "calls.db")], timeout=60)
    assert {path.name for path in tmp_path.iterdir()} & {"calls.db-journal", "calls.db-wal"}
    assert list(read(url)) == [call(number) for number in range(3_000)]


EXIT = f"""
import sys
sys.path.insert(0, {HERE!r})
from ledger_calls import call
from tokeneff.ledger import open_ledger
"""


@pytest.mark.parametrize(
    "rest",
    [
        "l = open_ledger(u)\nfor n in range(50): l.add(call(n))",
        "l = open_ledger(u)\nfor n in range(50): l.add(call(n))\nraise SystemExit(0)",
        "import threading\nl = open_ledger(u)\n"
        "t = threading.Thread(target=lambda: [l.add(call(n)) for n in range(50)])\nt.start()",
        "import atexit\nl = open_ledger(u)\natexit.register(lambda: [l.add(call(n)) for n in range(25, 50)])\n"
        "for n in range(25): l.add(call(n))",
    ],
)
def test_what_waits_is_written_at_exit(tmp_path: Path, rest: str) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    done = subprocess.run([sys.executable, "-c", f"{EXIT}u = {url!r}\n{rest}"], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sorted(read(url)) == [call(number) for number in range(50)]


def test_exit_waits_for_a_locked_file_only_so_long(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    open_ledger(url)
    with closing(sqlite3.connect(tmp_path / "calls.db", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"{EXIT}from tokeneff.ledger import _exit\n_exit._PATIENCE = 1.0\n"
                f"l = open_ledger({url!r})\nfor n in range(50): l.add(call(n))",
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        db.execute("ROLLBACK")
    assert done.returncode == 0
    assert "loses calls (database is locked)" in done.stderr
    assert list(read(url)) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_writes_its_own_calls_only(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    script = f"""{EXIT}
import os, time
ledger = open_ledger({url!r})
ledger.add(call(0))
ledger.flush()
for number in range(1, 1000):
    ledger.add(call(number))
children = []
for part in range(1, 6):
    pid = os.fork()
    if not pid:
        assert ledger.lost == 0
        for number in range(200):
            ledger.add(call(part * 10_000 + number))
        raise SystemExit
    children.append(pid)
    ledger.add(call(2000 + part))
codes = [os.waitpid(child, 0)[1] for child in children]
assert codes == [0] * 5, codes
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    numbers = [*range(1_000), *range(2_001, 2_006), *(p * 10_000 + n for p in range(1, 6) for n in range(200))]
    assert sorted(read(url)) == [call(number) for number in numbers]
    sound(tmp_path / "calls.db")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_forks_in_the_midst_of_writing(tmp_path: Path) -> None:
    """SQLite's own locks are never held at the moment of a fork: no child waits for ever."""
    url = f"sqlite:///{tmp_path}/calls.db"
    script = f"""{EXIT}
import json, os, signal, threading
from tokeneff.ledger import _writer
_writer.INTERVAL = 0.0005
ledger = open_ledger({url!r})
done = False
count = 0
def work():
    global count
    while not done:
        ledger.add(call(count))
        count += 1
        if count % 50 == 0:
            ledger.flush()
thread = threading.Thread(target=work)
thread.start()
codes = []
for part in range(1, 13):
    pid = os.fork()
    if not pid:
        signal.alarm(30)
        ledger.add(call(part * 1_000_000))
        os._exit(0 if ledger.flush(25) else 1)
    codes.append(os.waitpid(pid, 0)[1])
done = True
thread.join()
print(json.dumps([codes, count]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200)
    assert (done.returncode, done.stderr) == (0, "")
    codes, count = json.loads(done.stdout)
    assert codes == [0] * 12
    numbers = [*range(count), *(part * 1_000_000 for part in range(1, 13))]
    assert sorted(read(url)) == [call(number) for number in numbers]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing(tmp_path: Path, method: str) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    (tmp_path / "jobs.py").write_text(f"""{EXIT}
import multiprocessing
def work(job):
    ledger, number = job
    ledger.add(call(number))
    return number
if __name__ == "__main__":
    ledger = open_ledger({url!r})
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        assert pool.map(work, [(ledger, number) for number in range(100)]) == list(range(100))
        pool.close()
        pool.join()
""")
    done = subprocess.run([sys.executable, str(tmp_path / "jobs.py")], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(read(url)) == [call(number) for number in range(100)]
