from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from tokeneff import _log
from tokeneff._log import log, log_once


class Heard(logging.Handler):
    """Collects records, and can be waited on; what `doing` does happens inside the handler's own non-reentrant lock."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.arrived = threading.Event()
        self.own = threading.Lock()

    def emit(self, record: logging.LogRecord) -> None:
        with self.own:
            self.records.append(record)
            self.arrived.set()


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


def texts(handler: Heard) -> list[str]:
    return [record.getMessage() for record in handler.records]


def test_each_fault_is_logged_the_first_time_only(heard: Heard) -> None:
    for n in range(3):
        log_once("a", "a went wrong: %s", n)
        log_once(("b", 1), "b went wrong", level=logging.ERROR)
    assert [(r.name, r.levelno, r.getMessage()) for r in heard.records] == [
        ("tokeneff", logging.WARNING, "a went wrong: 0"),
        ("tokeneff", logging.ERROR, "b went wrong"),
    ]
    assert heard.records[0].filename == "test_log.py"


def test_the_traceback_goes_along_when_asked(heard: Heard) -> None:
    try:
        raise KeyError("k")
    except KeyError:
        log_once("t", "look", exc_info=True)
    assert heard.records[0].exc_info is not None
    assert heard.records[0].exc_info[0] is KeyError


def test_many_threads_log_a_fault_once(heard: Heard) -> None:
    barrier = threading.Barrier(16)

    def run() -> None:
        barrier.wait()
        for n in range(50):
            log_once(n, "fault %d", n)

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts(heard)) == sorted(f"fault {n}" for n in range(50))


def test_memory_is_bounded_and_the_end_is_told_once(heard: Heard) -> None:
    for n in range(5000):
        log_once(f"{n}" + "x" * 10_000, "fault %d", n)
    assert texts(heard) == [
        *(f"fault {n}" for n in range(1000)),
        "1000 distinct faults logged; further ones are not logged",
    ]
    assert len(_log._seen) <= 1002
    assert max(map(len, _log._seen)) <= 200


def test_nothing_it_is_given_makes_it_raise(heard: Heard) -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("no text")

        __repr__ = __str__

    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("a broken handler")

    log_once(Bad(), "a key without text")
    raising = Raising()
    log.addHandler(raising)
    try:
        log_once("x", "through a broken handler")
    finally:
        log.removeHandler(raising)
    log_once([], "an unhashable key")
    assert texts(heard) == ["through a broken handler", "an unhashable key"]


@pytest.mark.parametrize("way", ["finalize", "del", "cycle"])
def test_a_finalizer_that_interrupts_the_applications_handler_does_not_deadlock(heard: Heard, way: str) -> None:
    class Dropped:
        me: object = None

    class Deleted(Dropped):
        def __del__(self) -> None:
            log_once("drop", "logged from a finalizer")

    thing: Dropped | None
    if way == "finalize":
        thing = Dropped()
        weakref.finalize(thing, log_once, "drop", "logged from a finalizer")
    else:
        thing = Deleted()
    if way == "cycle":
        thing.me = thing
    done = threading.Event()

    def drop() -> None:
        nonlocal thing
        with heard.own:  # as if the finalizer ran in the middle of the handler
            thing = None
            gc.collect()
        done.set()

    threading.Thread(target=drop, daemon=True).start()
    assert done.wait(10), "the finalizer waited for a lock that its own thread held"
    assert heard.arrived.wait(10)
    assert texts(heard) == ["logged from a finalizer"]


def test_a_record_of_a_finalizer_at_exit_is_not_lost() -> None:
    code = (
        "import weakref\nfrom tokeneff._log import log_once\n"
        "class T: pass\nt = T()\nweakref.finalize(t, log_once, 'k', 'told at %s', 'exit')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "told at exit\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_logs_for_itself() -> None:
    code = (
        "import os\nfrom tokeneff._log import log_once\n"
        "log_once('k', 'fault')\n"
        "pid = os.fork()\n"
        "log_once('k', 'fault')\n"
        "if pid: os.waitpid(pid, 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "fault\nfault\n"
