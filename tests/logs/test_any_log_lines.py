"""Whatever is in the files, they are read; and how calls are spread over files changes nothing of what they sum to."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_logs import Claude, Codex, Obj, counts_of, text, tool_use, write

from tokeneff.logs import Skipped, Source, claude_code, codex, records
from tokeneff.logs._reading import sessions
from tokeneff.prices import Prices

KEYS = (
    "type uuid parentUuid sessionId timestamp message isSidechain isApiErrorMessage content role id requestId model "
    "usage input_tokens output_tokens cache_creation payload info total_token_usage last_token_usage turn_id cwd "
    "source thread_spawn subagent git forked_from_id tool_use_id text response_id replacement_history num_turns calls"
)
WORDS = (
    "user assistant system tool_use tool_result text thinking session_meta turn_context response_item event_msg "
    "compacted token_count token_usage_record message function_call thread_rolled_back 2026-03-02T09:00:00Z a b "
    "msg_0123456789abcdef"
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS.split()) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=7),
    max_leaves=25,
)


@cache
def known_prices() -> Prices:
    return Prices()


def small_chat() -> list[Any]:
    chat = Claude()
    chat.user("hello", 0)
    chat.reply("msg_01made0000000001", [text("Hi."), tool_use("Bash", "t1", command="ls")], 1)
    chat.result("t1", "lamps", 3)
    chat.reply("msg_01made0000000002", [text("Lamps.")], 4)
    return chat.lines


def small_thread() -> list[Any]:
    chat = Codex("019cadc6-9a80-7000-8000-00000000000a")
    chat.turn(1)
    chat.user("hello", 1)
    chat.says("Hi.", 2)
    chat.count(3, 10, 0, 2)
    return chat.lines


def put(value: Any, replacement: Any, path: list[int]) -> Any:
    """The value with something within it replaced, at the place that ``path`` leads to."""
    if not path or not isinstance(value, dict | list) or not value:
        return replacement
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key = keys[path[0] % len(keys)]
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = put(value[key], replacement, path[1:])
    return copy


@settings(max_examples=20, deadline=None)
@given(st.data())
@pytest.mark.parametrize(("kind", "lines"), [("claude-code", small_chat()), ("codex", small_thread()), (None, [])])
def test_no_line_is_too_strange(kind: Any, lines: list[Any], data: st.DataObject) -> None:
    wrecked = [
        put(data.draw(st.sampled_from(lines)), data.draw(values), data.draw(st.lists(st.integers(0, 9), max_size=5)))
        for _ in range(data.draw(st.integers(0, 4)) if lines else 0)
    ]
    said = [json.dumps(line).encode() for line in [*lines, *wrecked, *data.draw(st.lists(values, max_size=4))]]
    said += data.draw(st.lists(st.binary(max_size=20), max_size=2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.jsonl")
        path.write_bytes(b"\n".join(data.draw(st.permutations(said))))
        reading = records(Source(kind, (path,)), prices=known_prices())
        found = list(reading)
    assert len({record.call_id for record in found}) == len(found)
    for record in found:
        parts = [getattr(record, name) for name in record._fields if name.startswith("in_")]
        assert None in parts or sum(parts) == record.input_tokens
        assert all(type(count) in (int, type(None)) for count in (record.time, record.cost, record.input_tokens))


def chats() -> list[tuple[str, list[Any]]]:
    random_ = random.Random(7)
    found: list[tuple[str, list[Any]]] = []
    number = 0
    for session in range(3):
        chat = Claude(f"0c1c6a4e-0000-4000-8000-00000000000{session}")
        for turn in range(4):
            number += 1
            chat.user(f"question {turn}", 1000 * session + 10 * turn)
            blocks = [text(f"answer {block}") for block in range(random_.randint(1, 3))]
            usage = {"input_tokens": random_.randint(1, 99), "output_tokens": random_.randint(5, 500)}
            chat.reply(f"msg_01made{number:014}", blocks, 1000 * session + 10 * turn + 2, usage=usage)
        found.append((f"{chat.shared['sessionId']}", chat.lines))
    return found


def threads() -> list[tuple[str, list[Any]]]:
    random_ = random.Random(8)
    found: list[tuple[str, list[Any]]] = []
    for session in range(3):
        name = f"019cadc6-9a80-7000-8000-00000000000{session}"
        chat = Codex(name, 1000 * session)
        chat.turn(1000 * session)
        for turn in range(4):
            at = 1000 * session + 10 * turn
            chat.user(f"question {turn}", at)
            chat.says("answer", at + 1)
            chat.count(at + 2, random_.randint(1, 999), 1, random_.randint(1, 99))
            chat.again(at + 3)
        usage = counts_of([5, 0, 0, session, 0])
        chat.add("token_usage_record", 1000 * session + 90, {"response_id": f"resp_{session}", "usage": usage})
        found.append((f"rollout-{name}", chat.lines))
    return found


def totals(source: Source) -> Counter[str]:
    found: Counter[str] = Counter()
    for session in sessions([source], Skipped(), None):
        for call in session:
            assert call.tokens is not None
            found["calls"] += 1
            for name in ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning", "cache_write_1h"):
                found[name] += getattr(call.tokens, name) or 0
    return found


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
@pytest.mark.parametrize(("made", "source"), [(chats, claude_code), (threads, codex)])
def test_files_copied_split_and_shuffled_sum_to_the_same(
    made: Callable[[], list[tuple[str, list[Any]]]], source: Callable[[Path], Source], seed: int
) -> None:
    random_ = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        plain, spread = Path(folder, "plain"), Path(folder, "spread")
        for name, lines in made():
            write(plain / f"{name}.jsonl", lines)
            cuts = sorted(random_.sample(range(1, len(lines)), random_.randint(0, 2)))
            parts = [lines[start:end] for start, end in zip([0, *cuts], [*cuts, len(lines)], strict=True)]
            for number, part in enumerate(parts):
                for copy in range(random_.randint(1, 2)):
                    write(spread / str(random_.randint(0, 10**9)) / f"{name}.{number}.{copy}.jsonl", part)
            if random_.random() < 0.5:  # a copy that was made before the session ended
                write(spread / "old" / f"{name}.jsonl", lines[: random_.randint(1, len(lines))])
        assert totals(source(spread)) == totals(source(plain))
        assert totals(source(plain))["calls"] in (12, 15)


def test_a_line_of_a_reply_that_is_in_another_file_still_tells_its_usage(tmp_path: Path) -> None:
    lines: list[Obj] = chats()[0][1]
    for number, line in enumerate(lines):
        write(tmp_path / "apart" / f"{number}.jsonl", [line])
    write(tmp_path / "whole" / "s.jsonl", lines)
    assert totals(claude_code(tmp_path / "apart")) == totals(claude_code(tmp_path / "whole"))
