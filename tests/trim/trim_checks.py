"""What must hold of a request that was trimmed, told by rules of its own and not by those of the code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from random import Random
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from trim_texts import text

from tokeneff.trim._changing import changed
from tokeneff.trim._history import History, Path
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of


def check(dialect: str, body: dict[str, Any], r: Random, gone: float | None = None, seen: float | None = None) -> bool:
    """Change what is free of a request, by chance, and see that nothing else is; returns whether it was valid.

    Args:
        gone, seen: share of the exchanges to leave out, and of the texts to replace; by chance where not given.
    """
    before = snapshot(body)
    fault = fault_of(dialect, body)
    history = history_of(dialect, body)
    if history is None:
        return False
    share = r.random() if seen is None else seen
    texts = {spot.path: text(r) for spot in history.spots if not spot.fixed and r.random() < share}
    share = r.random() if gone is None else gone
    left_out = [exchange for exchange in history.exchanges if exchange.free and r.random() < share]
    new = changed(history, texts, left_out)
    assert snapshot(body) == before
    places = {place for start, stop, _ in left_out for place in range(start, stop)}
    _assert_rest_is_shared(history, new, texts, places)
    if not fault:
        assert fault_of(dialect, new) == ""
        assert_rules(dialect, body, new)
    return not fault


def messages_in(dialect: str, body: Mapping[str, Any]) -> list[Any]:
    """The messages of a request."""
    found = body["input" if dialect == "responses" else "messages"]
    return [found] if isinstance(found, str) else list(found)


def dumped(value: Any) -> Any:
    """As the SDKs would send it."""
    if isinstance(value, BaseModel):
        return dumped(value.model_dump(exclude_unset=True, by_alias=True))
    if isinstance(value, Mapping):
        return {key: dumped(item) for key, item in value.items()}
    return [dumped(item) for item in value] if isinstance(value, (list, tuple)) else value


def snapshot(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return type(value), value.model_dump()
    if isinstance(value, Mapping):
        return {key: snapshot(item) for key, item in value.items()}
    return type(value)(snapshot(item) for item in value) if isinstance(value, (list, tuple)) else value


def _assert_rest_is_shared(history: History, new: dict[str, Any], texts: Mapping[Path, str], places: set[int]) -> None:
    key = "input" if history.dialect == "responses" else "messages"
    assert list(new) == list(history.body)
    assert all(new[name] is value for name, value in history.body.items() if name != key)
    if isinstance(new[key], str):
        assert new[key] == texts.get((key,), history.body[key])
        return
    if not places and not texts:
        assert new[key] is history.body[key]
    kept = [place for place in range(len(history.messages)) if place not in places]
    assert len(new[key]) == len(kept)
    for message, place in zip(new[key], kept, strict=True):
        own = history.messages[place]
        edits = {path[2:]: one for path, one in texts.items() if path[1] == place}
        if not edits:
            assert message is own
            continue
        assert type(message) is type(own)
        expected = dumped(own)
        for path, one in edits.items():
            _set(expected, path, one)
        assert json.dumps(dumped(message), default=id) == json.dumps(expected, default=id)


def _set(value: Any, path: Path, one: str) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = one


def assert_rules(dialect: str, body: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    own, changed_to = dumped(messages_in(dialect, body)), dumped(messages_in(dialect, new))
    if isinstance(own[0], str):
        return
    calls, answers = _pairs(own)
    new_calls, new_answers = _pairs(changed_to)
    assert new_calls - new_answers == calls - answers
    assert new_answers - new_calls == answers - calls
    assert _spoken(own, ("system", "developer")) == _spoken(changed_to, ("system", "developer"))
    users, new_users = _spoken(own, ("user",)), _spoken(changed_to, ("user",))
    assert users[-1:] == new_users[-1:]
    cited = _cited(own)
    assert all(one in cited for one in _cited(changed_to))
    assert _kept(own) == _kept(changed_to)
    assert all(one in _led(own) for one in _led(changed_to))
    assert _going_on(own) == _going_on(changed_to)
    assert [thought for thought in _thoughts(changed_to) if thought not in _thoughts(own)] == []


def _pairs(messages: list[Any]) -> tuple[set[str], set[str]]:
    calls: set[str] = set()
    answers: set[str] = set()
    for part in _all(messages):
        kind = part.get("type")
        kind = kind if isinstance(kind, str) else ""
        if kind in ("function", "custom", "tool_use", "mcp_approval_request"):
            calls.add(part.get("id", ""))
        elif kind == "tool_result":
            answers.add(part["tool_use_id"])
        elif kind == "mcp_approval_response":
            answers.add(part["approval_request_id"])
        elif kind.endswith("_call") and "call_id" in part:
            calls.add(part["call_id"])
        elif kind.endswith("_call_output"):
            answers.add(part["call_id"])
        elif part.get("role") == "tool":
            answers.add(part["tool_call_id"])
        elif part.get("role") == "function":
            answers.add("function " + part["name"])
        elif part.get("function_call"):
            calls.add("function " + part["function_call"]["name"])
    return calls, answers


def _all(messages: list[Any]) -> Iterable[dict[str, Any]]:
    for message in messages:
        if isinstance(message, dict):
            yield message
            content = message.get("content")
            for part in (*(content if isinstance(content, list) else ()), *(message.get("tool_calls") or ())):
                if isinstance(part, dict):
                    yield part


def _spoken(messages: list[Any], roles: tuple[str, ...]) -> list[Any]:
    """What these said themselves: results of tools in a message of the user's are not the user's."""
    found: list[Any] = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in roles:
            continue
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        said = [part for part in blocks if not isinstance(part, dict) or part.get("type") != "tool_result"]
        if said or not blocks:
            found.append(said or content)
    return found


_KEPT = ("item_reference", "compaction", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response")


def _kept(messages: list[Any]) -> list[Any]:
    """What only the provider knows the use of, and where the caller wants the cache to end."""
    found = [part for part in _all(messages) if part.get("type") in _KEPT]
    marks = [part["cache_control"] for part in _all(messages) if "cache_control" in part]
    return [
        *found,
        *marks,
        *[part["prompt_cache_breakpoint"] for part in messages if "prompt_cache_breakpoint" in part],
    ]


def _led(items: list[Any]) -> list[Any]:
    """Of a responses request: each call with the reasoning that led to it."""
    found: list[Any] = []
    thought: Any = None
    for item in items:
        kind = item.get("type", "message")
        if kind == "reasoning":
            thought = item
        elif item.get("role") == "user":
            thought = None
        elif isinstance(kind, str) and kind.endswith("_call"):
            found.append((item, thought))
    return found


def _going_on(messages: list[Any]) -> list[Any]:
    """Of a request to Anthropic: what the model thought in the turn that is going on."""
    start = 0
    for place, message in enumerate(messages):
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{}]
        if message.get("role") == "user" and any(
            not isinstance(block, dict) or block.get("type") != "tool_result" for block in blocks
        ):
            start = place
    return [part for part in _thoughts(messages[start:]) if part["type"] != "reasoning"]


def _cited(messages: list[Any]) -> list[Any]:
    """Texts with citations, each with all that these may count."""
    found: list[Any] = []
    documents: list[Any] = []
    for part in _all(messages):
        if part.get("type") == "tool_result" and isinstance(part.get("content"), list):
            documents += [inner for inner in part["content"] if inner["type"] in ("document", "search_result")]
        elif part.get("type") in ("document", "search_result", "web_search_tool_result"):
            documents.append(part)
        elif part.get("citations") and part.get("type") == "text":
            found.append((part, list(documents)))
    return found


def _thoughts(messages: list[Any]) -> list[Any]:
    return [part for part in _all(messages) if part.get("type") in ("thinking", "redacted_thinking", "reasoning")]


@lru_cache
def _types(dialect: str) -> TypeAdapter[Any]:
    if dialect == "chat":
        from openai.types.chat import ChatCompletionMessageParam

        return TypeAdapter(list[ChatCompletionMessageParam])
    if dialect == "responses":
        from openai.types.responses import ResponseInputItemParam

        return TypeAdapter(list[ResponseInputItemParam])
    from anthropic.types import MessageParam

    return TypeAdapter(list[MessageParam])


def sdk_takes(dialect: str, body: Mapping[str, Any]) -> bool:
    """Whether the messages are what the SDK's own types say."""
    messages = dumped(messages_in(dialect, body))
    if messages and isinstance(messages[0], str):
        return True
    try:
        _read(_types(dialect).validate_python(messages))
    except ValidationError:
        return False
    return True


def _read(value: Any) -> None:
    """Iterables are checked as they are read."""
    if isinstance(value, dict):
        for item in value.values():
            _read(item)
    elif not isinstance(value, (str, bytes)) and isinstance(value, Iterable):
        for item in value:
            _read(item)
