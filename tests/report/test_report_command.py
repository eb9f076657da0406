"""`tokeneff report`: what it prints, what it reads, and how it says that it cannot."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from report_calls import DAY, START, Run, call

from tokeneff import logs
from tokeneff.cli._report_text import clean
from tokeneff.ledger import CallRecord, Ledger

FOLDER = Path(os.environ.get("TOKENEFF_TRACES") or Path(__file__).resolve().parents[3] / "shared" / "data" / "traces")
TRACES = ("tau_airline_gpt4o", "tau2_airline_gpt5", "miniswe_gemini3pro", "claude_code_sessions")


def ledger(folder: Path, *records: CallRecord) -> str:
    with Ledger(f"sqlite:///{folder / 'calls.db'}") as made:
        made.write(records)
        return made.url


CALLS = (
    call(tags=(("feature", "chat"),), session="s1", duration=1_500_000),
    call(
        tags=(("feature", "chat"),), session="s1", ending="failed", error="overloaded", status=529, duration=90_000_000
    ),
    call(time=START + DAY, model="\x1b[31mllama [bold]", cost=None, usage_source="estimated", session="s2"),
    call(prefix_cause="tools_changed", prefix_lost=900, prefix_cost=2_430_000, session="s" * 120),
)


def test_for_people(run: Run, tmp_path: Path) -> None:
    url = ledger(tmp_path, *CALLS)
    code, out, err = run("report", "--ledger", url, "--by", "model, feature,day")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 100
    assert "\x1b" not in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for expected in (
        f"tokeneff report on {url}",
        "spent $0.0135, and 1 call whose cost is unknown",
        "counted by the provider 3 · our estimate 1 · unknown 0",
        "gpt-4o 3 1 3,000 0 % 300 $0.0135",
        "�[31mllama [bold] 1 0 ~1,000 ~100 unknown",
        "2023-11-15 1 0 ~1,000 ~100 unknown",
        "chat 2 1 2,000 0 % 200 $0.009000",
        "(none) 2 0 ~2,000 0 % ~200 ≥$0.004500",
        "�[31mllama [bold] openai no price 1 1,000 100",
        "overloaded 529 1 0 $0.004500 " + CALLS[1].call_id,
        "1. $0.004500 wasted 1 call failed, and was paid for",
        "2. $0.002430 wasted repeated prompts not read from the cache: the tool schemas change within a",
    ):
        assert expected in lines
    assert lines.index("by day") < lines.index("cost unknown") < lines.index("most wasteful sessions")


def test_json_is_exact(run: Run, tmp_path: Path) -> None:
    code, out, err = run("report", "--ledger", ledger(tmp_path, *CALLS), "--json", "--by", "feature")
    told = json.loads(out)
    assert (code, err, told["total"]["cost"], told["total"]["unpriced"]) == (0, "", 13_500_000, 1)
    assert [(row["value"], row["sums"]["cost"]) for row in told["tables"][0]["rows"]] == [
        ("chat", 9_000_000),
        ("", 4_500_000),
    ]
    assert [finding["saves"] for finding in told["findings"]] == [4_500_000, 2_430_000]
    assert told["series"] is None


def test_since(run: Run, tmp_path: Path) -> None:
    url = ledger(tmp_path, *CALLS)
    assert json.loads(run("report", "--ledger", url, "--since", "2023-11-15", "--json")[1])["total"]["calls"] == 1
    code, out, err = run("report", "--ledger", url, "--since", "1d")
    assert (code, out, err) == (2, "", f"tokeneff report: {url} has no calls since 1d\n")
    code, out, err = run("report", "--ledger", url, "--since", "yesterday")
    assert (code, out) == (2, "")
    assert "--since is not 'yesterday'" in err


def test_the_page(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    code, _, err = run("report", "--ledger", ledger(tmp_path, *CALLS), "--html", str(page))
    assert (code, f"{page}: " in err) == (0, True)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    code, out, err = run("report", "--ledger", ledger(tmp_path, *CALLS), "--html", str(tmp_path / "no" / "x.html"))
    assert (code, out) == (2, "")
    assert "cannot write" in err


def test_the_ledger_that_the_environment_names(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENEFF_LEDGER", ledger(tmp_path, *CALLS))
    assert run("report")[0] == 0
    monkeypatch.delenv("TOKENEFF_LEDGER")
    monkeypatch.chdir(tmp_path)
    code, out, err = run("report")
    assert (code, out) == (2, "")
    assert f"there is no ledger {tmp_path / 'tokeneff.db'}" in err


def test_what_cannot_be_reported_on(run: Run, tmp_path: Path) -> None:
    empty = ledger(tmp_path)
    missing = tmp_path / "no.jsonl"
    prices = tmp_path / "prices.toml"
    prices.write_text("[[model]]\nname = 5\n")
    for argv, said in (
        (["--ledger", empty], f"{empty} has no calls"),
        (["--ledger", "calls.db"], "write sqlite:///calls.db"),
        (["--ledger", empty, str(missing)], "report on one at a time"),
        ([str(missing)], f"no file or folder '{missing}'"),
        (["--logs", str(missing)], f"no file or folder '{missing}'"),
        (["--codex", str(missing)], f"no file or folder '{missing}'"),
        (["--claude-code", str(missing)], f"no file or folder '{missing}'"),
        (["--ledger", empty, "--prices", str(prices)], "prices.toml"),
        (["--ledger", empty, "--by", " ,"], "--by is ' ,' and names nothing"),
    ):
        code, out, err = run("report", *argv)
        assert (code, out) == (2, "")
        assert said in err
    code, out, err = run("report", "--ledger", ledger(tmp_path, *CALLS), "--by", "model,colour")
    assert (code, out) == (2, "")
    assert "calls cannot be listed by 'colour'" in err
    assert "(feature, user)" in err


TRACE = {
    "id": "chat-1",
    "model": "gpt-4o",
    "format": "openai-chat",
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "find it"},
        {"role": "assistant", "content": "found"},
    ],
    "calls": [{"n_messages_in": 2, "prompt_tokens": 100, "completion_tokens": 20}],
}


def test_logs(run: Run, tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    one.write_text(json.dumps(TRACE) + "\n{oops\n")
    other.write_text(json.dumps({**TRACE, "id": "chat-2"}) + "\n")
    code, out, err = run("report", str(one), "--logs", str(other), "--json")
    told = json.loads(out)
    assert (code, told["source"]) == (0, f"{one}, {other}")
    # gpt-4o: $2.50 and $10 a million.
    assert (told["total"]["calls"], told["total"]["cost"]) == (2, 2 * (100 * 2_500 + 20 * 10_000))
    assert "not used: " in err


@pytest.mark.parametrize("name", TRACES)
def test_recorded_conversations(run: Run, name: str) -> None:
    path = FOLDER / f"{name}.jsonl"
    if not path.is_file():
        pytest.skip(f"no recorded conversations in {FOLDER}: set TOKENEFF_TRACES")
    told = json.loads(run("report", str(path), "--json", "--by", "session,model")[1])
    found = list(logs.records(path))
    sums, sessions = Counter[str](), Counter[str]()
    for record in found:
        for field in ("input_tokens", "output_tokens", "cache_read", "cache_write", "cost"):
            sums[field] += getattr(record, field) or 0
        sessions[record.session] += record.cost or 0
    assert told["total"]["calls"] == len(found) > 300
    assert {field: told["total"][field] for field in sums} == sums
    assert {row["value"]: row["sums"]["cost"] for row in told["tables"][0]["rows"]} == sessions
    for part in ("system", "tools", "tool_results", "user"):
        assert _tokens(told, part) == sum(getattr(record, f"in_{part}") or 0 for record in found)
    assert sum(part["cost"] for part in told["parts"]) == sums["cost"]
    assert told["findings"]
    assert all(0 < finding["saves"] <= finding["spent"] <= sums["cost"] for finding in told["findings"])
    lost = sum(min(record.prefix_cost, record.cost or 0) for record in found if record.prefix_cost)
    broken = [finding["saves"] for finding in told["findings"] if finding["kind"] == "uncached_prefix"]
    assert sum(broken) == lost == told["total"]["lost_cost"]


def _tokens(told: dict[str, list[dict[str, object]]], name: str) -> object:
    return next(part["tokens"] for part in told["parts"] if (part["side"], part["name"]) == ("input", name))


def test_names_are_made_safe_for_a_terminal() -> None:
    assert clean("a\x1b[2Jb\nc") == "a�[2Jb�c"
    assert clean("x" * 99) == "x" * 59 + "…"
