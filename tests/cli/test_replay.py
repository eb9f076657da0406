"""Replaying recorded conversations: every call goes through the real SDK, and the totals are the recorded ones."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Collector, Run

FOLDER = Path(os.environ.get("TOKENEFF_TRACES") or Path(__file__).resolve().parents[3] / "shared" / "data" / "traces")
WHOLE = bool(os.environ.get("TOKENEFF_TRACES_WHOLE"))

CHAT = {
    "id": "chat-1",
    "model": "gpt-4o",
    "format": "openai-chat",
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "find it"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "it"},
        {"role": "assistant", "content": "found"},
    ],
    "calls": [
        {"n_messages_in": 2, "prompt_tokens": 100, "completion_tokens": 20, "reasoning_tokens": 5},
        {"n_messages_in": 4, "prompt_tokens": 130, "cached_tokens": 90, "completion_tokens": 7},
    ],
}
CLAUDE = {
    "id": "claude-1",
    "model": "claude-opus-4-6",
    "format": "anthropic-messages",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ho"}]},
    ],
    "calls": [
        {
            "n_messages_in": 1,
            "model": "claude-opus-4-6",
            "input_tokens": 3,
            "cache_read_input_tokens": 40,
            "cache_creation_input_tokens": 50,
            "cache_creation": {"ephemeral_1h_input_tokens": 50},
            "output_tokens": 6,
        }
    ],
}
WITHOUT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 400}], "made_up": 1, "timeout": "no"}


def write(path: Path, *records: Any) -> str:
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in records), encoding="utf-8")
    return str(path)


WAYS = [(), ("--stream",), ("--async",), ("--async", "--stream", "--concurrency", "3"), ("--concurrency", "3")]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_tokens_are_the_recorded_ones(run: Run, tmp_path: Path, way: tuple[str, ...]) -> None:
    trace = write(tmp_path / "trace.jsonl", CHAT, CLAUDE)
    ran = run("replay", trace, "--json", *way)
    assert (ran.code, ran.err) == (0, "")
    report = ran.json
    assert report["tokens"] == {
        "input_tokens": 323,
        "output_tokens": 33,
        "cache_read": 130,
        "cache_write": 50,
        "reasoning": 5,
    }
    assert {name: counts["calls"] for name, counts in report["models"].items()} == {"gpt-4o": 2, "claude-opus-4-6": 1}
    assert {client["client"] for client in report["clients"]} == (
        {"AsyncOpenAI", "AsyncAnthropic"} if "--async" in way else {"OpenAI", "Anthropic"}
    )
    assert (report["calls"], report["conversations"], report["failed"], report["errors"]) == (3, 2, 0, [])
    assert report["recorded_usage"] == {"calls": 3, "conversations_without": []}
    assert report["skipped"] == []


def test_broken_lines_are_named_counted_and_skipped(run: Run, tmp_path: Path) -> None:
    trace = write(tmp_path / "trace.jsonl", CHAT, "{oops", "[]", '{"a": 1}', CLAUDE)
    ran = run("replay", trace)
    assert ran.code == 0
    assert "2 conversations, 3 calls" in ran.out
    assert "2 lines skipped" in ran.out
    assert f"skipped {trace}:2: not JSON: " in ran.out
    assert f"skipped {trace}:4: no messages" in ran.out
    assert [line["line"] for line in run("replay", trace, "--json").json["skipped"]] == [2, 4]


def test_what_has_no_usage_is_said(run: Run, tmp_path: Path) -> None:
    trace = write(tmp_path / "trace.jsonl", CHAT, WITHOUT)
    ran = run("replay", trace)
    assert ran.code == 0, ran.out
    assert "usage: as recorded for 2 of 3 calls; the rest (in trace:2) counted by the built-in provider" in ran.out
    assert run("replay", trace, "--json").json["recorded_usage"] == {"calls": 2, "conversations_without": ["trace:2"]}
    assert "none is recorded" in run("replay", write(tmp_path / "b.jsonl", WITHOUT)).out


def test_limit(run: Run, tmp_path: Path) -> None:
    trace = write(tmp_path / "trace.jsonl", *[CHAT] * 5)
    for way in WAYS:
        assert run("replay", trace, "--json", "--limit", "3", *way).json["calls"] == 3


def test_tables_for_people(run: Run, tmp_path: Path) -> None:
    ran = run("replay", write(tmp_path / "trace.jsonl", CHAT, CLAUDE))
    assert (ran.code, ran.err) == (0, "")
    assert "tokeneff.usage(OpenAI client)" in ran.out
    assert "tokeneff.usage(Anthropic client)" in ran.out
    assert "usage: as recorded, for every call" in ran.out
    assert "chat-1" not in ran.out, "a table row for each conversation would be too long"


def test_missing_file_and_folder(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "no.jsonl"
    ran = run("replay", str(missing))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"tokeneff replay: cannot read {missing}: No such file or directory\n"
    assert run("replay", str(tmp_path)).code == 2


def test_a_file_without_a_readable_line_fails(run: Run, tmp_path: Path) -> None:
    ran = run("replay", write(tmp_path / "trace.jsonl", "{", "nothing"))
    assert ran.code == 1
    assert "0 calls" in ran.out
    assert run("replay", write(tmp_path / "empty.jsonl")).code == 1


def test_standard_input_and_an_array(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given = json.dumps([CHAT, 5, CLAUDE], indent=1).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
    ran = run("replay", "-", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["calls"] == 3
    assert [line["file"] for line in ran.json["skipped"]] == ["<stdin>"]


def test_tools_are_sent(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokeneff.cli import _replaying

    seen: list[Any] = []
    answer = _replaying.Replay._answer

    def look(self: Any, request: Any) -> Any:
        seen.append(request.json)
        return answer(self, request)

    monkeypatch.setattr(_replaying.Replay, "_answer", look)
    trace = write(tmp_path / "shop_1.jsonl", CHAT, WITHOUT)
    schema = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
    tools = write(tmp_path / "t.json", [schema])
    assert run("replay", trace, "--tools", tools).code == 0
    assert [body.get("tools") for body in seen] == [[schema], [schema], None]
    assert seen[2] == {**WITHOUT}, "what the SDK does not know by name is sent all the same"
    assert seen[1] == {"model": "gpt-4o", "messages": CHAT["messages"][:4], "tools": [schema]}
    seen.clear()
    write(tmp_path / "shop_tools.json", [schema])
    run("replay", trace, "--limit", "1")
    assert seen[0]["tools"] == [schema]
    bad = run("replay", trace, "--tools", write(tmp_path / "bad.json", "{"))
    assert (bad.code, "tool schemas" in bad.err) == (2, True)
    assert run("replay", trace, "--tools", write(tmp_path / "object.json", {})).code == 2


def test_spans_reach_a_collector_grouped_by_conversation(run: Run, tmp_path: Path, collector: Collector) -> None:
    url, spans, metrics = collector
    many = [{**CHAT, "id": f"chat-{number}"} for number in range(30)]
    ran = run("replay", write(tmp_path / "trace.jsonl", *many), "--otlp", url, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["otlp"] == {"sent_spans": 60, "lost_spans": 0}
    assert ran.err == f"60 spans sent to {url}/v1/traces\n"
    sessions = Counter(
        attribute.value.string_value
        for span in spans
        for attribute in span.attributes
        if attribute.key == "gen_ai.conversation.id"
    )
    assert sessions == {f"chat-{number}": 2 for number in range(30)}
    assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"} <= metrics


def test_progress_is_shown_on_a_terminal_only(tmp_path: Path) -> None:
    trace = write(tmp_path / "trace.jsonl", *[CHAT] * 20)
    command = [sys.executable, "-m", "tokeneff", "replay", trace, "--json"]
    ours, theirs = os.openpty()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other side is closed
                break
        out = (process.stdout or pytest.fail("no stdout")).read()
    os.close(ours)
    assert process.returncode == 0
    assert json.loads(out)["calls"] == 40
    assert b"trace.jsonl" in shown
    assert b"40 calls" in shown


def test_a_dead_collector_is_told(run: Run, tmp_path: Path) -> None:
    ran = run("replay", write(tmp_path / "trace.jsonl", CHAT), "--otlp", "http://127.0.0.1:9", "--json")
    assert ran.code == 1
    assert ran.json["otlp"] == {"sent_spans": 0, "lost_spans": 2}
    assert "2 LOST" in ran.err


def test_a_wrong_collector_url(run: Run, tmp_path: Path) -> None:
    ran = run("replay", write(tmp_path / "trace.jsonl", CHAT), "--otlp", "localhost:4318")
    assert ran.code == 2
    assert "http://localhost:4318" in ran.err


def test_proxies_and_keys_of_the_environment_play_no_part(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    assert run("replay", write(tmp_path / "trace.jsonl", CHAT, CLAUDE)).code == 0


def test_a_missing_sdk_names_its_extra(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokeneff.cli import _clients

    def import_module(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(_clients, "import_module", import_module)
    for way in WAYS:
        ran = run("replay", write(tmp_path / "trace.jsonl", CHAT), *way)
        assert (ran.code, ran.err) == (
            2,
            "tokeneff replay: the openai SDK is not installed: pip install 'tokeneff[openai]'\n",
        )


@pytest.mark.parametrize(
    ("name", "calls", "known"),
    [
        ("tau_airline_gpt4o", 1163, 0),
        ("tau2_airline_gpt5", 505, 0),
        ("miniswe_gemini3pro", 1789, 1789),
        ("claude_code_sessions", 496, 496),
    ],
)
def test_recorded_files(run: Run, name: str, calls: int, known: int) -> None:
    trace = FOLDER / f"{name}.jsonl"
    if not trace.exists():
        pytest.skip(f"no {trace.name} in {FOLDER} (set TOKENEFF_TRACES to the folder of recorded traces)")
    limit = () if WHOLE else ("--limit", "20")
    ran = run("replay", str(trace), "--json", "--stream", *limit)
    assert ran.code == 0, ran.err
    report = ran.json
    wanted = min(calls, 20) if limit else calls
    assert (report["calls"], report["failed"], report["skipped"]) == (wanted, 0, [])
    assert report["recorded_usage"]["calls"] == min(known, wanted)
    assert sum(counts["estimated"] + counts["unknown"] for counts in report["models"].values()) == 0
    assert report["tokens"]["input_tokens"] == _input(trace, wanted) or not known


def _input(trace: Path, wanted: int) -> int:
    counts: list[int] = []
    for line in trace.read_text(encoding="utf-8").splitlines():
        for call in json.loads(line).get("calls", ()):
            if "event" not in call:
                parts = ("prompt_tokens", "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
                counts.append(sum(call.get(part, 0) for part in parts))
    return sum(counts[:wanted])
