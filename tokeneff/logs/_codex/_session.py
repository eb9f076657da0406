"""A thread of Codex's to the calls that are its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokeneff._flow import Facts, Written
from tokeneff.logs._codex._index import Thread
from tokeneff.logs._codex._lines import Line, by_model, is_sent, line_of
from tokeneff.logs._codex._meter import Meter, Usage
from tokeneff.logs._fields import Obj, items, last_name, obj, tagged, text
from tokeneff.logs._lines import objects
from tokeneff.logs._values import Logged

_PROVIDERS = {"azure": "azure.ai.openai", "": "openai"}
_TIERS = {"fast": "priority", "standard": "default"}


class Session:
    """What was said in a thread so far, and under which settings."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.meta: Obj = {}
        self.model = ""
        self.cwd = ""
        self.tier = ""
        self.retries = 0
        self.asked_at: int | None = None
        self._history: list[Obj] = []
        self._reply_from: int | None = None
        """Where in the history the reply that is being written begins."""

    def read(self, line: Line) -> None:
        """Take in a line that is not one of usage."""
        payload = line.payload
        if line.kind == "response_item":
            self._item(payload, line.time)
        elif line.kind == "session_meta" and not self.meta:
            self.meta = payload
            self.cwd = text(payload.get("cwd"))
        elif line.kind == "turn_context":
            self.model = text(payload.get("model")) or self.model
            self.cwd = text(payload.get("cwd")) or self.cwd
        elif line.kind == "compacted":
            self._compact(payload)
        elif line.kind == "event_msg":
            self._event(payload)

    def _item(self, item: Obj, time: int | None) -> None:
        if not is_sent(item):
            return
        if by_model(item):
            self._reply_from = len(self._history) if self._reply_from is None else self._reply_from
        elif self._reply_from is None:
            self.asked_at = time
        self._history.append(item)

    def _compact(self, payload: Obj) -> None:
        replaced = payload.get("replacement_history")
        if isinstance(replaced, list):
            self._history = [item for item in map(obj, items(replaced)) if is_sent(item)]
        else:
            summary = {"type": "input_text", "text": text(payload.get("message"))}
            kept = [item for item in self._history if item.get("type") == "message" and not by_model(item)]
            self._history = [*kept, {"type": "message", "role": "user", "content": [summary]}]
        self._reply_from = None

    def _event(self, payload: Obj) -> None:
        kind = payload.get("type")
        if kind == "thread_settings_applied":
            tier = obj(payload.get("thread_settings")).get("service_tier")
            self.tier = _TIERS.get(tier, tier) if isinstance(tier, str) else self.tier
        elif kind == "stream_error":
            self.retries += 1
        elif kind == "thread_rolled_back":
            turns = payload.get("num_turns")
            starts = [at for at, item in enumerate(self._history) if item.get("role") == "user"]
            if isinstance(turns, int) and 0 < turns <= len(starts):
                self._history = self._history[: starts[-turns]]
                self._reply_from = None

    def settle(self, usage: Usage, time: int, own: bool) -> Logged | None:
        """End the reply that was being written; returns the call, if it is this thread's own."""
        at = len(self._history) if self._reply_from is None else self._reply_from
        later = [item for item in self._history[at:] if not by_model(item)]
        reply = [item for item in self._history[at:] if by_model(item)]
        call = self._call(usage, time, self._history[:at], reply) if own else None
        # What tools answered while the reply was still being written belongs after it.
        self._history = [*self._history[:at], *reply, *later]
        self._reply_from, self.retries = None, 0
        self.asked_at = time if later else None
        return call

    def _call(self, usage: Usage, time: int, asked: list[Obj], reply: list[Obj]) -> Logged:
        meta = self.meta
        began = self.asked_at if self.asked_at is not None and self.asked_at <= time else None
        provider = text(meta.get("model_provider"))
        agent = _agent(meta)
        return Logged(
            call_id=f"codex:{usage.response}" if usage.response else f"codex:{self.name}:{_short(usage.key)}",
            time=time if began is None else began,
            dialect="responses",
            body={"model": self.model, **_instructions(meta), "input": asked},
            model=self.model,
            provider=_PROVIDERS.get(provider, provider),
            sdk="codex",
            session=(text(meta.get("session_id")) or text(meta.get("parent_thread_id"))) if agent else self.name,
            thread=self.name,
            tokens=usage.tokens,
            facts=Facts(
                id=usage.response or None,
                model=self.model or None,
                service_tier=self.tier or None,
                written=written(reply),
            ),
            duration=None if began is None else time - began,
            retries=self.retries,
            tags=tagged(agent=agent, branch=text(obj(meta.get("git")).get("branch")), project=last_name(self.cwd)),
        )


def calls(thread: Thread, counted: set[str], written_at: int) -> Iterator[Logged]:
    """Yield the calls of a thread that are its own, in order. ``counted``: responses that other threads told of."""
    session, meter, seen = Session(thread.files[0].thread), Meter(), set[str]()
    time = written_at
    for file in thread.files:
        for line, timestamp in _lines(file.path):
            time = time if line.time is None else line.time
            usage = meter.read(line.kind, line.payload, timestamp)
            if usage is None:
                session.read(line)
                continue
            own = usage.key not in thread.copied and usage.key not in seen and usage.response not in counted
            seen.add(usage.key)
            if usage.response:
                counted.add(usage.response)
            call = session.settle(usage, time, own)
            if call is not None:
                yield call


def _lines(path: Path) -> Iterator[tuple[Line, Any]]:
    for _, fields in objects(path):
        line = line_of(fields)
        if isinstance(line, Line):
            yield line, fields.get("timestamp")


def _agent(meta: Obj) -> str:
    source = meta.get("source")
    if "subagent" not in obj(source):
        return ""
    spawn = obj(obj(obj(source).get("subagent")).get("thread_spawn"))
    named = (meta.get("agent_nickname"), spawn.get("agent_nickname"), meta.get("agent_role"), spawn.get("agent_role"))
    kind = obj(source)["subagent"]
    return next((name for name in map(text, named) if name), kind if isinstance(kind, str) and kind else "subagent")


def _instructions(meta: Obj) -> Obj:
    base = meta.get("base_instructions")
    said = text(obj(base).get("text")) or text(base) or text(meta.get("instructions"))
    return {"instructions": said} if said else {}


def _short(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).hexdigest()


def written(reply: list[Obj]) -> Written:
    """Return what a reply consists of."""
    texts: list[str] = []
    thoughts: list[str] = []
    called: list[tuple[str, str]] = []
    for item in reply:
        kind = text(item.get("type"))
        if kind == "message":
            texts += (text(obj(part).get("text")) for part in items(item.get("content")))
        elif kind == "reasoning":
            parts = [*items(item.get("summary")), *items(item.get("content"))]
            thoughts += (text(obj(part).get("text")) for part in parts)
        else:
            arguments = item.get("arguments", item.get("input", item.get("action")))
            called.append(
                (text(item.get("name")) or kind, arguments if isinstance(arguments, str) else repr(arguments))
            )
    return Written("".join(texts), "\n".join(thoughts), tuple(called))
