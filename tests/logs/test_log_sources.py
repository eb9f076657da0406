"""Where logs are looked for, whose they are, and what of them is asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from made_logs import START, Claude, Codex, text, write

from tokeneff.errors import PricesError
from tokeneff.logs import claude_code, codex, records


def claude_log(path: Path, name: str = "msg_01made0000000001", at: float = 0) -> Path:
    chat = Claude(path.stem)
    chat.user("hello", at)
    chat.reply(name, [text("Hi.")], at + 1)
    return write(path, [{"type": "summary", "summary": "Hello"}, *chat.lines])


def codex_log(path: Path) -> Path:
    chat = Codex(path.stem)
    chat.turn(1)
    chat.says("Hi.", 2)
    chat.count(3, 10, 0, 2)
    return write(path, chat.lines)


def trace(path: Path) -> Path:
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hi."}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{"id": "t", "model": "gpt-4o", "messages": messages}]))
    return path


def test_a_folder_of_everything(tmp_path: Path) -> None:
    claude_log(tmp_path / "a" / "one.jsonl")
    codex_log(tmp_path / "b" / "two.jsonl")
    trace(tmp_path / "c" / "three.json")
    (tmp_path / "c" / "three_tools.json").write_text(json.dumps([{"type": "function", "function": {"name": "look"}}]))
    (tmp_path / "notes.txt").write_text("nothing")
    reading = records(tmp_path)
    found = list(reading)
    assert [(record.sdk, record.provider, record.session) for record in found] == [
        ("claude-code", "anthropic", "one"),
        ("codex", "openai", "two"),
        ("", "openai", "t"),
    ]
    assert [name for name, _ in found[2].tools] == ["look"]
    assert reading.skipped.total == 0
    both = records([tmp_path, str(tmp_path / "a" / "one.jsonl"), codex(tmp_path / "b")])
    assert list(both) == found


def test_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(FileNotFoundError, match="set CLAUDE_CONFIG_DIR, or name the folder"):
        claude_code()
    with pytest.raises(FileNotFoundError, match="set CODEX_HOME, or name the folder"):
        codex()
    claude_log(tmp_path / ".claude" / "projects" / "-home-ann-shop" / "one.jsonl")
    codex_log(tmp_path / ".codex" / "sessions" / "2026" / "03" / "02" / "two.jsonl")
    codex_log(tmp_path / ".codex" / "archived_sessions" / "three.jsonl")
    assert [record.session for record in records([claude_code(), codex()])] == ["one", "three", "two"]
    claude_log(tmp_path / "x" / "projects" / "p" / "four.jsonl")
    claude_log(tmp_path / "y" / "projects" / "p" / "five.jsonl", "msg_01made0000000005")
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", f"{tmp_path}/x, ~/y")
    assert [record.session for record in records(claude_code())] == ["four", "five"]
    codex_log(tmp_path / "z" / "sessions" / "six.jsonl")
    monkeypatch.setenv("CODEX_HOME", str(tmp_path / "z"))
    assert [record.session for record in records(codex())] == ["six"]


def test_since(tmp_path: Path) -> None:
    claude_log(tmp_path / "old.jsonl", "msg_01made0000000001", 0)
    claude_log(tmp_path / "new.jsonl", "msg_01made0000000002", 86_400)
    noon = START + timedelta(hours=12)
    for since in (noon, noon.timestamp(), datetime.now(UTC) - noon, noon.astimezone().replace(tzinfo=None)):
        assert [record.session for record in records(tmp_path, since=since)] == ["new"]
    assert len(list(records(tmp_path, since=0))) == 2
    with pytest.raises(TypeError, match="since is a datetime, a timedelta or seconds since 1970, not str"):
        records(tmp_path, since="7d")  # type: ignore[arg-type]


def test_since_keeps_what_went_before(tmp_path: Path) -> None:
    chat = Claude()
    chat.user("hello", 0)
    chat.reply("msg_01made0000000001", [text("Hi.")], 1)
    chat.user("more", 100)
    chat.reply("msg_01made0000000002", [text("Ho.")], 101)
    write(tmp_path / "s.jsonl", chat.lines)
    every = list(records(tmp_path))
    assert list(records(tmp_path, since=START + timedelta(seconds=50))) == every[1:]
    assert every[1].prefix_repeated


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file or folder '.*nowhere' to read logs from"):
        records(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        claude_code(tmp_path / "nowhere")
    with pytest.raises(PricesError):
        records(tmp_path, prices=tmp_path / "nothing.toml")
    reading = records(tmp_path)
    assert list(reading) == []
