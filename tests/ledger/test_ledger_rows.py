"""A record comes back from a ledger as it went in, once, whatever is in it."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_calls import call
from ledger_records import as_kept, records

from tokeneff.ledger import CallRecord, Ledger, connect_readonly, open_ledger, read


@settings(max_examples=40, deadline=None)
@given(st.lists(records(), max_size=6), st.randoms(use_true_random=False))
def test_any_record_comes_back_once(made: list[CallRecord], random: object) -> None:
    ledger = open_ledger("memory://")
    added = ledger.write(made)
    first: dict[str, CallRecord] = {}
    for record in made:
        kept = as_kept(record)
        first.setdefault(kept.call_id, kept)
    assert list(read(ledger)) == list(first.values())
    assert added == len(first)
    assert ledger.write(reversed(made)) == 0
    assert list(read(ledger)) == list(first.values())


def test_none_is_not_zero() -> None:
    ledger = open_ledger("memory://")
    unknown = CallRecord("a", 1)
    zero = CallRecord("b", 1, 0, 0, input_tokens=0, cost=0, expected_error=0.0, status=0, prefix_cost=0)
    ledger.write([unknown, zero])
    assert list(read(ledger)) == [unknown, zero]
    with closing(ledger.connect()) as db:
        assert db.execute("SELECT cost IS NULL, expected_error IS NULL FROM calls").fetchall() == [(1, 1), (0, 0)]


def test_the_view_has_the_fields_of_a_record() -> None:
    ledger = open_ledger("memory://")
    record = call(1, called=("find",), decisions=(("cache", "hit", None),), stream=True, content='{"a":1}')
    ledger.write([record])
    with closing(ledger.connect()) as db:
        found = db.execute("SELECT * FROM calls")
        assert tuple(column[0] for column in found.description) == CallRecord._fields
        row = dict(zip(CallRecord._fields, found.fetchone(), strict=True))
    assert (row["call_id"], row["request_hash"], row["stream"]) == (record.call_id, record.request_hash, 1)
    assert json.loads(row["tools"]) == [["find", 40]]
    assert json.loads(row["called"]) == ["find"]
    assert json.loads(row["tags"]) == {"feature": "f1", "user": "u"}
    assert json.loads(row["decisions"]) == [["cache", "hit", None]]


def test_what_calls_share_is_kept_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    with Ledger(url) as ledger:
        ledger.write(call(number) for number in range(100))
    with closing(connect_readonly(url)) as db:
        counts = {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("facts", "details", "kinds", "toolsets", "tagsets", "tags", "texts")
        }
        spent = db.execute(
            "SELECT t.value, count(*) FROM facts JOIN tags AS t USING (tagset_id) WHERE t.name = 'feature' GROUP BY 1"
        ).fetchall()
    assert counts == {"facts": 100, "details": 100, "kinds": 1, "toolsets": 1, "tagsets": 3, "tags": 6, "texts": 7}
    assert spent == [("f0", 34), ("f1", 33), ("f2", 33)]


def test_since_and_the_order_of_writing() -> None:
    ledger = open_ledger("memory://")
    made = [call(number, time=10 * number) for number in (3, 1, 2)]
    ledger.write(made)
    assert list(read(ledger)) == made
    assert list(read(ledger, since=20)) == [made[0], made[2]]


def test_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokeneff.ledger._reading._PAGE", 10)
    for count in (0, 9, 10, 11, 30):
        ledger = open_ledger("memory://")
        made = [call(number) for number in range(count)]
        ledger.write(made)
        assert list(read(ledger)) == made


@pytest.mark.parametrize(
    "odd",
    [
        {"cost": 1 << 63},
        {"call_id": None},
        {"call_id": 5},
        {"time": None},
        {"time": "now"},
        {"model": None},
        {"tools": [["a", 1]]},
        {"tags": (("a", 1),)},
        {"session": object()},
        {"retries": None},
        {"status": "200 OK" * 3},
        {"duration": 1.5},
    ],
)
def test_what_fits_no_row_is_left_out_and_the_rest_kept(
    odd: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    ledger = open_ledger("memory://")
    for number in range(5):
        ledger.add(call(number))
    ledger.add(call(5, **odd))
    for number in range(6, 9):
        ledger.add(call(number))
    with caplog.at_level(logging.WARNING, "tokeneff"):
        assert ledger.flush(60)
    kept = [record.input_tokens for record in read(ledger)]
    assert set(kept) >= {100, 101, 102, 103, 104, 106, 107, 108}
    assert len(kept) + ledger.lost == 9
    ledger.close()


def test_a_copy_in_memory_is_its_readers_own() -> None:
    ledger = open_ledger("memory://")
    ledger.write([call(1)])
    with closing(ledger.connect()) as db:
        db.execute("DELETE FROM facts")
    assert len(list(read(ledger))) == 1
    with pytest.raises(ValueError, match=r"ledger.connect\(\)"):
        connect_readonly("memory://")


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    Ledger(url).write([call(1)])
    with closing(connect_readonly(url)) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM facts")
