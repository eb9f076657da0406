"""Codex's session logs: each trap of the format, and the whole records that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_logs import Codex, Obj, counts_of, micros, stamp, write

from tokeneff._flow import Written
from tokeneff.ledger import CallRecord
from tokeneff.logs import Skipped, codex, records
from tokeneff.logs._reading import sessions
from tokeneff.logs._values import Logged

# Names of version 7: they begin with the time, here that of the made-up logs.
THREAD = "019cadc6-9a80-7000-8000-00000000000a"  # at 0 s
FORK = "019cadc7-84e0-7000-8000-00000000000b"  # at 60 s
OLD_TURN = "019cadc6-9e68-7000-8000-000000000001"  # at 1 s
NEW_TURN = "019cadc7-84e1-7000-8000-000000000002"


def logged(folder: Path) -> list[Logged]:
    return [call for session in sessions([codex(folder)], Skipped(), None) for call in session]


def tokens(folder: Path) -> list[tuple[int | None, int | None, int | None, int | None]]:
    found = [call.tokens for call in logged(folder)]
    return [(t.input_tokens, t.cache_read, t.output_tokens, t.reasoning) for t in found if t is not None]


def path(folder: Path, thread: str = THREAD) -> Path:
    return folder / "2026" / "03" / "02" / f"rollout-2026-03-02T09-00-00-{thread}.jsonl"


def shop(thread: str = THREAD, **meta: Any) -> Codex:
    """Two responses: a tool is called, and its output spoken of."""
    chat = Codex(thread, **meta)
    chat.turn(1, turn_id=OLD_TURN)
    chat.user("what is in stock?", 1)
    chat.item(3, type="reasoning", summary=[{"type": "summary_text", "text": "look"}], encrypted_content="gAAA")
    chat.call("shell", "c1", '{"command":["ls"]}', 4)
    chat.count(5, 1000, 0, 50, 30)
    chat.output("c1", "lamps", 6)
    chat.says("Lamps.", 9)
    chat.count(10, 1100, 1000, 20)
    return chat


def test_whole_records(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[[model]]\nname = "gpt-5-codex"\ninput = 1.25\ncache_read = 0.125\noutput = 10.0\n')
    write(path(tmp_path / "s"), shop().lines)
    first = CallRecord(
        call_id="",
        time=micros(1),
        duration=4_000_000,
        sdk="codex",
        provider="openai",
        request_model="gpt-5-codex",
        model="gpt-5-codex",
        session=THREAD,
        usage_source="provider",
        input_tokens=1000,
        output_tokens=50,
        cache_read=0,
        reasoning=30,
        cost=1000 * 1250 + 50 * 10000,
        called=("shell",),
        prefix_cause="first",
        tags=(("branch", "main"), ("project", "shop")),
    )
    second = first._replace(
        time=micros(6),
        input_tokens=1100,
        output_tokens=20,
        cache_read=1000,
        reasoning=0,
        cost=100 * 1250 + 1000 * 125 + 20 * 10000,
        called=(),
        prefix_cause="none",
    )
    found = list(records(codex(tmp_path / "s"), prices=prices))
    given = ("in_system", "in_tools", "in_user_history", "in_assistant_history", "in_tool_results", "in_attached")
    assert [sum(getattr(one, name) or 0 for name in (*given, "in_user")) for one in found] == [1000, 1100]
    own = [name for name in CallRecord._fields if getattr(first, name) != CallRecord._field_defaults.get(name, "")]
    assert [{name: getattr(one, name) for name in own if name != "call_id"} for one in found] == [
        {name: getattr(one, name) for name in own} for one in (first, second)
    ]


def test_requests_are_what_was_said_before(tmp_path: Path) -> None:
    chat = shop()
    write(path(tmp_path), chat.lines)
    items: list[Obj] = [line["payload"] for line in chat.lines if line["type"] == "response_item"]  # type: ignore[index]
    user, reasoning, call, output, _ = items
    head = {"model": "gpt-5-codex", "instructions": "You are a coding agent."}
    first, second = logged(tmp_path)
    assert first.body == {**head, "input": [user]}
    assert second.body == {**head, "input": [user, reasoning, call, output]}
    assert first.facts.written == Written("", "look", (("shell", '{"command":["ls"]}'),))
    assert second.facts.written == Written("Lamps.")


def test_an_output_written_before_the_usage_belongs_to_the_next_request(tmp_path: Path) -> None:
    chat = Codex(THREAD)
    chat.turn(1)
    chat.user("both", 1)
    chat.call("shell", "c1", "{}", 2)
    chat.output("c1", "one", 3)
    chat.call("shell", "c2", "{}", 3)
    chat.count(4, 100, 0, 9)
    chat.output("c2", "two", 5)
    chat.says("Done.", 6)
    chat.count(7, 200, 0, 9)
    write(path(tmp_path), chat.lines)
    first, second = logged(tmp_path)
    kinds = [item.get("call_id") or item["type"] for item in second.body["input"]]
    assert kinds == ["message", "c1", "c2", "c1", "c2"]
    assert first.facts.written is not None
    assert len(first.facts.written.tool_calls) == 2


def test_totals_that_do_not_grow_are_no_responses(tmp_path: Path) -> None:
    chat = shop()
    chat.again(11)
    chat.add("event_msg", 12, {"type": "token_count", "info": None, "rate_limits": {}})
    write(path(tmp_path), chat.lines)
    assert tokens(tmp_path) == [(1000, 0, 50, 30), (1100, 1000, 20, 0)]


def test_without_the_last_usage_what_the_totals_grew_by_counts(tmp_path: Path) -> None:
    chat = Codex(THREAD)
    for total in ([100, 10, 0, 5, 1], [300, 110, 0, 8, 1], [40, 0, 0, 4, 0]):  # and begin anew
        chat.add("event_msg", 1, {"type": "token_count", "info": {"total_token_usage": counts_of(total)}})
    write(path(tmp_path), chat.lines)
    assert tokens(tmp_path) == [(100, 10, 5, 1), (200, 100, 3, 0), (40, 0, 4, 0)]


@pytest.mark.parametrize("record_first", [True, False])
def test_a_record_and_a_count_of_one_response_are_one(tmp_path: Path, record_first: bool) -> None:
    chat = Codex(THREAD)
    chat.turn(1)
    chat.count(5, 1000, 0, 50)
    usage = counts_of([1000, 0, 0, 50, 0])
    record = {"thread_id": THREAD, "response_id": "resp_1", "usage": usage, "thread_token_usage": usage}
    line: Obj = {"timestamp": stamp(5), "type": "token_usage_record", "payload": record}
    chat.lines.insert(len(chat.lines) - record_first, line)
    compaction = counts_of([900, 100, 7, 60, 0])
    record = {"response_id": "resp_2", "usage": compaction, "thread_token_usage": counts_of([1900, 100, 7, 110, 0])}
    chat.add("token_usage_record", 20, record)  # and no count follows
    chat.add("compacted", 21, {"message": "summed up", "compaction_response_id": "resp_2"})
    write(path(tmp_path), chat.lines)
    assert tokens(tmp_path) == [(1000, 0, 50, 0), (900, 100, 60, 0)]
    assert [call.facts.id for call in logged(tmp_path)] == ["resp_1" if record_first else None, "resp_2"]


def fork_of(parent: Codex, **meta: Any) -> Codex:
    """A fork: its own head, the parent's lines stamped anew, and one response of its own."""
    fork = Codex(FORK, 60, forked_from_id=THREAD, **meta)
    fork.lines += [{**line, "timestamp": stamp(60.01)} for line in parent.lines if isinstance(line, dict)]
    fork.total = list(parent.total)
    fork.turn(61, turn_id=NEW_TURN)
    fork.user("and chairs?", 61)
    fork.says("None.", 63)
    fork.count(64, 1300, 1100, 7)
    return fork


