"""A provider in memory that clears and sums up as the real ones do, for tests of what it is asked."""

from __future__ import annotations

import asyncio
import inspect
import json
import uuid
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import tokeneff
from tokeneff._settings import settings_of
from tokeneff.promptcache import State, pieces_of, rule_of, serve
from tokeneff.tokens import Counter

CLAUDE, GPT = "claude-sonnet-4-6", "gpt-5.4"
CLEARED = "[Old tool result cleared by the server]"
COUNTER = Counter()
WORDS = "The quick brown fox jumps over the lazy dog near the river bank while it rains. "


async def done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def results(turn: int, size: int = 40) -> str:
    return f"Page {turn}. " + WORDS * size


def messages(turns: int, size: int = 150) -> dict[str, Any]:
    """A conversation in Anthropic's form in which a tool was called so many times."""
    found: list[Any] = [{"role": "user", "content": "What is there?"}]
    for turn in range(turns):
        call = {"type": "tool_use", "id": f"c{turn}", "name": "list", "input": {"page": turn}}
        result = {"type": "tool_result", "tool_use_id": f"c{turn}", "content": results(turn, size)}
        found += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return {
        "model": CLAUDE,
        "max_tokens": 100,
        "system": [{"type": "text", "text": "You keep a shop. " * 400, "cache_control": {"type": "ephemeral"}}],
        "messages": found,
        "cache_control": {"type": "ephemeral"},
    }


def items(turns: int, size: int = 150) -> dict[str, Any]:
    """The same as a responses request."""
    found: list[Any] = [{"role": "user", "content": "What is there?"}]
    for turn in range(turns):
        call = {"type": "function_call", "call_id": f"c{turn}", "name": "list", "arguments": f'{{"page": {turn}}}'}
        found += [call, {"type": "function_call_output", "call_id": f"c{turn}", "output": results(turn, size)}]
    return {"model": GPT, "instructions": "You keep a shop. " * 400, "input": found}


def cleared_of(body: dict[str, Any]) -> list[Any]:
    """The messages as Anthropic's server makes them: worked out from this request alone."""
    edits = (body.get("context_management") or {}).get("edits", [])
    edit = next((one for one in edits if one["type"].startswith("clear_tool_uses")), None)
    made = json.loads(json.dumps(body["messages"]))
    if edit is None:
        return made
    blocks = [block for one in made if isinstance(one["content"], list) for block in one["content"]]
    found = [block for block in blocks if block["type"] == "tool_result"]
    keep = edit.get("keep", {"value": 3})["value"]
    for block in found[: len(found) - keep] if keep else found:
        block["content"] = CLEARED
    return made


