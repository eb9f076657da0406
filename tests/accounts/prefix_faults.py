"""Made-up sessions, and faults that break their prompts' prefixes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accounts_kit import tool, turns, words

from tokeneff.accounts import Account

LINES = ["You are an agent.", "Be polite.", "It is {}.", *[words(line, 20) for line in range(40)]]
Body = dict[str, Any]


def body_of(dialect: str, turn: int, now: str = "Monday", tools: str = "abc") -> Body:
    """A request of about 2,000 tokens and more; turn by turn the same conversation."""
    system = "\n".join(LINES).format(now)
    schemas = [tool(name, dialect) for name in tools]
    if dialect == "messages":
        marked = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
        return {"system": marked, "messages": turns(turn), "tools": schemas}
    return {"messages": [{"role": "system", "content": system}, *turns(turn)], "tools": schemas}


def system_is(body: Body, change: Callable[[str], str]) -> Body:
    if "system" in body:
        return {**body, "system": [{**body["system"][0], "text": change(body["system"][0]["text"])}]}
    first, *rest = body["messages"]
    return {**body, "messages": [{**first, "content": change(first["content"])}, *rest]}


def head(body: Body) -> int:
    return 0 if "system" in body else 1


def edit(body: Body, index: int) -> Body:
    messages = list(body["messages"])
    messages[head(body) + index] = {**messages[head(body) + index], "content": "Something else."}
    return {**body, "messages": messages}


def drop(body: Body, start: int, end: int) -> Body:
    messages = list(body["messages"])
    del messages[head(body) + start : head(body) + end]
    return {**body, "messages": messages}


def put_in(body: Body, index: int) -> Body:
    messages = list(body["messages"])
    messages.insert(head(body) + index, {"role": "user", "content": "By the way …"})
    return {**body, "messages": messages}


def tools_are(names: str, about: str = "") -> Callable[[Body], Body]:
    def change(body: Body) -> Body:
        dialect = "messages" if "system" in body else "chat"
        return {**body, "tools": [tool(name, dialect, about if name == "b" else "") for name in names]}

    return change


SYSTEM_FAULTS = {
    "a line of the system prompt": (
        lambda body: system_is(body, lambda text: text.replace("polite", "curt")),
        ("system_changed", "system", 0, "system prompt differs at line 2"),
    ),
    "a timestamp in the system prompt": (
        lambda body: system_is(body, lambda text: text.replace("Monday", "2026-05-04T10:11:12Z")),
        ("system_changed", "system", 0, "system prompt differs at line 3: a timestamp"),
    ),
    "a date in the system prompt": (
        lambda body: system_is(body, lambda text: text.replace("Monday", "2026-05-04")),
        ("system_changed", "system", 0, "system prompt differs at line 3: a date"),
    ),
    "an id in the system prompt": (
        lambda body: system_is(body, lambda text: text + "\nTrace 5f0b2f2e-98a5-4f5e-9d3c-2f1a7c1b9f00"),
        ("system_changed", "system", 0, f"system prompt differs at line {len(LINES) + 1}: a UUID"),
    ),
}
TOOL_FAULTS = {
    "tools in another order": (
        tools_are("acb"),
        ("tools_reordered", "tools", 1, "tools are in another order from c on"),
    ),
    "a tool more": (tools_are("abcd"), ("tools_changed", "tools", 3, "tools added d")),
    "a tool more, first": (tools_are("dabc"), ("tools_changed", "tools", 0, "tools added d")),
    "a tool less": (tools_are("ac"), ("tools_changed", "tools", 1, "tools removed b")),
    "no tools": (tools_are(""), ("tools_changed", "tools", 0, "tools removed a, b, c")),
    "another tool": (tools_are("axc"), ("tools_changed", "tools", 1, "tools added x; removed b")),
    "a tool edited": (tools_are("abc", "new"), ("tools_changed", "tools", 1, "tools edited b")),
    "many more": (tools_are("abcdefgh"), ("tools_changed", "tools", 3, "tools added d, e, f and 2 more")),
}
MESSAGE_FAULTS = {
    "an early message": (lambda body: edit(body, 0), ("edited", "messages", 0, "message 1 (user) differs")),
    "an answer": (lambda body: edit(body, 3), ("edited", "messages", 3, "message 4 (assistant) differs")),
    "a message more": (lambda body: put_in(body, 2), ("edited", "messages", 2, "1 messages put in before message 3")),
    "the oldest are gone": (
        lambda body: drop(body, 0, 2),
        ("shortened", "messages", 0, "2 messages are gone from message 1 on"),
    ),
    "some in the middle are gone": (
        lambda body: drop(body, 2, 6),
        ("shortened", "messages", 2, "4 messages are gone from message 3 on"),
    ),
    "summed up": (
        lambda body: put_in(drop(body, 0, 6), 0),
        ("shortened", "messages", 0, "6 messages replaced by 1 from message 1 on"),
    ),
}
FAULTS = {**SYSTEM_FAULTS, **TOOL_FAULTS, **MESSAGE_FAULTS}
PROVIDERS = {"chat": ("gpt-4.1", "openai"), "messages": ("claude-sonnet-4-5", "anthropic")}


def total(account: Account) -> int:
    assert account.input is not None
    return sum(account.input)


def cached(dialect: str, before: int, tokens: int) -> dict[str, int]:
    """Usage of a call that read ``before`` tokens of ``tokens`` and, where that is said, wrote the rest."""
    return {"cache_read": before, **({"cache_write": tokens - before} if dialect == "messages" else {})}