def test_a_fork_counts_what_it_added(tmp_path: Path) -> None:
    parent = shop()
    write(path(tmp_path, FORK), fork_of(parent).lines)
    parent.user("go on", 100)
    parent.says("On.", 101)
    parent.count(102, 1400, 1100, 9)
    write(path(tmp_path), parent.lines)
    calls = logged(tmp_path)
    assert [(call.session, call.tokens and call.tokens.input_tokens) for call in calls] == [
        (THREAD, 1000),
        (THREAD, 1100),
        (THREAD, 1400),
        (FORK, 1300),
    ]
    assert len(calls[3].body["input"]) == 6


@pytest.mark.parametrize("named", [True, False])
def test_a_fork_of_what_is_not_here(tmp_path: Path, named: bool) -> None:
    fork = fork_of(shop())
    if not named:
        for line in fork.lines:
            line["payload"].pop("turn_id", None)  # type: ignore[index]
    write(path(tmp_path, FORK), fork.lines)
    skipped = Skipped()
    calls = [call for session in sessions([codex(tmp_path)], skipped, None) for call in session]
    assert [call.tokens and call.tokens.input_tokens for call in calls] == [1300]
    assert skipped.counts == {"usage copied from a session whose log is not here": 2}


def test_subagents(tmp_path: Path) -> None:
    spawn = {
        "thread_spawn": {"parent_thread_id": THREAD, "depth": 1, "agent_nickname": "Ada", "agent_role": "explorer"}
    }
    agent = Codex(FORK, 60, source={"subagent": spawn}, session_id=THREAD)
    agent.turn(61, model="gpt-5-mini", turn_id=NEW_TURN)
    agent.user("explore", 61)
    agent.says("Found.", 62)
    agent.count(63, 500, 0, 5)
    write(path(tmp_path), shop().lines)
    write(path(tmp_path, FORK), agent.lines)
    call = logged(tmp_path)[2]
    assert (call.session, call.thread, call.model) == (THREAD, FORK, "gpt-5-mini")
    assert call.tags == (("agent", "Ada"), ("branch", "main"), ("project", "shop"))


