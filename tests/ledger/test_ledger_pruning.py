"""What is old goes, with all that only it referred to; what is left is whole, also to writers that go on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_calls import call
from ledger_records import as_kept, records

from tokeneff.ledger import CallRecord, open_ledger, read
from tokeneff.ledger import _pruning as pruning
from tokeneff.ledger._pruning import prune

SHARED = ("kinds", "prefixes", "toolsets", "tagsets", "texts")


def orphans(path: Path) -> int:
    """Rows of no use, in a file after all its calls are gone."""
    with closing(sqlite3.connect(path)) as db:
        return sum(
            db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in (*SHARED, "tags", "details", "trims")
        )


def by_id(record: CallRecord) -> str:
    return record.call_id


@settings(max_examples=15, deadline=None)
@given(st.lists(records(), min_size=1, max_size=8, unique_by=lambda record: as_kept(record).call_id), st.data())
def test_what_is_left_is_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, made: list[CallRecord], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("prune") / "calls.db"
    before = data.draw(st.sampled_from([record.time for record in made]))
    with open_ledger(f"sqlite:///{path}") as ledger:
        ledger.write(made)
        counted = prune(path, before, dry_run=True)
        assert len(list(read(ledger))) == len(made)
        pruned = prune(path, before)
        assert pruned.calls == counted.calls == sum(record.time < before for record in made)
        left = [as_kept(record) for record in made if record.time >= before]
        assert list(read(ledger)) == left
        ledger.write(made)  # the ids that it remembers are of rows that may be gone
        assert sorted(read(ledger), key=by_id) == sorted(map(as_kept, made), key=by_id)
        prune(path, 1 << 62)
        rest = sum(record.time >= 1 << 62 for record in made)
    assert rest or orphans(path) == 0


def test_in_steps_and_the_room_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "STEP", 70)
    monkeypatch.setattr(pruning, "_PAGES", 10)
    path = tmp_path / "calls.db"
    with open_ledger(f"sqlite:///{path}") as ledger:
        ledger.write(call(number, session=f"session {number}" * 20) for number in range(2_500))
    pruned = prune(path, call(2_400).time)
    assert (pruned.calls, pruned.size_after) == (2_400, path.stat().st_size)
    assert pruned.size_after < pruned.size_before / 10
    assert [record.input_tokens for record in read(f"sqlite:///{path}")] == list(range(2_500, 2_600))
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert prune(path, call(2_400).time).calls == 0