class Host:
    """Answers all requests; ``refuses`` says why it takes one not."""

    def __init__(self, refuses: Callable[[dict[str, Any]], str | None] = lambda body: None) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.outcomes: list[Any] = []
        self.loops: list[Any] = []
        """On which it was asked."""
        self.refuses = refuses
        self.state = State()
        self.clock = 0.0
        self.says = "Fine."
        self.compacts = False
        """Whether replies hold a summary."""

    def client(self, kind: str = "Anthropic", wrapped: bool = True, **more: Any) -> Any:
        """A client of this host; ``more`` goes to ``Trim``."""
        root = "anthropic" if kind.endswith("Anthropic") else "openai"
        make = getattr(import_module(root), kind)
        self.module = _http(make)
        transport = self.module.MockTransport(self._aanswer if kind.startswith("Async") else self._answer)
        http = (self.module.AsyncClient if kind.startswith("Async") else self.module.Client)(transport=transport)
        client = make(api_key="key", http_client=http, max_retries=0)
        if not wrapped:
            return client
        trim = tokeneff.Trim(**{"store": f"memory://{uuid.uuid4().hex}", "via": "provider", **more})
        client = tokeneff.wrap(client, trim=trim)
        settings = settings_of(client)
        settings.policies = (self._kept, *settings.policies)
        return client

    def _kept(self, call: Any) -> Any:
        from tokeneff._flow import forward

        outcome = yield from forward(call)
        self.outcomes.append(outcome)
        return outcome

    async def _aanswer(self, request: Any) -> Any:
        self.loops.append(asyncio.get_running_loop())
        await request.aread()
        return self._answer(request)

    def _answer(self, request: Any) -> Any:
        body = json.loads(request.content)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        why = self.refuses(body)
        if why is not None:
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": why}}
            return self.module.Response(400, json=error)
        if request.url.path.endswith("/messages"):
            return self._said(body, self._message(body), _message_events)
        if request.url.path.endswith("/responses"):
            return self._said(body, self._response(body), _response_events)
        usage = {"prompt_tokens": 4_000, "completion_tokens": 50, "total_tokens": 4_050}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": self.says}}
        whole = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]}
        return self.module.Response(200, json={**whole, "usage": usage})

    def _said(self, body: dict[str, Any], whole: dict[str, Any], events_of: Any) -> Any:
        if not body.get("stream"):
            return self.module.Response(200, json=whole)
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events_of(whole)]
        content = "".join(lines).encode()
        return self.module.Response(200, headers={"content-type": "text/event-stream"}, content=content)

    def _message(self, body: dict[str, Any]) -> dict[str, Any]:
        made = cleared_of(body)
        gone = json.dumps(made).count(CLEARED)
        usage = self._usage({**body, "messages": made})
        content: list[Any] = [{"type": "text", "text": self.says}]
        more: dict[str, Any] = {}
        if gone:
            edit = {"type": "clear_tool_uses_20250919", "cleared_tool_uses": gone, "cleared_input_tokens": 2_000 * gone}
            more["context_management"] = {"applied_edits": [edit]}
        if self.compacts and "compact" in json.dumps(body.get("context_management")):
            content.insert(0, {"type": "compaction", "content": "All that was."})
            usage["iterations"] = [
                {"type": "compaction", "input_tokens": 1_000, "output_tokens": 300, "cache_read_input_tokens": 0},
                {"type": "message", "input_tokens": usage["input_tokens"], "output_tokens": 5},
            ]
        whole = {"id": "m", "type": "message", "role": "assistant", "model": body["model"], "content": content}
        return {**whole, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage, **more}

    def _usage(self, body: dict[str, Any]) -> dict[str, Any]:
        """As the simulator has it of what is left."""
        prompt, rule = COUNTER.prompt("messages", body, body["model"]), rule_of(body["model"], "anthropic")
        split, self.state = serve(rule, self.state, pieces_of(prompt, "messages", body, prompt.tokens), self.clock)
        written = split.written + split.written_1h
        return {
            "input_tokens": split.uncached,
            "output_tokens": 5,
            "cache_read_input_tokens": split.read,
            "cache_creation_input_tokens": written,
        }

    def _response(self, body: dict[str, Any]) -> dict[str, Any]:
        text = {"type": "output_text", "text": "Fine.", "annotations": []}
        output: list[Any] = [
            {"id": "o", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
        ]
        if self.compacts and body.get("context_management"):
            output.insert(0, {"id": "k", "type": "compaction", "encrypted_content": "sealed"})
        used = {"input_tokens": len(json.dumps(body)) // 5, "output_tokens": 5, "total_tokens": 5}
        used |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        whole = {"id": "r", "object": "response", "created_at": 1, "model": body["model"], "status": "completed"}
        return {**whole, "output": output, "usage": used, "tools": [], "tool_choice": "auto", "metadata": {}} | {
            "parallel_tool_calls": True
        }


def _message_events(whole: dict[str, Any]) -> list[dict[str, Any]]:
    start = {**whole, "content": [], "stop_reason": None}
    start.pop("context_management", None)
    found: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
    for place, block in enumerate(whole["content"]):
        text = block["type"] == "text"
        empty = {"type": "text", "text": ""} if text else {"type": "compaction", "content": None}
        delta = (
            {"type": "text_delta", "text": block["text"]}
            if text
            else {"type": "compaction_delta", "content": block["content"]}
        )
        found += [
            {"type": "content_block_start", "index": place, "content_block": empty},
            {"type": "content_block_delta", "index": place, "delta": delta},
            {"type": "content_block_stop", "index": place},
        ]
    end = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": whole["usage"],
    }
    if "context_management" in whole:
        end["context_management"] = whole["context_management"]
    return [*found, end, {"type": "message_stop"}]


def _response_events(whole: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "type": "response.created",
            "sequence_number": 0,
            "response": {**whole, "output": [], "status": "in_progress"},
        },
        {"type": "response.completed", "sequence_number": 1, "response": whole},
    ]


@lru_cache
def _http(kind: Any) -> Any:
    """httpx or httpx2, whichever this line of the SDK has."""
    names = {base.__module__.partition(".")[0] for base in type(kind(api_key="key")._client).__mro__}
    return import_module("httpx2" if "httpx2" in names else "httpx")
