"""What would make a provider refuse a request, as far as trimming could bring it about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokeneff._log import log_once
from tokeneff._plain import fields, items, string
from tokeneff.trim._reading._said import EMPTY, Said
from tokeneff.trim._reading._taking import messages_of, saids_of

_MOST_MARKS = 4
_KEPT_BY_PROVIDER = ("previous_response_id", "conversation", "prompt")


def fault_of(dialect: str, body: Mapping[str, Any]) -> str:
    """Why a provider would refuse a request; empty where it would take it. Never raises.

    >>> fault_of("chat", {"messages": [{"role": "tool", "tool_call_id": "a", "content": "12"}]})
    'message 0 answers a tool call (a) that is not in the message before it'

    Args:
        dialect: ``chat``, ``responses`` or ``messages``.
        body: the request.
    """
    try:
        return _fault(dialect, body)
    except Exception as fault:  # noqa: BLE001 - a body may hold anything
        log_once(("trim.fault", type(fault)), "a request could not be checked", exc_info=fault)
        return "it cannot be read"


def _fault(dialect: str, body: Mapping[str, Any]) -> str:
    messages = messages_of(dialect, body)
    if messages is None:
        kept = dialect == "responses" and any(body.get(name) for name in _KEPT_BY_PROVIDER)
        return "" if kept and body.get("input") is None else "it has no list of messages"
    saids = saids_of(dialect, messages)
    if saids is None:
        return "it holds something that is no message"
    for place, said in enumerate(saids):
        last = place == len(saids) - 1 and said.who == "assistant" and dialect == "messages"
        if said.fault and not (last and said.fault == EMPTY):
            return f"message {place} {said.fault}"
    if dialect == "responses":
        return _responses(body, saids)
    if all(said.who == "system" for said in saids):
        return "it has no message but the system's"
    return (
        _chat(saids)
        if dialect == "chat"
        else _roles(saids) or _pairs(saids) or _marks(body, saids) or _thinks(body, saids)
    )


def _unanswered(place: int, waiting: Mapping[str, int] | set[str]) -> str:
    return f"message {place} calls a tool ({next(iter(waiting))}) that nothing answers"


def _chat(saids: Sequence[Said]) -> str:
    waiting: set[str] = set()
    open_calls: set[str] = set()
    caller = 0
    for place, said in enumerate(saids):
        if said.who == "results":
            if not open_calls.issuperset(said.answers):
                return f"message {place} answers a tool call ({said.answers[0]}) that is not in the message before it"
            waiting.difference_update(said.answers)
            continue
        if waiting:
            return _unanswered(caller, waiting)
        caller = place
        open_calls = {name for name, _ in said.calls}
        waiting = set(open_calls)
    return _unanswered(caller, waiting) if waiting else ""


def _responses(body: Mapping[str, Any], saids: Sequence[Said]) -> str:
    elsewhere = any(body.get(name) for name in _KEPT_BY_PROVIDER)
    if not elsewhere and not any(said.who in ("user", "assistant", "results") for said in saids):
        return "it has no message but the system's"
    referred = any(said.bound and said.thinking for said in saids)
    waiting: dict[str, int] = {}
    known: set[str] = set()
    for place, said in enumerate(saids):
        for name, _ in said.calls:
            waiting[name] = place
            known.add(name)
        for name in said.answers:
            if name not in known and not elsewhere and not referred and not said.bound:
                return f"item {place} answers a tool call ({name}) that is not before it"
            waiting.pop(name, None)
        if said.thinking and not said.bound:
            after = saids[place + 1] if place + 1 < len(saids) else None
            if after is None or after.who != "assistant":
                return f"item {place} is reasoning without what it led to"
    return "" if not waiting else _unanswered(next(iter(waiting.values())), waiting).replace("message", "item")


def _roles(saids: Sequence[Said]) -> str:
    if saids[0].who not in ("user", "results"):
        return "its first message is not the user's"
    for place, said in enumerate(saids):
        if said.who != "system":
            continue
        if saids[place - 1].who not in ("user", "results"):
            return f"message {place} is the system's, and not behind one of the user's"
        if place + 1 < len(saids) and saids[place + 1].who != "assistant":
            return f"message {place} is the system's, and not before one of the model's"
    return ""


def _pairs(saids: Sequence[Said]) -> str:
    """Calls are answered by the next turn of the user; messages in a row of one role are one turn to the provider."""
    waiting: set[str] = set()
    open_calls: set[str] = set()
    caller, mixed = 0, False
    for place, said in enumerate(saids):
        if said.who == "assistant":
            if waiting:
                break
            caller, mixed = place, False
            open_calls = {name for name, _ in said.calls}
            waiting = set(open_calls)
            continue
        if said.answers and (mixed or not open_calls.issuperset(said.answers)):
            return f"message {place} answers a tool call ({said.answers[0]}) that is not in the message before it"
        waiting.difference_update(said.answers)
        if said.who == "results":
            continue
        if waiting:
            break
        mixed = True
    return _unanswered(caller, waiting) if waiting else ""


def _marks(body: Mapping[str, Any], saids: Sequence[Said]) -> str:
    lives: list[str] = []
    for name in ("tools", "system"):
        for block in items(body.get(name)):
            mark = (fields(block) or {}).get("cache_control")
            if mark is not None:
                lives.append(string((fields(mark) or {}).get("ttl")) or "5m")
    lives += [life for said in saids for life in said.marks]
    count = len(lives) + (body.get("cache_control") is not None)
    if count > _MOST_MARKS:
        return f"it has {count} cache breakpoints, and {_MOST_MARKS} is most"
    if "5m" in lives and "1h" in lives[lives.index("5m") :]:
        return "it has a cache breakpoint of 1h behind one of 5m"
    return ""


def _thinks(body: Mapping[str, Any], saids: Sequence[Said]) -> str:
    """While tools are being called, the turn of a model that thinks begins with its thinking."""
    if (fields(body.get("thinking")) or {}).get("type") != "enabled" or saids[-1].who != "results":
        return ""
    start = len(saids)
    while start and saids[start - 1].who != "user":
        start -= 1
    first = next((said for said in saids[start:] if said.who == "assistant"), None)
    if first is not None and not first.thinks_first:
        return "the model's turn that is going on does not begin with its thinking"
    return ""
