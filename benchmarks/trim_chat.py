"""Recorded requests in the form of chat completions, for trimmers that know no other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tokeneff.trim.planning._replay import Turn


def chatted(conversation: Sequence[Turn]) -> list[Turn]:
    """The same requests in the form of chat completions."""
    if all(turn.dialect == "chat" for turn in conversation):
        return list(conversation)
    found: list[Turn] = []
    for turn in conversation:
        messages = [made for message in turn.body["messages"] for made in _chat(message)]
        told = turn._replace(dialect="chat", body={"model": turn.model, "messages": messages})
        found.append(told._replace(plain=told.pieces(told.body)))
    return found


def _chat(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    content = message["content"]
    blocks: list[Any] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = "\n".join(block["text"] for block in blocks if block.get("type") == "text")
    calls = [
        {
            "id": block["id"],
            "type": "function",
            "function": {"name": block["name"], "arguments": json.dumps(block["input"])},
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    if message["role"] == "assistant":
        yield {"role": "assistant", "content": texts or None, **({"tool_calls": calls} if calls else {})}
        return
    for block in blocks:
        if block.get("type") == "tool_result":
            yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": _text(block.get("content"))}
    if texts:
        yield {"role": "user", "content": texts}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part["text"] for part in content or () if part.get("type") == "text")
