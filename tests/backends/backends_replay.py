"""Replay a trace through wrapped clients, and know of each call what a backend should tell of it."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import tokeneff
from tokeneff.cli._clients import loopback_client, split_body
from tokeneff.cli._replaying import reply_to
from tokeneff.testing import FakeProvider, Reply, Usage
from tokeneff.traces import Conversation, RecordedCall, read, tools_beside

OWN = Path(__file__).parent / "trace.jsonl"
RECORDED = Path(os.environ.get("TOKENEFF_TRACES") or Path(__file__).resolve().parents[3] / "shared" / "data" / "traces")
RECORDED_FILES = ("tau_airline_gpt4o", "tau2_airline_gpt5", "miniswe_gemini3pro", "claude_code_sessions")
CONVERSATIONS, CALLS = 3, 4  # of each recorded file, and of each of its conversations
PATIENCE = 120.0
"""Seconds until a backend has to show what it was sent: they store in the background."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One call as it was made: what the provider was scripted with, and for whom."""

    session: str
    user: str | None
    feature: str | None
    model: str
    streamed: bool
    usage: Usage

    @property
    def counts(self) -> dict[str, int]:
        """The counts that are not zero, under our own names."""
        names = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")
        return {name: count for name in names if (count := getattr(self.usage, name))}


def conversations(path: Path) -> Iterator[tuple[Conversation, dict[str, str]]]:
    """The conversations of a trace, each with the tags it is replayed under; of a recorded one the first few."""
    beside = tools_beside(path)
    tools = json.loads(beside.read_bytes()) if beside else []
    records = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    most = None if path == OWN else CONVERSATIONS
    for item, record in itertools.islice(zip(read(path, tools=tools), records, strict=False), most):
        assert isinstance(item, Conversation), item
        yield item, record.get("tags", {})


def recorded(name: str) -> Path:
    """A recorded trace, or a skip."""
    path = RECORDED / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no {path.name} among the recorded traces (set TOKENEFF_TRACES to their folder)")
    return path


def replay(path: Path, run: str, wrap: Callable[[Any], Any]) -> tuple[list[Sent], list[Any]]:
    """Make the calls of a trace one after another, every second one as a stream.

    Args:
        path: the trace.
        run: what the sessions' names begin with, so that those of several replays differ.
        wrap: wraps a client.

    Returns:
        The calls, and the wrapped clients that made them.
    """
    sent: list[Sent] = []
    clients: dict[str, Any] = {}
    with FakeProvider() as provider:
        urls = {"openai": provider.openai_url, "anthropic": provider.anthropic_url}
        for conversation, tags in conversations(path):
            dialect = conversation.dialect
            if dialect not in clients:
                clients[dialect] = wrap(loopback_client(dialect, urls[dialect]))
            most = None if path == OWN else CALLS
            session = f"{run}/{conversation.id}"
            with tokeneff.tag(session=session, **tags):
                for call in conversation.calls[:most]:
                    reply = reply_to(call)
                    # Where the recording has no usage, one that no other call has.
                    usage = reply.usage or Usage(input_tokens=1000 + len(sent), output_tokens=10 + len(sent))
                    provider.queue(replace(reply, usage=usage))
                    streamed = len(sent) % 2 == 1
                    _make(clients[dialect], call, streamed)
                    about = (session, tags.get("user"), tags.get("feature"), call.model, streamed, usage)
                    sent.append(Sent(*about))
        if path == OWN:
            sent.append(_respond(provider, run, clients["openai"]))
        for client in clients.values():
            client.close()
    return sent, list(clients.values())


def send(path: Path, run: str, compat: Any, url: str, **more: Any) -> tuple[list[Sent], list[tokeneff.Usage]]:
    """Replay with the spans sent to a backend.

    Args:
        path, run: as for `replay`.
        compat: as for `tokeneff.wrap`.
        url: the backend's.
        more: arguments of `configure_otel`.

    Returns:
        The calls, and the totals of each wrapped client.
    """
    with tokeneff.configure_otel(url, metrics=False, set_global=False, timeout=60, **more) as otel:
        about = {"tracer_provider": otel.tracer_provider, "capture_content": True, "compat": compat}
        sent, clients = replay(path, run, lambda client: tokeneff.wrap(client, **about))
        assert otel.flush(60)
        assert (otel.sent_spans, otel.lost_spans) == (len(sent), 0)
    return sent, [tokeneff.usage(client) for client in clients]


def _respond(provider: FakeProvider, run: str, client: Any) -> Sent:
    """One call that no trace holds: a streamed one of the responses API."""
    usage = Usage(input_tokens=300, output_tokens=120, cache_read=128, reasoning=64)
    provider.queue(Reply(text="Top step first.", reasoning="Dirt falls down.", usage=usage))
    with tokeneff.tag(session=f"{run}/stairs-4", user="bob", feature="plans"):
        request = {"instructions": "Plan in one line.", "input": "How do I sweep stairs?"}
        deque(client.responses.create(model="gpt-5-mini", stream=True, **request), maxlen=0)
    return Sent(f"{run}/stairs-4", "bob", "plans", "gpt-5-mini", True, usage)


def _make(client: Any, call: RecordedCall, streamed: bool) -> None:
    create = client.messages.create if call.dialect == "anthropic" else client.chat.completions.create
    body = call.request
    if streamed:
        body["stream"] = True
        if call.dialect == "openai":  # else the provider keeps the usage to itself
            body["stream_options"] = {"include_usage": True}
    reply = create(**split_body(create, body))
    if streamed:
        deque(reply, maxlen=0)


def summed(sent: Iterable[Sent]) -> dict[str, int]:
    """The counts of all calls, zeros included."""
    names = ("input_tokens", "output_tokens", "cache_read", "cache_write", "reasoning")
    calls = list(sent)
    return {name: sum(getattr(call.usage, name) for call in calls) for name in names}


def grouped(sent: Iterable[Sent], by: Callable[[Sent], str]) -> dict[str, list[Sent]]:
    """The calls by what *by* says of each."""
    groups: dict[str, list[Sent]] = {}
    for call in sent:
        groups.setdefault(by(call), []).append(call)
    return groups


def until(told: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    """Ask a backend until it tells enough; what it told last, where it never does."""
    deadline = time.monotonic() + PATIENCE
    while not enough(answer := told()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer
