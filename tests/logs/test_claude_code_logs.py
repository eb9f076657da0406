"""Claude Code's session logs: each trap of the format, and the whole records that come of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_logs import PRICES, SESSION, Claude, micros, stamp, text, thinking, tool_use, usage_of, write

from tokeneff.ledger import CallRecord
from tokeneff.logs import Skipped, claude_code, records
from tokeneff.logs._counting import SessionCounter
from tokeneff.logs._reading import sessions
from tokeneff.logs._values import Logged
from tokeneff.tokens import Counter

ACCOUNTED = {
    name: CallRecord._field_defaults[name]
    for name in CallRecord._fields
    if name.startswith(("in_", "out_", "prefix_", "cost_", "price_"))
    or name in ("counted", "expected_error", "scale", "encoding", "stale_tokens", "toolset", "tools", "called")
    or name in ("request_hash", "system_hash")
}
"""Fields that the accounts fill, which have tests of their own."""


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return path


def read(folder: Path, prices: Path) -> list[CallRecord]:
    found = list(records(claude_code(folder), prices=prices))
    assert len({record.call_id for record in found}) == len(found)
    return [record._replace(call_id="", **ACCOUNTED) for record in found]


def logged(folder: Path) -> list[Logged]:
    return [call for session in sessions([claude_code(folder)], Skipped(), None) for call in session]


def record(name: str, at: float, seconds: float | None, **changes: object) -> CallRecord:
    """The record of a reply with the usage of all replies here."""
    plain = CallRecord(
        call_id="",
        time=micros(at),
        duration=None if seconds is None else round(seconds * 1e6),
        sdk="claude-code",
        provider="anthropic",
        request_model="claude-sonnet-4-5",
        model="claude-sonnet-4-5",
        service_tier="standard",
        session=SESSION,
        response_id=name,
        finish="end_turn",
        usage_source="provider",
        input_tokens=1103,
        output_tokens=20,
        cache_read=1000,
        cache_write=100,
        cache_write_1h=40,
        cost=3 * 3000 + 1000 * 300 + 60 * 3750 + 40 * 6000 + 20 * 15000,
        tags=(("branch", "main"), ("project", "shop")),
    )
    return plain._replace(**changes)  # type: ignore[arg-type]


ONE, TWO, THREE = (f"msg_01made{number:014}" for number in (1, 2, 3))


def test_a_reply_is_counted_once_however_many_lines_it_is_written_in(tmp_path: Path, prices: Path) -> None:
    chat = Claude()
    chat.user("what is in stock?", 0)
    chat.reply(ONE, [thinking("look"), text("I look."), tool_use("Bash", "t1", command="ls")], 4, stop="tool_use")
    chat.result("t1", "lamps", 7)
    chat.reply(TWO, [text("Lamps.")], 9)
    write(tmp_path / "p" / f"{SESSION}.jsonl", chat.lines)
    assert read(tmp_path / "p", prices) == [
        record(ONE, 0, 6, finish="tool_use"),
        record(TWO, 7, 2),
    ]
    first, second = logged(tmp_path / "p")
    asked = {"role": "user", "content": "what is in stock?"}
    said = [thinking("look"), text("I look."), tool_use("Bash", "t1", command="ls")]
    result = {"tool_use_id": "t1", "type": "tool_result", "content": "lamps"}
    assert first.body == {"model": "claude-sonnet-4-5", "messages": [asked]}
    assert second.body["messages"] == [
        asked,
        {"role": "assistant", "content": said},
        {"role": "user", "content": [result]},
    ]
    assert first.facts.written == ("I look.", "look", (("Bash", '{"command": "ls"}'),))


def test_the_largest_usage_counts_wherever_it_is(tmp_path: Path, prices: Path) -> None:
    chat = Claude()
    chat.user("hello", 0)
    chat.reply(ONE, [text("Hi.")], 1)
    chat.reply(ONE, [text("Hi.")], 2, usage={"output_tokens": 7})
    write(tmp_path / "p" / "s.jsonl", chat.lines)
    assert read(tmp_path / "p", prices) == [record(ONE, 0, 2)]


def test_a_resumed_session_copies_what_was_counted(tmp_path: Path, prices: Path) -> None:
    first = Claude()
    first.user("hello", 0)
    first.reply(ONE, [text("Hi.")], 1)
    resumed = "0c1c6a4e-0000-4000-8000-000000000002"
    second = Claude()
    second.lines = [{**line, "sessionId": resumed} for line in first.lines if isinstance(line, dict)]
    second.last, second.shared["sessionId"] = first.last, resumed
    second.lines[1].pop("requestId")  # type: ignore[union-attr]
    second.user("and now?", 100)
    second.reply(TWO, [text("Now this.")], 103)
    write(tmp_path / "p" / "a-resumed.jsonl", second.lines)  # before the original in the order of names
    write(tmp_path / "p" / "original.jsonl", first.lines)
    assert read(tmp_path / "p", prices) == [record(ONE, 0, 1), record(TWO, 100, 3, session=resumed)]
    assert [len(call.body["messages"]) for call in logged(tmp_path / "p")] == [1, 3]


def test_agents_of_old_and_new_logs(tmp_path: Path, prices: Path) -> None:
    chat = Claude()
    chat.user("find it", 0)
    *_, call = chat.reply(ONE, [tool_use("Task", "t1", prompt="search")], 2, stop="tool_use")
    side = Claude(isSidechain=True)
    side.user("search", 3, uuid="side-1")
    side.reply(TWO, [text("found")], 5, uuid="side-2")
    chat.lines += side.lines
    chat.result("t1", "found", 6, parent=call)
    write(tmp_path / "p" / f"{SESSION}.jsonl", chat.lines)
    agent = Claude(isSidechain=True, agentId="a1b2c3", cwd="C:\\work\\shop\\", gitBranch="")
    agent.user("search more", 10)
    agent.lines.append({**chat.lines[1], "isSidechain": True})  # type: ignore[dict-item]
    agent.reply(THREE, [text("none")], 11, model="claude-sonnet-4-5")
    write(tmp_path / "p" / SESSION / "subagents" / "agent-a1b2c3.jsonl", agent.lines)
    assert read(tmp_path / "p", prices) == [
        record(ONE, 0, 2, finish="tool_use"),
        record(TWO, 3, 2, tags=(("agent", "sidechain"), ("branch", "main"), ("project", "shop"))),
        record(THREE, 10, 1, tags=(("agent", "a1b2c3"), ("project", "shop"))),
    ]
    assert [call.thread for call in logged(tmp_path / "p")] == [SESSION, f"{SESSION}/side-1", f"{SESSION}/a1b2c3"]


def test_errors_are_failed_calls_and_the_programs_own_words_are_none(tmp_path: Path, prices: Path) -> None:
    chat = Claude()
    chat.user("hello", 0)
    chat.reply(ONE, [text("Hi.")], 1)
    chat.user("go on", 5)
    chat.add("system", 6, subtype="api_error", retryAttempt=1, error={"status": 529})
    chat.add("system", 7, subtype="api_error", retryAttempt=2, error={"status": 529})
    wrong = {"isApiErrorMessage": True, "apiErrorStatus": 529, "error": "overloaded"}
    synthetic = {"model": "<synthetic>", "usage": usage_of(), "role": "assistant"}
    chat.add("assistant", 8, message={**synthetic, "id": "b7", "content": [text("API Error: 529")]}, **wrong)
    chat.user("again", 20)
    chat.add("assistant", 21, message={**synthetic, "id": "b8", "content": [text("No response requested.")]})
    chat.reply(TWO, [text("Done.")], 24)
    write(tmp_path / "p" / "s.jsonl", chat.lines)
    unknown = dict.fromkeys(("cache_read", "cache_write", "cache_write_1h"))
    # An HTTP error is not billed.
    unknown |= {"input_tokens": 0, "output_tokens": 0, "cost": 0}
    failed = {"ending": "failed", "error": "overloaded", "status": 529, "retries": 2, "usage_source": "provider"}
    none = {"service_tier": "", "finish": "", "response_id": ""}
    assert read(tmp_path / "p", prices) == [
        record(ONE, 0, 1),
        record("", 5, 3, **failed, **unknown, **none),
        record(TWO, 20, 4),
    ]
    said = [message["content"] for message in logged(tmp_path / "p")[2].body["messages"]]
    assert said == ["hello", [text("Hi.")], [text("go on"), text("again")]]


def test_tools_called_side_by_side_are_all_answered(tmp_path: Path) -> None:
    chat = Claude()
    chat.user("both", 0)
    one, two = chat.reply(ONE, [tool_use("Read", "t1", p="a"), tool_use("Read", "t2", p="b")], 1, stop="tool_use")
    chat.result("t2", "bee", 3, parent=two)
    chat.result("t1", "ay", 4, parent=one)  # a leaf: no later line goes on from it
    chat.reply(TWO, [text("Read.")], 6, parent="0c1c6a4e-3")
    chat.user("thanks", 8)
    chat.reply(THREE, [text("Welcome.")], 9)
    write(tmp_path / "s.jsonl", chat.lines)
    _, second, third = logged(tmp_path)
    answers = [block["tool_use_id"] for block in second.body["messages"][2]["content"]]
    assert answers == ["t2", "t1"]
    assert third.body["messages"][:3] == second.body["messages"]
    assert [message["role"] for message in third.body["messages"]] == ["user", "assistant"] * 2 + ["user"]


def test_an_edited_prompt_is_a_branch(tmp_path: Path) -> None:
    chat = Claude()
    start = chat.user("plan", 0)
    *_, plan = chat.reply(ONE, [text("Plan.")], 1)
    chat.user("do A", 5)
    chat.reply(TWO, [text("A.")], 6)
    chat.user("do B", 20, parent=plan)
    chat.reply(THREE, [text("B.")], 21)
    write(tmp_path / "s.jsonl", chat.lines)
    assert start
    assert [[message["content"] for message in call.body["messages"]] for call in logged(tmp_path)] == [
        ["plan"],
        ["plan", [text("Plan.")], "do A"],
        ["plan", [text("Plan.")], "do B"],
    ]


def test_compaction_begins_a_history_anew(tmp_path: Path, prices: Path) -> None:
    chat = Claude()
    chat.user("long work", 0)
    chat.reply(THREE, [text("Much to do.")], 1)
    chat.user("do it", 2)
    *_, last = chat.reply(ONE, [text("Much was done. " * 50)], 3)
    boundary = {"subtype": "compact_boundary", "logicalParentUuid": last, "compactMetadata": {"preTokens": 9}}
    chat.add("system", 60, parent=None, **boundary)
    chat.user("This session is being continued: much was done.", 61, isCompactSummary=True)
    chat.reply(TWO, [text("On.")], 63)
    write(tmp_path / "p" / "s.jsonl", [{"type": "summary", "summary": "Work", "leafUuid": last}, *chat.lines])
    assert logged(tmp_path / "p")[2].body["messages"] == [
        {"role": "user", "content": "This session is being continued: much was done."}
    ]
    reading = records(claude_code(tmp_path / "p"), prices=prices)
    assert [call.prefix_cause for call in reading][2] in ("edited", "shortened")
    assert reading.skipped.total == 0


def test_old_logs_say_what_a_call_cost(tmp_path: Path, prices: Path) -> None:
    chat = Claude()
    chat.user("hello", 0)
    chat.reply(ONE, [text("Hi.")], 1, model="claude-of-the-past", costUSD=0.0123)
    chat.user("hello", 5)
    chat.reply(TWO, [text("Hi.")], 6, costUSD=0.5)  # a price list knows better
    write(tmp_path / "p" / "s.jsonl", chat.lines)
    told, known = records(claude_code(tmp_path / "p"), prices=prices)
    assert (told.cost, told.price_source, told.price_confidence) == (12_300_000, "provider", "assumed")
    assert (known.cost, known.price_source) == (record(TWO, 0, 0).cost, "prices.toml")


def test_what_usage_says_beside_the_counts(tmp_path: Path) -> None:
    chat = Claude()
    chat.user("hello", 0)
    chat.reply("msg_bdrk_01made0000000001", [text("Hi.")], 1, usage={"speed": "fast"})
    chat.user("hello", 5)
    chat.reply("msg_vrtx_01made0000000001", [text("Hi.")], 6, usage={"service_tier": "batch"})
    write(tmp_path / "s.jsonl", chat.lines)
    assert [(call.provider, call.facts.service_tier, call.batch) for call in logged(tmp_path)] == [
        ("aws.bedrock", "fast", False),
        ("gcp.vertex_ai", "batch", True),
    ]


def test_lines_without_names_follow_one_another(tmp_path: Path) -> None:
    def said(role: str, content: object, **more: object) -> dict[str, object]:
        return {"type": role, "message": {"role": role, "content": content, **more}, "session_id": "s"}

    write(
        tmp_path / "stream.jsonl",
        [
            {"type": "system", "subtype": "init", "session_id": "s"},
            said("user", "hello"),
            {**said("assistant", [text("Hi.")], id=ONE, model="m", usage=usage_of()), "timestamp": stamp(5)},
            said("user", "more"),
            said("assistant", [text("Ho.")], model="m", usage={"input_tokens": 5, "output_tokens": 2}),
        ],
    )
    first, second = logged(tmp_path)
    assert [len(call.body["messages"]) for call in (first, second)] == [1, 3]
    assert (first.time, second.time) == (micros(5), micros(5))
    assert second.tokens is not None
    assert second.tokens[:2] == (5, 2)


def test_what_cannot_be_used_is_told(tmp_path: Path, prices: Path) -> None:
    chat = Claude()
    chat.user("hello", 0)
    chat.reply(ONE, [text("Hi.")], 1)
    path = write(tmp_path / "p" / "s.jsonl", [*chat.lines, {"type": "new-thing"}, [1], {"type": "user"}, "{", {"a": 1}])
    with path.open("ab") as file:
        file.write(b'{"type": "user", "uuid": "\xff"}\n{"type": "assist')
    reading = records(claude_code(tmp_path / "p"), prices=prices)
    assert len(list(reading)) == 1
    assert reading.skipped.counts == {
        "unknown line type 'new-thing'": 1,
        "not an object": 1,
        "a line of type 'user' without a message": 1,
        "not JSON: Expecting property name enclosed in double quotes": 1,
        "a line without a type": 1,
        "not UTF-8": 1,
        "not JSON: Unterminated string starting at": 1,
    }
    assert reading.skipped.examples["unknown line type 'new-thing'"] == (f"{path}:3",)


def test_messages_known_by_identity_are_counted_as_any_others(tmp_path: Path) -> None:
    chat = Claude()
    for turn in range(4):
        chat.user(f"question {turn}", 10 * turn)
        name = f"msg_01made{turn:014}"
        one, two = chat.reply(name, [text("So."), tool_use("Read", f"t{turn}", path="a")], 10 * turn + 1)
        assert one
        chat.result(f"t{turn}", "lamps", 10 * turn + 3, parent=two)
    write(tmp_path / "s.jsonl", chat.lines)
    session = SessionCounter()
    for call in logged(tmp_path):
        for body in (call.body, {**call.body, "messages": [dict(message) for message in call.body["messages"]]}):
            assert session.prompt("messages", body, call.model) == Counter().prompt("messages", body, call.model)
    session.begin()
    assert session.prompt("messages", call.body, "gpt-4o") == Counter().prompt("messages", call.body, "gpt-4o")
