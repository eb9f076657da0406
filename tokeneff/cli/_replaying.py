"""Recorded conversations, sent call by call through wrapped clients to a fake provider that answers as recorded."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import tokeneff
from tokeneff.cli._clients import loopback_client, split_body
from tokeneff.testing import FakeProvider, RecordedRequest, Reply, ToolCall, Usage
from tokeneff.traces import BrokenLine, Conversation, RecordedCall

_KEY = "x-tokeneff-replay"
_KEPT_ERRORS = 20


@dataclass(slots=True)
class Tally:
    """What came of a replay."""

    conversations: int = 0
    calls: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list[str])
    skipped: list[BrokenLine] = field(default_factory=list[BrokenLine])
    recorded_usage: int = 0
    without_usage: list[str] = field(default_factory=list[str])
    """Conversations of which at least one call has no recorded usage."""


@dataclass(frozen=True, slots=True)
class _Step:
    conversation: Conversation
    send: Callable[[], Any]


@dataclass(slots=True)
class Replay:
    """One replay; `run` or `arun` performs it, *conversations* at a time."""

    items: Iterator[Conversation | BrokenLine]
    wrap: Callable[[Any], Any]
    stream: bool = False
    limit: int | None = None
    concurrency: int = 1
    on_call: Callable[[], None] = lambda: None
    tally: Tally = field(default_factory=Tally)
    clients: dict[str, Any] = field(default_factory=dict[str, Any])
    _answers: dict[str, RecordedCall] = field(default_factory=dict[str, RecordedCall])
    _numbers: Iterator[int] = field(default_factory=count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Replay with blocking clients, each conversation in one thread, of which this is the first."""
        with FakeProvider(default=self._answer, keep=0) as provider, ThreadPoolExecutor(self.concurrency) as pool:
            try:
                others = [pool.submit(self._work, provider) for _ in range(self.concurrency - 1)]
                self._work(provider)
                for other in others:
                    other.result()
            finally:
                self.limit = 0  # where one failed or was interrupted, the others end with their present call
                for client in self.clients.values():
                    client.close()

    async def arun(self) -> None:
        """Replay with asynchronous clients, each conversation in one task."""
        with FakeProvider(default=self._answer, keep=0) as provider:
            try:
                await asyncio.gather(*(self._awork(provider) for _ in range(self.concurrency)))
            finally:
                for client in self.clients.values():
                    await client.close()

    def _work(self, provider: FakeProvider) -> None:
        for step in self._steps(provider, asynchronous=False):
            try:
                reply = step.send()
                if hasattr(reply, "__next__"):
                    deque(reply, maxlen=0)
            except Exception as error:  # noqa: BLE001 - a failed call is counted, and the replay goes on
                self._fail(step.conversation, error)

    async def _awork(self, provider: FakeProvider) -> None:
        for step in self._steps(provider, asynchronous=True):
            try:
                reply = await step.send()
                if hasattr(reply, "__anext__"):
                    async for _ in reply:
                        pass
            except Exception as error:  # noqa: BLE001 - a failed call is counted, and the replay goes on
                self._fail(step.conversation, error)

    def _steps(self, provider: FakeProvider, *, asynchronous: bool) -> Iterator[_Step]:
        while (conversation := self._next()) is not None:
            client = self._client(conversation, provider, asynchronous=asynchronous)
            with tokeneff.tag(session=conversation.id):
                for call in conversation.calls:
                    if not self._begin(call):
                        return
                    key = str(next(self._numbers))
                    self._answers[key] = call
                    yield _Step(conversation, partial(_create, client, call, key, self.stream))
                    del self._answers[key]
                    self.on_call()

    def _next(self) -> Conversation | None:
        with self._lock:
            while self.limit is None or self.tally.calls < self.limit:
                item = next(self.items, None)
                if isinstance(item, BrokenLine):
                    self.tally.skipped.append(item)
                    continue
                if item is not None:
                    self.tally.conversations += 1
                    if any(call.usage is None for call in item.calls):
                        self.tally.without_usage.append(item.id)
                return item
            return None

    def _client(self, conversation: Conversation, provider: FakeProvider, *, asynchronous: bool) -> Any:
        dialect = conversation.dialect
        with self._lock:
            if dialect not in self.clients:
                url = provider.anthropic_url if dialect == "anthropic" else provider.openai_url
                self.clients[dialect] = self.wrap(loopback_client(dialect, url, asynchronous=asynchronous))
            return self.clients[dialect]

    def _begin(self, call: RecordedCall) -> bool:
        with self._lock:
            if self.limit is not None and self.tally.calls >= self.limit:
                return False
            self.tally.calls += 1
            self.tally.recorded_usage += call.usage is not None
            return True

    def _fail(self, conversation: Conversation, error: Exception) -> None:
        with self._lock:
            self.tally.failed += 1
            if len(self.tally.errors) < _KEPT_ERRORS:
                where = f"{conversation.file}:{conversation.line} ({conversation.id})"
                self.tally.errors.append(f"{where}: {type(error).__name__}: {error}")

    def _answer(self, request: RecordedRequest) -> Reply:
        return reply_to(self._answers[request.header(_KEY) or ""])


def reply_to(call: RecordedCall) -> Reply:
    """Return what the fake provider answers: the recorded reply with the recorded usage, or else its own count."""
    recorded, counts = call.reply, call.usage
    usage = counts and Usage(
        input_tokens=counts.input_tokens,
        output_tokens=counts.output_tokens,
        cache_read=counts.cache_read,
        cache_write=counts.cache_write,
        cache_write_1h=counts.cache_write_1h,
        reasoning=counts.reasoning,
    )
    if recorded is None:
        return Reply(text="(no reply was recorded)", usage=usage)
    return Reply(
        text=recorded.text or "",
        tool_calls=tuple(ToolCall(call.name, call.arguments, call.id) for call in recorded.tool_calls),
        usage=usage,
        finish_reason=recorded.finish_reason,
        model=recorded.model,
        reasoning=recorded.reasoning,
    )


def _create(client: Any, call: RecordedCall, key: str, stream: bool) -> Any:
    create = client.messages.create if call.dialect == "anthropic" else client.chat.completions.create
    body = call.request
    if stream:
        body["stream"] = True
        if call.dialect == "openai":  # without it the provider would keep the recorded usage to itself
            body.setdefault("stream_options", {"include_usage": True})
    if not body.get("stream"):
        body.pop("stream_options", None)
    return create(**split_body(create, body), extra_headers={_KEY: key})
