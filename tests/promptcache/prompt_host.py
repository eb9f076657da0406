"""A host in memory that records what reaches it, and caches prompts as the simulator says its provider does."""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

import anthropic
import openai

import tokeneff
from tokeneff._settings import settings_of
from tokeneff.promptcache import State, pieces_of, rule_of, serve
from tokeneff.tokens import Counter

KINDS = {
    ("anthropic", False): anthropic.Anthropic,
    ("anthropic", True): anthropic.AsyncAnthropic,
    ("openai", False): openai.OpenAI,
    ("openai", True): openai.AsyncOpenAI,
}
LONG = "The quick brown fox jumps over the lazy dog. " * 300
Refusal = Callable[[dict[str, Any]], str | None]


async def done(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def read(stream: Any) -> list[Any]:
    stream = await done(stream)
    return [event async for event in stream] if hasattr(stream, "__aiter__") else list(stream)


def without(body: Any) -> Any:
    """What a body says, breakpoints taken out and single texts written as texts again."""
    if isinstance(body, list):
        items = [without(item) for item in body]
        single = len(items) == 1 and isinstance(items[0], dict) and set(items[0]) == {"type", "text"}
        return items[0]["text"] if single else items
    if isinstance(body, dict):
        return {
            name: without(value) for name, value in body.items() if name not in ("cache_control", "prompt_cache_key")
        }
    return body


def breakpoints(body: Any) -> list[Any]:
    if isinstance(body, list):
        return [mark for item in body for mark in breakpoints(item)]
    if isinstance(body, dict):
        own = [body["cache_control"]] if "cache_control" in body else []
        return own + [mark for name, value in body.items() if name != "cache_control" for mark in breakpoints(value)]
    return []


def http_module(kind: type) -> Any:
    """httpx or httpx2, whichever this line of the SDK has."""
    client = kind(api_key="key")
    names = {base.__module__.partition(".")[0] for base in type(client._client).__mro__}
    return import_module("httpx2" if "httpx2" in names else "httpx")


class Host:
    """Answers any request with "Fine."."""

    def __init__(self, refuses: Refusal = lambda body: None) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.outcomes: list[Any] = []
        self.refuses = refuses
        self.state = State()
        self.clock = 0.0
        self.silent = False
        """Whether replies leave out their usage."""
        self.gate = threading.Event()
        """Replies come once this is set."""
        self.gate.set()

    def client(self, family: str = "anthropic", awaiting: bool = False, wrapped: bool = True, **more: Any) -> Any:
        kind = KINDS[family, awaiting]
        module = http_module(kind)
        transport = module.MockTransport(self._aanswer if awaiting else self._answer)
        http = (module.AsyncClient if awaiting else module.Client)(transport=transport)
        self.module = module
        client = kind(api_key="key", http_client=http, max_retries=0, **more)
        return self.placing(client) if wrapped else client

    def placing(self, client: Any) -> Any:
        """The client wrapped, and the outcomes of its calls kept."""
        wrapped = tokeneff.wrap(client, cache=tokeneff.Cache(None, prompt=True))
        settings = settings_of(wrapped)
        settings.policies = (self._kept, *settings.policies)
        return wrapped

    def _kept(self, call: Any) -> Any:
        from tokeneff._flow import forward

        outcome = yield from forward(call)
        self.outcomes.append(outcome)
        return outcome

    async def _aanswer(self, request: Any) -> Any:
        await request.aread()
        return self._answer(request)

    def _answer(self, request: Any) -> Any:
        body = json.loads(request.content)
        self.bodies.append(body)
        self.gate.wait(30.0)
        why = self.refuses(body)
        if why is not None:
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": why}}
            return self.module.Response(400, json=error)
        path = request.url.path
        reply = _message if path.endswith("/messages") else _response if path.endswith("/responses") else _completion
        whole, events = reply(body, self._usage(path, body))
        if not body.get("stream"):
            return self.module.Response(200, json=whole)
        lines = [
            f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
            if "type" in event
            else f"data: {json.dumps(event)}\n\n"
            for event in events
        ]
        done = "data: [DONE]\n\n" if reply is _completion else ""
        content = ("".join(lines) + done).encode()
        return self.module.Response(200, headers={"content-type": "text/event-stream"}, content=content)

    def _usage(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if self.silent:
            return None
        messages = path.endswith("/messages")
        dialect = "messages" if messages else "responses" if path.endswith("/responses") else "chat"
        rule = rule_of(body["model"], "anthropic" if messages else "openai")
        pieces = pieces_of(Counter().prompt(dialect, body, body["model"]), dialect, body)
        split, self.state = serve(rule, self.state, pieces, self.clock)
        self.clock += 1.0
        if messages:
            return {
                "input_tokens": split.uncached,
                "cache_read_input_tokens": split.read,
                "cache_creation_input_tokens": split.written + split.written_1h,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": split.written,
                    "ephemeral_1h_input_tokens": split.written_1h,
                },
                "output_tokens": 2,
            }
        if dialect == "chat":
            details: dict[str, Any] = {"cached_tokens": split.read, "cache_write_tokens": split.written}
            return {
                "prompt_tokens": split.total,
                "completion_tokens": 2,
                "total_tokens": split.total + 2,
                "prompt_tokens_details": details,
            }
        return {
            "input_tokens": split.total,
            "input_tokens_details": {"cached_tokens": split.read, "cache_write_tokens": split.written},
            "output_tokens": 2,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": split.total + 2,
        }


def _message(body: dict[str, Any], usage: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    usage = usage or {"input_tokens": 9, "output_tokens": 2}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
    text = {"type": "text", "text": "Fine."}
    whole = {**head, "content": [text], "stop_reason": "end_turn", "usage": usage}
    begun = {**head, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    events = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Fine."}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    ]
    return whole, events


def _completion(body: dict[str, Any], usage: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head = {"id": "chatcmpl-1", "created": 1, "model": body["model"]}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None}
    message = {"role": "assistant", "content": "Fine.", "refusal": None}
    whole = {**head, "object": "chat.completion", "choices": [{**choice, "message": message}], "usage": usage}
    chunk = {**head, "object": "chat.completion.chunk"}
    events = [
        {**chunk, "choices": [{**choice, "finish_reason": None, "delta": {"role": "assistant", "content": "Fine."}}]},
        {**chunk, "choices": [{**choice, "delta": {}}]},
        {**chunk, "choices": [], "usage": usage},
    ]
    return whole, events


def _response(body: dict[str, Any], usage: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    text = {"type": "output_text", "text": "Fine.", "annotations": [], "logprobs": []}
    item = {"id": "m_1", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    whole = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": body["model"],
        "status": "completed",
        "output": [item],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
    }
    events = [
        {
            "type": "response.created",
            "sequence_number": 0,
            "response": {**whole, "status": "in_progress", "output": [], "usage": None},
        },
        {"type": "response.completed", "sequence_number": 1, "response": whole},
    ]
    return whole, events
