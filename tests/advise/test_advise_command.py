"""`tokeneff advise`: what it prints, what it reads, and how it says that it cannot."""

from __future__ import annotations

import json
from pathlib import Path

from advise_traffic import PLAIN, ROWS, chat, claude, priced, written
from conftest import Run

UNCACHED = [{"input_tokens": 2_000 + 1_000 * number, "output_tokens": 10} for number in range(3)]


def test_for_people(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, claude(UNCACHED, name="a\x1b[31mtalk"), "{broken")
    code, out, err = run(path)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 100
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for expected in (
        f"tokeneff advise on {path}"[:100],
        "1 conversation, 3 requests to claude-sonnet-4-5",
        "dollars saved tokens lost dearer worst pays after",
        "1. prompt cache $0.0170 38 % 0 % 0 0 of 1 −38.3 % 1",
        "1. tokeneff.wrap(client, cache=tokeneff.Cache(None, prompt=True))",
        "worst conversation −38.3 %: a�[31mtalk",
        "- tokens and dollars as recorded: the provider's counts of 3 requests",
        "- response cache: no request equals an earlier one",
    ):
        assert expected in lines, expected
    assert any(line.endswith(". as recorded $0.0275 9,000") for line in lines)
    assert any(line.startswith("- not used: not JSON") for line in lines)


def test_for_machines(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, chat([ROWS, "fine"]))
    code, out, err = run(path, "--json", "--prices", priced(tmp_path))
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["source"], told["models"], told["conversations"], told["requests"]) == (path, [PLAIN], 1, 3)
    best = told["choices"][0]
    assert (best["name"], best["write"], best["sound"]) == ("trim", "tokeneff.wrap(client, trim=tokeneff.Trim())", True)
    assert {one["name"] for one in told["choices"]} >= {"as recorded", "trim, lossy", "response cache"}
    assert (told["simulator_error"], told["told"]) == (None, 0)


def test_nothing_to_advise_on(run: Run, tmp_path: Path) -> None:
    empty = written(tmp_path, "", name="empty.jsonl")
    path = written(tmp_path, chat(["fine"], model="nobody-knows-1"))
    for argv, said in (
        ([empty], f"{empty} has no calls that could be replayed\n"),
        ([path], "name a model with --model, or a price with --prices"),
        ([path], "left out: 2 requests to nobody-knows-1, for which there is no price"),
        ([path, "--since", "2030-01-01"], f"{path} has no calls that could be replayed since 2030-01-01"),
        ([str(tmp_path / "no.jsonl")], "no file or folder"),
        (["--codex", str(tmp_path / "no")], "no file or folder"),
        ([path, "--ledger", "sqlite:///calls.db"], "advise on one at a time"),
        ([path, "sqlite:///calls.db"], "advise on one at a time"),
        (["sqlite:////nowhere/calls.db"], "there is no ledger /nowhere/calls.db"),
        (["--ledger", "calls.db"], "write sqlite:///calls.db"),
        ([path, "--prices", path], "trace.jsonl"),
        ([path, "--conversations", "0"], "'0' is not a whole number above 0"),
        ([path, "--limit", "many"], "'many' is not a whole number above 0"),
        ([path, "--since", "yesterday"], "--since is not 'yesterday'"),
    ):
        code, out, err = run(*argv)
        assert (code, out) == (2, ""), argv
        assert said in err, (argv, err)


def test_another_model_and_less_of_it(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, *(chat(["fine"], name=f"n{n}", model="nobody-knows-1") for n in range(3)))
    code, out, _ = run(path, "--model", PLAIN, "--prices", priced(tmp_path), "--conversations", "2", "--limit", "3")
    assert (code, "2 conversations, 3 requests to command-acme" in out) == (0, True)
    assert "recorded bills are of other models" in " ".join(out.split())


def test_lines_that_are_no_conversations(run: Run, tmp_path: Path) -> None:
    odd = [
        [],
        7,
        None,
        {"messages": "no"},
        {"messages": [{"role": 3}]},
        {"model": PLAIN, "messages": [{}]},
        "[" * 9_999,
    ]
    blocks = [{"type": "image_url", "image_url": {"url": "data:,"}}, None, "x", {"type": "odd", "text": 5}]
    strange = {"model": PLAIN, "messages": [{"role": "user", "content": blocks}]}
    path = written(tmp_path, *odd, strange, chat(["\ud800 half a sign"], name="half \ud800"))
    code, out, err = run(path, "--prices", priced(tmp_path))
    assert (code, err) == (0, "")
    assert "2 conversations, 3 requests" in out
    assert "not used: " in out
