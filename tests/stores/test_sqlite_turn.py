"""Processes take turns: in the order in which they came, without waiting for who is not there any more."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tokeneff.stores import _sqlite_turn
from tokeneff.stores._sqlite_turn import Turn

LONG = 30.0


@pytest.fixture(autouse=True)
def at_leisure(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, who waits is not taken for stopped."""
    monkeypatch.setattr(_sqlite_turn, "_FRESH", LONG)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "budgets.db-turn"


@pytest.fixture
def holder(path: Path) -> Iterator[Turn]:
    """Somebody whose turn it is."""
    turn = Turn(path)
    assert turn.take(time.monotonic() + LONG)
    yield turn
    turn.close()


class Waiting:
    """Who waits, each in a thread; a lock is of its open file, so threads are as good as processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.order: list[int] = []
        self._threads: list[threading.Thread] = []

    def add(self) -> Turn:
        """One more, once it is known to wait."""
        turn, number = Turn(self.path), len(self._threads)

        def work() -> None:
            assert turn.take(time.monotonic() + LONG)
            self.order.append(number)
            turn.give()

        before = self.places()
        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()
        until = time.monotonic() + LONG
        while self.places() == before:
            assert time.monotonic() < until
            time.sleep(0.001)
        return turn

    def places(self) -> int:
        written = self.path.read_bytes().ljust(1024, b"\0")
        return sum(any(written[at : at + 16]) for at in range(0, 1024, 16))

    def end(self) -> list[int]:
        for thread in self._threads:
            thread.join(LONG)
        return self.order


def test_who_came_first_is_first(path: Path, holder: Turn) -> None:
    waiting = Waiting(path)
    turns = [waiting.add() for _ in range(5)]
    holder.give()
    assert waiting.end() == [0, 1, 2, 3, 4]
    assert waiting.places() == 0
    for turn in turns:
        turn.close()


def test_who_comes_later_does_not_pass(path: Path, holder: Turn) -> None:
    waiting = Waiting(path)
    turn = waiting.add()
    late = Turn(path)
    assert not late.take(time.monotonic() + 0.05)
    assert waiting.places() == 1
    holder.give()
    waiting.end()
    assert late.take(time.monotonic() + LONG)
    for one in (turn, late):
        one.close()


def test_nobody_waits_for_who_was_killed(path: Path, holder: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its place says that it waits, and nobody is there to be called."""
    monkeypatch.setattr(_sqlite_turn, "_ROUND", LONG)
    waiting = Waiting(path)
    turn = waiting.add()
    killed = next(place for place in range(64) if place not in (holder._place, turn._place))
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), _sqlite_turn._PLACE.pack(1.0, time.monotonic()), 16 * killed)
    holder.give()
    assert waiting.end() == [0]
    turn.close()


def test_who_cannot_be_called_looks_by_itself(path: Path, holder: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    def unnamed(*_: Any) -> Any:
        raise OSError("there are only names of files")

    monkeypatch.setattr("socket.socket", unnamed)
    waiting = Waiting(path)
    turns = [waiting.add() for _ in range(3)]
    holder.give()
    assert waiting.end() == [0, 1, 2]
    for turn in turns:
        turn.close()


def test_nobody_waits_for_who_was_stopped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sqlite_turn, "_FRESH", 0.01)
    turn = Turn(path)
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), _sqlite_turn._PLACE.pack(1.0, time.monotonic()), 0)
    assert turn.take(time.monotonic() + LONG)
    turn.close()


def test_there_may_be_more_than_there_are_places(path: Path, holder: Turn) -> None:
    turns = [Turn(path) for _ in range(70)]
    assert len({turn._place for turn in (holder, *turns[:63])}) == 64
    assert not turns[-1].take(time.monotonic() + 0.01)
    holder.give()
    for turn in turns:
        assert turn.take(time.monotonic() + LONG)
        turn.give()
        turn.close()
