"""A report by numpy says what SQLite's does, to the last integer."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report_calls import DAY, START, call
from test_report_sums import records

from tokeneff.ledger import CallRecord, Ledger
from tokeneff.ledger import _blocks as blocks
from tokeneff.ledger._pruning import prune
from tokeneff.report import Report, report
from tokeneff.report import _reading as reading

pytest.importorskip("numpy")
from tokeneff.report import _fast as fast
from tokeneff.report._fast import _calls

BY = ("model", "provider", "ending", "day", "session", "user", "x", "usage_source")
HUGE = st.sampled_from([1 << 40, (1 << 62) + 1, (1 << 63) - 1, -(1 << 63), -5])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of eight calls, and numpy from the first one on."""
    monkeypatch.setattr(blocks, "SIZE", 8)
    monkeypatch.setattr(_calls, "SIZE", 8)
    monkeypatch.setattr("tokeneff.ledger._store.SIZE", 8)
    monkeypatch.setattr(reading, "FEWEST", 0)


def by_sqlite(url: str, **options: Any) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "FEWEST", 1 << 62)
        return report(url, now=0, series=True, **options)


def by_numpy(url: str, **options: Any) -> Report:
    """Fails if SQLite has to help out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading.Cube, "sql", lambda *told: repr(told))
        return report(url, now=0, series=True, **options)


def sealed(path: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT id, calls FROM blocks ORDER BY id").fetchall()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_both_say_the_same(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    found = data.draw(st.lists(records(), max_size=12, unique_by=lambda record: record.call_id))
    copies = [record._replace(call_id=f"{number}-{record.call_id}") for number in range(3) for record in found]
    path = tmp_path_factory.mktemp("engines") / "calls.db"
    url = f"sqlite:///{path}"
    since = data.draw(st.none() | st.integers(START - DAY, START + DAY))
    with Ledger(url) as ledger:
        ledger.write(copies)
        assert by_numpy(url, by=BY, since=since) == by_sqlite(url, by=BY, since=since)
        prune(path, data.draw(st.integers(START - 3 * DAY, START + 4 * DAY)))
        assert by_numpy(url, by=BY, since=since) == by_sqlite(url, by=BY, since=since)
        ledger.write(data.draw(st.permutations(copies)))  # rows that take ids which others had before
        assert by_numpy(url, by=BY, since=since) == by_sqlite(url, by=BY, since=since)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(records(), min_size=1, max_size=12, unique_by=lambda record: record.call_id),
    st.sampled_from(["time", "cost", "input_tokens", "stale_tokens", "prefix_cost", "duration", "chunks"]),
    HUGE,
)
def test_numbers_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, found: list[CallRecord], name: str, value: int
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('engines')}/calls.db"
    with Ledger(url) as ledger:
        ledger.write([found[0]._replace(**{name: value}), *found[1:]])
    told: list[Any] = []
    for engine in (by_sqlite, partial(report, now=0, series=True)):
        try:
            told.append(engine(url, by=("model", "session", "day")))
        except sqlite3.OperationalError as fault:  # a sum of more than 64 bits
            told.append(str(fault))
    assert told[0] == told[1]


def test_blocks_are_sealed_as_they_fill(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with Ledger(f"sqlite:///{path}") as ledger:
        for number in range(20):
            ledger.add(call(time=START + number))
        assert ledger.flush()
        ledger.write([call(time=START + 20 + number) for number in range(5)])
    assert sealed(path) == [(0, 8), (1, 8), (2, 8)]
    prune(path, START + 10)
    assert sealed(path) == [(2, 8)]
    assert report(f"sqlite:///{path}").total.calls == 15
    assert sealed(path) == [(0, 0), (1, 6), (2, 8)]
    prune(path, START + 100)
    assert sealed(path) == []


def test_rows_deleted_meanwhile_are_not_sealed(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    with Ledger(f"sqlite:///{path}") as ledger:
        ledger.write([call(time=START + number) for number in range(7)])
        ledger.write([call(time=START + 7 + number) for number in range(9)])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM blocks")
        fresh = blocks.unsealed(db)
        assert fresh is not None
        prune(path, START + 10)
        blocks.keep(db, fresh, blocks.pack(fresh.rows))
    assert sealed(path) == []


def test_without_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    with Ledger(url) as ledger:
        ledger.write([call(time=START + number, session="s") for number in range(30)])
    expected = report(url, now=0)
    monkeypatch.setitem(sys.modules, "numpy", None)
    for name in [name for name in sys.modules if name.startswith(fast.__name__)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("tokeneff.report._fast")
    assert report(url, now=0) == expected


@pytest.mark.parametrize("engine", [by_sqlite, partial(report, now=0, series=True)], ids=["sqlite", "report"])
def test_a_clock_at_the_first_of_all_microseconds(tmp_path: Path, engine: Callable[[str], Report]) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    with Ledger(url) as ledger:
        ledger.write([call(time=-(1 << 63))])
    series = engine(url).series
    assert series is not None
    assert (series.start, series.calls) == (-(1 << 63), (1,))
