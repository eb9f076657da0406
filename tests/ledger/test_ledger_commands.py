"""`tokeneff ledger`: what is in it, out of it, and away with it."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ledger_calls import call

from tokeneff.cli import main
from tokeneff.ledger import CallRecord, open_ledger

NOW = 1_760_000_000.0
DAY = 86_400_000_000


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("TOKENEFF_LEDGER", raising=False)
    monkeypatch.setattr("time.time", lambda: NOW)
    url = f"sqlite:///{tmp_path}/calls.db"
    made = [
        call(1, time=round(NOW * 1e6) - 100 * DAY, cost=None, called=("find",)),
        call(2, time=round(NOW * 1e6) - DAY // 2, session='a, "b"\n', stream=True, expected_error=0.25),
    ]
    with open_ledger(url) as ledger:
        ledger.write(made)
    return url


def run(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = main(["ledger", *argv])
    said = capsys.readouterr()
    return code, said.out, said.err


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_export_as_json_lines(url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENEFF_LEDGER", url)
    code, out, _ = run(capsys, "export", "--jsonl", "-")
    found = rows(out)
    assert code == 0
    assert [tuple(row) for row in found] == [CallRecord._fields] * 2
    assert found[0]["cost"] is None
    assert (found[0]["called"], found[0]["tags"]) == (["find"], {"feature": "f1", "user": "u"})
    assert found[1]["session"] == 'a, "b"\n'


def test_export_of_what_is_new(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.jsonl"
    code, out, _ = run(capsys, "export", "--ledger", url, "--jsonl", str(target), "--since", "1d")
    assert (code, out) == (0, f"1 calls written to {target}\n")
    assert [row["call_id"] for row in rows(target.read_text())] == [call(2).call_id]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls.db", "out.jsonl"]


def test_export_as_csv(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.csv"
    assert run(capsys, "export", "--ledger", url, "--csv", str(target))[0] == 0
    with target.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [tuple(row) for row in found] == [CallRecord._fields] * 2
    assert [row["cost"] for row in found] == ["", "1000"]
    assert found[1]["session"] == 'a, "b"\n'
    assert json.loads(found[0]["tools"]) == [["find", 40]]


def test_export_as_parquet(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    target = tmp_path / "out.parquet"
    code, out, _ = run(capsys, "export", "--ledger", url, "--parquet", str(target), "--json")
    assert (code, json.loads(out)["calls"]) == (0, 2)
    found = parquet.read_table(target)
    assert tuple(found.column_names) == CallRecord._fields
    first, second = found.to_pylist()
    assert (first["cost"], second["cost"], second["stream"], second["expected_error"]) == (None, 1000, True, 0.25)
    assert second["time"].timestamp() == NOW - 43_200
    assert json.loads(first["tags"]) == {"feature": "f1", "user": "u"}


def test_parquet_names_its_extra(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, out, err = run(capsys, "export", "--ledger", url, "--parquet", str(tmp_path / "out.parquet"))
    assert (code, out) == (2, "")
    assert "pip install 'tokeneff[parquet]'" in err


def test_prune(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "prune", "--older", "90d", "--ledger", url, "--dry-run")
    assert (code, out) == (0, "1 calls are older than 90d; nothing was deleted\n")
    code, out, _ = run(capsys, "prune", "--older", "90d", "--ledger", url, "--json")
    assert (code, json.loads(out)["calls"]) == (0, 1)
    assert json.loads(run(capsys, "info", "--ledger", url, "--json")[1])["calls"] == 1


def test_info(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(run(capsys, "info", "--ledger", url, "--json")[1])
    assert (found["ledger"], found["calls"], found["lost"]) == (url, 2, 0)
    assert (found["first"], found["last"]) == ("2025-07-01T08:53:20Z", "2025-10-08T20:53:20Z")
    said = run(capsys, "info", "--ledger", url)[1]
    assert "2025-07-01T08:53:20Z to 2025-10-08T20:53:20Z" in said


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("info", "--ledger", "calls.db"), "write sqlite:///calls.db"),
        (("info", "--ledger", "memory://"), "ledger in memory"),
        (("prune", "--older", "1d", "--ledger", "memory://"), "ledger in memory"),
        (("prune", "--older", "1d"), "there is no ledger"),
        (("prune", "--older", "soon"), "--older is not 'soon': write a number and s, m, h, d or w, as 12h or 7d"),
        (("export", "--jsonl", "x", "--since", "soon"), "--since is not 'soon'"),
        (("export", "--jsonl", "no/such/folder/x"), "there is no ledger"),
    ],
)
def test_wrong_usage(
    argv: tuple[str, ...],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TOKENEFF_LEDGER", raising=False)
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, *argv)
    assert (code, out) == (2, "")
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_where_it_cannot_be_written(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "export", "--ledger", url, "--csv", str(tmp_path / "no" / "x.csv"))
    assert code == 2
    assert "cannot write" in err
