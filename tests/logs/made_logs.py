"""Made-up session logs, in the shapes that Claude Code and Codex write."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
SESSION = "0c1c6a4e-0000-4000-8000-000000000001"
Obj = dict[str, Any]

PRICES = """
[[model]]
name = "claude-sonnet-4-5"
input = 3.0
cache_read = 0.3
cache_write = 3.75
cache_write_1h = 6.0
output = 15.0
"""


def stamp(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def micros(seconds: float) -> int:
    return round((START + timedelta(seconds=seconds)).timestamp() * 1_000_000)


def write(path: Path, lines: Iterable[Obj | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    said = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(line + "\n" for line in said), encoding="utf-8")
    return path


class Claude:
    """A session of Claude Code's: each line follows the last one, unless told otherwise."""

    def __init__(self, session: str = SESSION, **shared: Any) -> None:
        self.shared: Obj = {
            "isSidechain": False,
            "userType": "external",
            "cwd": "/home/ann/shop",
            "sessionId": session,
            "version": "2.1.12",
            "gitBranch": "main",
            **shared,
        }
        self.lines: list[Obj | str] = []
        self.last: str | None = None

    def add(self, kind: str, at: float, **fields: Any) -> str:
        uuid = fields.pop("uuid", f"{self.shared['sessionId'][:8]}-{len(self.lines)}")
        parent = fields.pop("parent", self.last)
        line = {"parentUuid": parent, **self.shared, "type": kind, "uuid": uuid, "timestamp": stamp(at), **fields}
        self.lines.append(line)
        self.last = uuid
        return uuid

    def user(self, content: Any, at: float, **fields: Any) -> str:
        return self.add("user", at, message={"role": "user", "content": content}, **fields)

    def result(self, call: str, content: str, at: float, **fields: Any) -> str:
        block = {"tool_use_id": call, "type": "tool_result", "content": content}
        return self.user([block], at, toolUseResult={"stdout": content}, **fields)

    def reply(self, name: str, blocks: list[Obj], at: float, **fields: Any) -> list[str]:
        """One line a block, a second apart, the usage of all but the last still partial."""
        usage = {**usage_of(), **fields.pop("usage", {})}
        model = fields.pop("model", "claude-sonnet-4-5")
        stop = fields.pop("stop", "end_turn")
        written: list[str] = []
        for index, block in enumerate(blocks):
            final = index == len(blocks) - 1
            told = usage if final else {**usage, "output_tokens": 1}
            message = {"model": model, "id": name, "type": "message", "role": "assistant", "content": [block]}
            message |= {"stop_reason": stop if final else None, "usage": told}
            request = {"requestId": f"req_{name[4:]}"}
            written.append(self.add("assistant", at + index, message=message, **request, **fields))
            fields.pop("parent", None)
        return written


def usage_of(**changes: Any) -> Obj:
    return {
        "input_tokens": 3,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40},
        "output_tokens": 20,
        "service_tier": "standard",
        **changes,
    }


def text(said: str) -> Obj:
    return {"type": "text", "text": said}


def thinking(said: str) -> Obj:
    return {"type": "thinking", "thinking": said, "signature": "c2ln"}


def tool_use(name: str, call: str, **given: Any) -> Obj:
    return {"type": "tool_use", "id": call, "name": name, "input": given}


class Codex:
    """A thread of Codex's."""

    def __init__(self, thread: str, at: float = 0, **meta: Any) -> None:
        self.lines: list[Obj | str] = []
        self.total = [0, 0, 0, 0, 0]
        self.thread = thread
        git = {"commit_hash": "c0ffee", "branch": "main"}
        meta = {"id": thread, "timestamp": stamp(at), "cwd": "/home/ann/shop", "originator": "codex_cli_rs", **meta}
        meta = {"cli_version": "0.120.0", "source": "cli", "model_provider": "openai", "git": git, **meta}
        self.add("session_meta", at, {"base_instructions": {"text": "You are a coding agent."}, **meta})

    def add(self, kind: str, at: float, payload: Obj) -> None:
        self.lines.append({"timestamp": stamp(at), "type": kind, "payload": payload})

    def turn(self, at: float, model: str = "gpt-5-codex", **more: Any) -> None:
        self.add("turn_context", at, {"cwd": "/home/ann/shop", "model": model, "effort": "medium", **more})

    def item(self, at: float, **payload: Any) -> None:
        self.add("response_item", at, payload)

    def user(self, said: str, at: float) -> None:
        self.item(at, type="message", role="user", content=[{"type": "input_text", "text": said}])
        self.add("event_msg", at, {"type": "user_message", "message": said})

    def says(self, said: str, at: float) -> None:
        self.item(at, type="message", role="assistant", content=[{"type": "output_text", "text": said}])

    def call(self, name: str, call: str, arguments: str, at: float) -> None:
        self.item(at, type="function_call", name=name, arguments=arguments, call_id=call)

    def output(self, call: str, said: str, at: float) -> None:
        self.item(at, type="function_call_output", call_id=call, output=said)

    def count(self, at: float, given: int, cached: int, output: int, reasoning: int = 0, **more: Any) -> None:
        """The usage of a response, as the totals with it and by itself."""
        last = [given, cached, 0, output, reasoning]
        self.total = [sum(pair) for pair in zip(self.total, last, strict=True)]
        info = {"total_token_usage": counts_of(self.total), "last_token_usage": counts_of(last), **more}
        self.add("event_msg", at, {"type": "token_count", "info": {**info, "model_context_window": 272000}})

    def again(self, at: float) -> None:
        """The same totals once more, as with every report of a limit."""
        info = {"total_token_usage": counts_of(self.total), "last_token_usage": counts_of([9, 0, 0, 9, 0])}
        self.add("event_msg", at, {"type": "token_count", "info": info, "rate_limits": {"primary": None}})


def counts_of(counts: list[int]) -> Obj:
    given, cached, written, output, reasoning = counts
    told = {"input_tokens": given, "cached_input_tokens": cached, "output_tokens": output}
    if written:
        told["cache_write_input_tokens"] = written
    return {**told, "reasoning_output_tokens": reasoning, "total_tokens": given + output}
