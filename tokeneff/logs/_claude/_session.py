"""A Claude Code log file to the calls that are its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokeneff._flow import Facts, Tokens, Written
from tokeneff._plain import count
from tokeneff.logs._claude._history import Conversation, History
from tokeneff.logs._claude._index import Index
from tokeneff.logs._claude._lines import Line, failed, line_of
from tokeneff.logs._fields import Obj, items, last_name, obj, tagged, text
from tokeneff.logs._lines import objects
from tokeneff.logs._values import Logged

_MOST_STEPS = 1000
_PROVIDERS = (("msg_bdrk_", "aws.bedrock"), ("msg_vrtx_", "gcp.vertex_ai"))
# Of what a line holds beside the message; the rest (a tool's result once more, in full) is let go.
_KEPT = ("type", "subtype", "message", "requestId", "sessionId", "session_id", "agentId", "isSidechain", "cwd")
_KEPT_TOO = ("gitBranch", "isApiErrorMessage", "apiErrorStatus", "error", "costUSD")


class _Whose(NamedTuple):
    """Whose a call is."""

    session: str
    agent: str
    thread: str


class _Before(NamedTuple):
    """What the lines before a reply say of the request."""

    model: str
    time: int | None
    retries: int


def calls(path: Path, owned: set[str], index: Index, written: int) -> Iterator[Logged]:
    """Yield the calls of a file that are its own, in order. ``written``: when the file was, where no line says."""
    lines = _lines(path, written)
    conversation = Conversation(lines)
    histories: dict[str, History] = {}
    for reply, own in conversation.replies.items():
        if reply in owned:
            whose = _whose(own[0], path, conversation)
            if whose.thread not in histories:
                histories[whose.thread] = History(conversation)
            messages = histories[whose.thread].before(own[0])
            yield _call(reply, conversation, messages, whose, index.usage[reply].tokens)


def _lines(path: Path, written: int) -> list[Line]:
    lines: list[Line] = []
    previous: dict[bool, str] = {}
    time: int | None = None
    for number, fields in objects(path):
        line = line_of(number, fields)
        if not isinstance(line, Line):
            continue
        time = line.time if line.time is not None else time
        side = fields.get("isSidechain") is True
        kept: Obj = {name: fields[name] for name in (*_KEPT, *_KEPT_TOO) if name in fields}
        line = line._replace(
            uuid=line.uuid or f"line {number}",
            parent=previous.get(side) if line.parent == "" else line.parent,
            time=written if time is None else time,
            fields=kept,
        )
        previous[side] = line.uuid
        lines.append(line)
    return lines


def _whose(line: Line, path: Path, conversation: Conversation) -> _Whose:
    fields = line.fields
    session = text(fields.get("sessionId")) or text(fields.get("session_id")) or path.stem
    agent = text(fields.get("agentId"))
    if path.stem.startswith("agent-"):
        agent = agent or path.stem.removeprefix("agent-")
    if agent or fields.get("isSidechain") is not True:
        return _Whose(session, agent, f"{session}/{agent}" if agent else session)
    return _Whose(session, "sidechain", f"{session}/{conversation.root(line)}")


def _before(conversation: Conversation, line: Line) -> _Before:
    """What leads to a reply, back to the reply before it."""
    time, retries, steps, ended = None, 0, 0, False
    name, model = line.parent, ""
    while name and steps < _MOST_STEPS and (found := conversation.lines.get(name)) is not None:
        if found.role == "assistant":
            model = text(obj(found.fields.get("message")).get("model"))
            break
        ended = ended or bool(found.reply)
        if not ended:
            time = found.time if found.role == "user" and time is None else time
            retries += found.fields.get("subtype") == "api_error"
        name, steps = found.parent, steps + 1
    return _Before(model, time, retries)


def _call(reply: str, conversation: Conversation, messages: list[Obj], whose: _Whose, tokens: Tokens) -> Logged:
    own = conversation.replies[reply]
    fields, before = own[0].fields, _before(conversation, own[0])
    wrong = failed(fields)
    message = obj(fields.get("message"))
    model = before.model if wrong else text(message.get("model"))
    first, last = own[0].time or 0, max(line.time or 0 for line in own)
    began = before.time if before.time is not None and before.time <= first else None
    facts = Facts() if wrong else _facts(own, conversation.said(reply))
    return Logged(
        call_id=f"claude-code:{reply}",
        time=first if began is None else began,
        dialect="messages",
        body={"model": model, "messages": messages},
        model=model,
        provider=next((name for prefix, name in _PROVIDERS if reply.startswith(prefix)), "anthropic"),
        sdk="claude-code",
        session=whose.session,
        thread=whose.thread,
        tokens=tokens,
        facts=facts,
        duration=None if began is None else max(last - began, 0),
        ending="failed" if wrong else "read",
        error=(text(fields.get("error")) or "api_error") if wrong else "",
        status=count(fields.get("apiErrorStatus")) if wrong else None,
        retries=before.retries,
        batch=facts.service_tier == "batch",
        usd=next((usd for line in own if (usd := _usd(line.fields.get("costUSD"))) is not None), None),
        tags=tagged(
            agent=whose.agent, branch=text(fields.get("gitBranch")), project=last_name(text(fields.get("cwd")))
        ),
    )


def _usd(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 < value < 1e6 else None


def _facts(own: Sequence[Line], blocks: list[Any]) -> Facts:
    messages = [obj(line.fields.get("message")) for line in own]
    stops = [reason for message in messages if (reason := text(message.get("stop_reason")))]
    usages = [obj(message.get("usage")) for message in messages]
    fast = any(usage.get("speed") == "fast" for usage in usages)
    tiers = [tier for usage in usages if (tier := text(usage.get("service_tier")))]
    return Facts(
        id=text(messages[0].get("id")) or None,
        model=text(messages[0].get("model")) or None,
        finish_reasons=tuple(stops[-1:]),
        service_tier="fast" if fast else tiers[-1] if tiers else None,
        written=_written(blocks),
    )


def _written(blocks: list[Any]) -> Written:
    said: dict[str, list[str]] = {"text": [], "thinking": []}
    called: list[tuple[str, str]] = []
    for block in map(obj, items(blocks)):
        kind = text(block.get("type"))
        if kind in said:
            said[kind].append(text(block.get(kind)))
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            called.append((text(block.get("name")), json.dumps(block.get("input"), ensure_ascii=False)))
    return Written("".join(said["text"]), "\n".join(said["thinking"]), tuple(called))
