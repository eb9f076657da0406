"""Recorded conversations to calls.

A recording that names no time for a call is given one: a conversation without any begins when its file was last
written, and a call without one is a second after the call before it. So the order is kept, and no prompt expires that
the recording does not say did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from tokeneff._flow import Facts, Tokens, Written
from tokeneff.logs._fields import items, obj
from tokeneff.logs._lines import written_at
from tokeneff.logs._values import Logged, Skipped
from tokeneff.traces import BrokenLine, Conversation, RecordedCall, RecordedReply, read, tools_beside

_SECOND = 1_000_000
_FAMILIES = (
    ("gemini", "gcp.gemini"),
    ("claude", "anthropic"),
    ("mistral", "mistral_ai"),
    ("codestral", "mistral_ai"),
    ("deepseek", "deepseek"),
    ("grok", "x_ai"),
    ("kimi", "moonshot_ai"),
    ("command-", "cohere"),
)
"""Whose models are called what."""


def logged(path: Path, skipped: Skipped) -> Iterator[Iterator[Logged]]:
    """Yield the calls of one conversation after another."""
    tools = _tools(path, skipped)
    begin = written_at(path)
    try:
        for item in read(path, tools=tools):
            if isinstance(item, BrokenLine):
                skipped.add(item.reason.partition(" (")[0], item.file, item.line)
            else:
                yield _calls(item, begin)
    except OSError as error:
        skipped.add(f"a file that cannot be read: {error.strerror or error}", str(path))


def _tools(path: Path, skipped: Skipped) -> list[dict[str, Any]]:
    beside = tools_beside(path)
    if beside is None:
        return []
    try:
        tools = items(json.loads(beside.read_bytes()))
    except (OSError, ValueError, RecursionError):
        skipped.add("tool schemas that cannot be read", str(beside))
        return []
    return cast("list[dict[str, Any]]", [tool for tool in tools if isinstance(tool, dict)])


def _calls(conversation: Conversation, begin: int) -> Iterator[Logged]:
    time = begin
    for index, call in enumerate(conversation.calls):
        time = round(call.time * _SECOND) if call.time is not None else time + (_SECOND if index else 0)
        yield _call(conversation, index, call, time)


def _call(conversation: Conversation, index: int, call: RecordedCall, time: int) -> Logged:
    reply = call.reply or RecordedReply()
    body = call.request
    body["messages"] = _since_summary(body["messages"], call.length, conversation.compactions)
    usage = call.usage
    tokens = None
    if usage is not None:
        tokens = Tokens(
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read,
            usage.cache_write or (0 if call.dialect == "anthropic" else None),
            usage.reasoning or (None if call.dialect == "anthropic" else 0),
            cache_write_1h=usage.cache_write_1h or (0 if call.dialect == "anthropic" else None),
        )
    called = tuple((tool.name, tool.arguments) for tool in reply.tool_calls)
    return Logged(
        call_id=f"trace:{conversation.id}:{index}",
        time=time,
        dialect="messages" if call.dialect == "anthropic" else "chat",
        body=body,
        model=call.model,
        provider=provider_of(call.model, call.dialect),
        sdk="",
        session=conversation.id,
        thread=conversation.id,
        tokens=tokens,
        facts=Facts(
            model=reply.model,
            finish_reasons=(reply.finish_reason,) if reply.finish_reason else (),
            written=Written(reply.text or "", reply.reasoning or "", called),
        ),
    )


def provider_of(model: str, dialect: str) -> str:
    """Whose model this is, by its name; else whose messages these are."""
    name = model.lower().rpartition("/")[2]
    return next((provider for mark, provider in _FAMILIES if mark in name), dialect)


def _since_summary(messages: list[Any], length: int, compactions: tuple[int, ...]) -> list[Any]:
    """The messages since the history was last summed up: from the one that holds the summary on.

    The results of tools that were called before it are gone with the calls.
    """
    at = max((place for place in compactions if place <= length), default=0)
    if at < 1:
        return messages
    first = obj(messages[at - 1])
    content = [part for part in items(first.get("content")) if obj(part).get("type") != "tool_result"]
    return [{**first, "content": content} if content else first, *messages[at:]]
