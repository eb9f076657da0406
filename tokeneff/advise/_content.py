"""From the messages that a ledger was asked to keep back to a request, in the form of chat completions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tokeneff._flow import Written
from tokeneff.adapters._parts import INPUT, OUTPUT, SYSTEM, TOOLS
from tokeneff.logs._fields import Obj, items, obj, text


class Kept(Exception):
    """Content that no request can be made of."""


def request_of(content: str, model: str) -> tuple[Mapping[str, Any], Written] | None:
    """The request and what was written in reply; ``None`` where what is kept is masked, or more than text and tools."""
    try:
        found = obj(json.loads(content))
        messages = list(_messages(found))
        tools = [_tool(obj(tool)) for tool in items(found.get(TOOLS))]
        body: Obj = {"model": model, "messages": messages}
        if tools:
            body["tools"] = tools
        return (body, _written(found)) if messages and isinstance(found.get(INPUT), list) else None
    except (ValueError, RecursionError, Kept):
        return None


def _messages(found: Obj) -> Iterator[Obj]:
    system = _text(found.get(SYSTEM))
    if system:
        yield {"role": "system", "content": system}
    for message in map(obj, items(found.get(INPUT))):
        yield from _message(text(message.get("role")), [obj(part) for part in items(message.get("parts"))])


def _message(role: str, parts: list[Obj]) -> Iterator[Obj]:
    calls = [_call(part) for part in parts if part.get("type") == "tool_call"]
    for part in parts:
        if part.get("type") == "tool_call_response":
            answer = part.get("response")
            said = answer if isinstance(answer, str) else _inner(answer)
            yield {"role": "tool", "tool_call_id": text(part.get("id")), "content": said}
    beside = [part for part in parts if part.get("type") not in ("tool_call", "tool_call_response", "reasoning")]
    said = _text(beside)
    if calls:
        yield {"role": role, "content": said or None, "tool_calls": calls}
    elif said or beside:
        yield {"role": role, "content": said}


def _text(parts: Any) -> str:
    if parts is not None and not isinstance(parts, list):
        raise Kept
    said: list[str] = []
    for part in map(obj, items(parts)):
        if part.get("type") != "text" or not isinstance(part.get("content"), str):
            raise Kept
        said.append(part["content"])
    return "\n".join(said)


def _inner(answer: Any) -> str:
    """A tool's answer that was no text: the texts of its blocks, else as JSON."""
    blocks = [obj(block) for block in items(answer)]
    if blocks and all(isinstance(block.get("text"), str) for block in blocks):
        return "\n".join(block["text"] for block in blocks)
    return json.dumps(answer, ensure_ascii=False)


def _call(part: Obj) -> Obj:
    given = part.get("arguments")
    arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
    function = {"name": text(part.get("name")), "arguments": arguments}
    return {"id": text(part.get("id")), "type": "function", "function": function}


def _tool(tool: Obj) -> Obj:
    if tool.get("type") != "function":
        raise Kept
    return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}


def _written(found: Obj) -> Written:
    parts = [obj(part) for message in items(found.get(OUTPUT)) for part in items(obj(message).get("parts"))]
    said = [text(part.get("content")) for part in parts if part.get("type") == "text"]
    calls = [_call(part)["function"] for part in parts if part.get("type") == "tool_call"]
    return Written("".join(said), "", tuple((call["name"], call["arguments"]) for call in calls))
