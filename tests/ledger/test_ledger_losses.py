"""What is lost, and what is not: the bound of the queue, records at fault, and a store that is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ledger_calls import call

from tokeneff.ledger import CallRecord, Ledger, open_ledger, read
from tokeneff.ledger import _writer as writing


@pytest.fixture(autouse=True)
def slow_and_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written before it is asked for, and everything is told once more."""
    monkeypatch.setattr(writing, "INTERVAL", 60.0)
    monkeypatch.setattr("tokeneff._log._seen", {})


def refuse(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, fault: Exception, number: int, times: int = 99) -> None:
    """Have the store raise the fault where this call is among those to be written."""
    store, left = ledger._writer.store, [fault] * times
    write = store.write

    def unlucky(records: Iterable[CallRecord], *more: Any) -> tuple[int, int]:
        records = list(records)
        if left and call(number) in records:
            raise left.pop()
        return write(records, *more)

    monkeypatch.setattr(store, "write", unlucky)


def told(ledger: Ledger) -> list[int]:
    with closing(ledger.connect()) as db:
        return [calls for (calls,) in db.execute("SELECT calls FROM losses ORDER BY time")]


def test_as_many_calls_wait_as_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 10)
    with open_ledger(f"sqlite:///{tmp_path}/calls.db") as ledger:
        for number in range(13):
            ledger.add(call(number))
        assert ledger.lost == 3
        assert ledger.flush(60)
        assert list(read(ledger)) == [call(number) for number in range(10)]
        assert told(ledger) == [3]


@pytest.mark.parametrize(
    "fault", [ValueError("too odd"), sqlite3.IntegrityError("too odd")], ids=lambda one: type(one).__name__
)
def test_a_record_at_fault_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    with open_ledger(f"sqlite:///{tmp_path}/calls.db") as ledger:
        refuse(ledger, monkeypatch, fault, 7)
        ledger._writer._lose(2)
        for number in range(20):
            ledger.add(call(number))
        assert ledger.flush(60)
        assert sorted(read(ledger)) == [call(number) for number in range(20) if number != 7]
        assert (ledger.lost, told(ledger)) == (3, [2, 1])
    said = [record.getMessage() for record in caplog.records if "does not fit" in record.getMessage()]
    assert said == [f"a call does not fit the ledger {tmp_path}/calls.db: too odd"]


@pytest.mark.parametrize(
    "fault",
    [sqlite3.DatabaseError("database disk image is malformed"), sqlite3.OperationalError("disk I/O error"), OSError()],
    ids=lambda one: type(one).__name__,
)
def test_a_fault_of_the_store_that_passes_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    with open_ledger(f"sqlite:///{tmp_path}/calls.db") as ledger:
        refuse(ledger, monkeypatch, fault, 7, times=5)
        monkeypatch.setattr(writing, "INTERVAL", 0.01)
        for number in range(20):
            ledger.add(call(number))
        assert ledger.flush(60)
        assert list(read(ledger)) == [call(number) for number in range(20)]
        assert (ledger.lost, told(ledger)) == (0, [])


def test_what_cannot_be_written_at_the_end_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/calls.db")
    refuse(ledger, monkeypatch, sqlite3.OperationalError("disk I/O error"), 7)
    for number in range(20):
        ledger.add(call(number))
    ledger.close(0.2)
    assert ledger.lost == 20
