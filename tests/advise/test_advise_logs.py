"""Advice on session logs of agents, and on what providers say of their caches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from advise_traffic import ROWS, chat, choice, priced, written
from conftest import Run

from tokeneff import logs
from tokeneff.advise import advise

LONG = json.dumps([{"id": f"item-{n}", "name": f"thing number {n}"} for n in range(300)], indent=4)
QUESTION = "what is in stock? " + "please " * 2_000


def codex(folder: Path) -> Path:
    """Two responses: a tool is called, and its output spoken of."""
    says = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "There is item-7."}]}
    asks = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]}
    call = {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c1"}
    output = {"type": "function_call_output", "call_id": "c1", "output": LONG}
    lines = [
        ("session_meta", {"id": "t1", "cwd": "/home/ann/shop", "cli_version": "0.120.0", "model_provider": "openai"}),
        ("turn_context", {"cwd": "/home/ann/shop", "model": "gpt-5", "turn_id": "a"}),
        ("response_item", asks),
        ("response_item", call),
        ("event_msg", _count(2_400, 0, 0)),
        ("response_item", output),
        ("response_item", says),
        ("event_msg", _count(11_000, 2_304, 2_400)),
    ]
    path = folder / "rollout-2026-03-02T09-00-00-t1.jsonl"
    told = [
        {"timestamp": f"2026-03-02T09:00:{second:02}.000Z", "type": kind, "payload": payload}
        for second, (kind, payload) in enumerate(lines)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in told))
    return path


def _count(given: int, cached: int, before: int) -> dict[str, Any]:
    def counts(given: int, cached: int, output: int) -> dict[str, int]:
        told = {"input_tokens": given, "cached_input_tokens": cached, "output_tokens": output}
        return {**told, "reasoning_output_tokens": 0, "total_tokens": given + output}

    whole = counts(given + before, cached, 20 if before else 10)
    return {"type": "token_count", "info": {"total_token_usage": whole, "last_token_usage": counts(given, cached, 10)}}


def claude_code(folder: Path) -> Path:
    """The same session with Claude Code, whose log has neither system prompt nor tools: 15,000 tokens."""

    def line(number: int, kind: str, message: dict[str, Any], **more: Any) -> dict[str, Any]:
        shared = {"sessionId": "s1", "isSidechain": False, "cwd": "/home/ann/shop", "version": "2.1.12"}
        chain = {"uuid": f"u{number}", "parentUuid": f"u{number - 1}" if number else None}
        stamp = f"2026-03-02T09:00:{number:02}.000Z"
        return {**shared, **chain, "type": kind, "timestamp": stamp, "message": message, **more}

    def reply(name: str, block: dict[str, Any], read: int, wrote: int) -> dict[str, Any]:
        usage = {"input_tokens": 3, "cache_read_input_tokens": read, "cache_creation_input_tokens": wrote}
        usage["output_tokens"] = 10
        model, name = "claude-sonnet-4-5", f"msg_{name}_of_this_session"
        return {"model": model, "id": name, "role": "assistant", "content": [block], "usage": usage}

    use = {"type": "tool_use", "id": "c1", "name": "shell", "input": {"n": 1}}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": LONG}
    lines = [
        line(0, "user", {"role": "user", "content": QUESTION}),
        line(1, "assistant", reply("one", use, 0, 17_400), requestId="r1"),
        line(2, "user", {"role": "user", "content": [result]}),
        line(3, "assistant", reply("two", {"type": "text", "text": "There is item-7."}, 17_400, 9_000), requestId="r2"),
        "{broken",
    ]
    path = folder / "s1.jsonl"
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return path


@pytest.mark.parametrize("made", [codex, claude_code])
def test_sessions_of_agents(run: Run, tmp_path: Path, made: Any) -> None:
    folder = made(tmp_path).parent
    option = "--codex" if made is codex else "--claude-code"
    code, out, _ = run(option, str(folder), "--json")
    told = json.loads(out)
    assert (code, told["conversations"], told["requests"], told["told"]) == (0, 1, 2, 2)
    assert folder.name in told["source"]
    by_name = {one["name"]: one for one in told["choices"]}
    assert by_name["as recorded"]["cost"] == sum(record.cost or 0 for record in logs.records(folder))
    trim = by_name["trim, history as it is"]
    assert (trim["lost"], trim["identifiers"] > 0, trim["saved"] > 0) == (0, True, True)
    assert 4_000 < trim["spared_tokens"] < 6_000
    assert abs(told["simulator_error"]) < 0.05
    assert abs(told["cached_simulated"] / told["cached_told"] - 1) < 0.05
    assert advise(folder).choices == advise([made(tmp_path)]).choices


def test_a_provider_that_does_not_cache(tmp_path: Path) -> None:
    usages = [
        {"n_messages_in": 2 + 2 * n, "prompt_tokens": 3_000 + 1_000 * n, "completion_tokens": 5} for n in range(3)
    ]
    record = chat([ROWS, "word " * 900], model="gpt-5")
    told = advise(written(tmp_path, {**record, "calls": usages}))
    # 12,000 × 1,250 + 15 × 10,000, and nothing read by the provider's own counts.
    assert choice(told, "as recorded").cost == 15_000_000 + 150_000
    assert (told.recorded, told.cached_told, (told.simulator_error or 0) < -0.3) == (15_000_000, 0, True)
    # So each token less is its price less.
    trim = choice(told, "trim, history as it is")
    assert trim.spared_tokens > 500
    assert trim.saved == pytest.approx(1_250 * trim.spared_tokens, abs=2)
    assert any("no token was read from a cache" in note for note in told.notes)
    cached = [{**usage, "cached_tokens": 2_944 if n else 0} for n, usage in enumerate(usages)]
    told = advise(written(tmp_path, {**record, "calls": cached}))
    assert told.cached_simulated
    assert not any("no token was read from a cache" in note for note in told.notes)


def test_requests_without_counts_among_others(tmp_path: Path) -> None:
    usages = [{"n_messages_in": 2, "prompt_tokens": 500, "completion_tokens": 5}]
    told = advise(written(tmp_path, chat(["fine"], calls=usages)), prices=priced(tmp_path))
    assert (told.requests, told.told, told.recorded) == (2, 1, 500_000)
    assert told.error
    first, rest = 500 * 1_000 + 5 * 5_000, choice(told, "as recorded").input_tokens - 500
    assert choice(told, "as recorded").cost > first + 1_000 * rest