def test_settings_change_within_a_session(tmp_path: Path) -> None:
    chat = shop()
    chat.turn(20, model="gpt-5", cwd="/home/ann/garden/")
    settings = {"type": "thread_settings_applied", "thread_settings": {"service_tier": "fast"}}
    chat.add("event_msg", 20, settings)
    chat.add("event_msg", 21, {"type": "stream_error", "message": "lost"})
    chat.user("water?", 20)
    chat.says("Yes.", 24)
    chat.count(25, 100, 0, 5)
    write(path(tmp_path), chat.lines)
    call = logged(tmp_path)[2]
    assert (call.model, call.facts.service_tier, call.retries) == ("gpt-5", "priority", 1)
    assert call.tags[1] == ("project", "garden")


@pytest.mark.parametrize("replaced", [True, False])
def test_compaction(tmp_path: Path, replaced: bool) -> None:
    chat = shop()
    summary: Obj = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "summed up"}]}
    chat.add("compacted", 20, {"message": "summed up", **({"replacement_history": [summary]} if replaced else {})})
    chat.user("on", 21)
    chat.says("Yes.", 24)
    chat.count(25, 100, 0, 5)
    write(path(tmp_path), chat.lines)
    said = [item["content"][0]["text"] for item in logged(tmp_path)[2].body["input"]]
    assert said == (["summed up", "on"] if replaced else ["what is in stock?", "summed up", "on"])


def test_turns_taken_back(tmp_path: Path) -> None:
    chat = shop()
    chat.add("event_msg", 20, {"type": "thread_rolled_back", "num_turns": 1})
    chat.user("anew", 21)
    chat.says("Yes.", 24)
    chat.count(25, 100, 0, 5)
    write(path(tmp_path), chat.lines)
    assert [item["content"][0]["text"] for item in logged(tmp_path)[2].body["input"]] == ["anew"]


def test_an_archived_copy_and_a_session_in_two_files_count_once(tmp_path: Path) -> None:
    chat = shop()
    write(path(tmp_path / "sessions"), chat.lines)
    write(path(tmp_path / "archived_sessions"), chat.lines[:6])
    write(path(tmp_path / "sessions" / "more"), chat.lines[6:])
    assert tokens(tmp_path) == [(1000, 0, 50, 30), (1100, 1000, 20, 0)]


def test_logs_of_old_versions_hold_no_usage(tmp_path: Path) -> None:
    lines: list[Obj] = [
        {"id": THREAD, "timestamp": stamp(0), "instructions": "be brief"},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hey"}]},
        {"type": "a-new-thing", "payload": {}},
        {"type": "event_msg"},
    ]
    file = write(path(tmp_path), lines)
    reading = records(codex(tmp_path))
    assert list(reading) == []
    assert reading.skipped.examples == {
        "unknown line type 'a-new-thing'": (f"{file}:5",),
        "a line of type 'event_msg' without a payload": (f"{file}:6",),
        "a session whose replies have no usage": (str(file),),
    }
