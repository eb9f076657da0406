"""Requests for Anthropic's messages, turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from anthropic.types import TextBlock, ThinkingBlock, ToolUseBlock
from trim_texts import PIXEL, ident, maybe_empty, name, text, words

Message = Any


def _text(r: Random) -> dict[str, Any]:
    return {"type": "text", "text": text(r)}


def _image() -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}


def _document(r: Random) -> dict[str, Any]:
    sources: tuple[dict[str, Any], ...] = (
        {"type": "text", "media_type": "text/plain", "data": text(r)},
        {"type": "content", "content": [_text(r), _text(r)]},
        {"type": "content", "content": text(r)},
        {"type": "base64", "media_type": "application/pdf", "data": PIXEL},
        {"type": "url", "url": "https://a.example/a.pdf"},
    )
    block: dict[str, Any] = {"type": "document", "source": r.choice(sources), "title": "A"}
    return {**block, "citations": {"enabled": True}} if r.random() < 0.5 else block


def _found(r: Random) -> dict[str, Any]:
    return {"type": "search_result", "source": "https://a.example", "title": "A", "content": [_text(r)]}


def user(r: Random) -> list[Message]:
    """What a user says."""
    if r.random() < 0.4:
        return [{"role": "user", "content": text(r)}]
    blocks = [_text(r)]
    for made in (_image(), _document(r), _found(r)):
        if r.random() < 0.2:
            blocks.insert(r.randrange(len(blocks) + 1), made)
    return [{"role": "user", "content": blocks}]


def _thoughts(r: Random) -> list[Any]:
    if r.random() < 0.5:
        return []
    if r.random() < 0.2:
        return [{"type": "redacted_thinking", "data": PIXEL}]
    return [_model(r, ThinkingBlock, {"type": "thinking", "thinking": maybe_empty(r), "signature": PIXEL})]


def answer(r: Random) -> list[Message]:
    """What the model says, and what the user says then."""
    if r.random() < 0.3:
        return [{"role": "assistant", "content": text(r)}, *user(r)]
    said = _model(r, TextBlock, {"type": "text", "text": text(r), "citations": None})
    return [{"role": "assistant", "content": [*_thoughts(r), said]}, *user(r)]


def cited(r: Random) -> list[Message]:
    """A document, and an answer that cites it."""
    citation = {
        "type": "char_location",
        "cited_text": "a",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 1,
    }
    asked = {"role": "user", "content": [_document(r), _text(r)]}
    said = {"type": "text", "text": text(r), "citations": [citation]}
    return [asked, {"role": "assistant", "content": [_text(r), said]}, *user(r)]


def _result(r: Random, call: str) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": call}
    kind = r.random()
    if kind < 0.55:
        block["content"] = maybe_empty(r)
    elif kind < 0.9:
        made = (_text(r), _image(), _document(r), _found(r))
        block["content"] = r.choices(made, weights=(6, 1, 1, 1), k=r.randint(1, 3))
    if r.random() < 0.2:
        block["is_error"] = True
    return block


def tools(r: Random) -> list[Message]:
    """A model's calls, and what came of them."""
    calls = [
        {"type": "tool_use", "id": ident(r, "toolu_"), "name": name(r), "input": {"path": words(r)}}
        for _ in range(r.randint(1, 4))
    ]
    said = [*_thoughts(r), *([_text(r)] if r.random() < 0.4 else []), *[_model(r, ToolUseBlock, c) for c in calls]]
    results: list[Any] = [_result(r, call["id"]) for call in r.sample(calls, len(calls))]
    if r.random() < 0.15:
        results.append(_text(r))
    return [{"role": "assistant", "content": said}, {"role": "user", "content": results}]


def served(r: Random) -> list[Message]:
    """Tools that the provider runs."""
    call = ident(r, "srvtoolu_")
    use = {"type": "server_tool_use", "id": call, "name": "web_search", "input": {"query": "a"}}
    page = {"type": "web_search_result", "title": "A", "url": "https://a.example", "encrypted_content": PIXEL}
    result = {"type": "web_search_tool_result", "tool_use_id": call, "content": [page]}
    return [{"role": "assistant", "content": [*_thoughts(r), use, result, _text(r)]}, *user(r)]


def instructed(r: Random) -> list[Message]:
    """Instructions on the way, which may only stand between the user and the model."""
    rest = answer(r) if r.random() < 0.5 else tools(r)
    begun = user(r) if r.random() < 0.5 else tools(r)
    return [*begun, {"role": "system", "content": text(r)}, *rest]


def _model(r: Random, kind: Any, block: dict[str, Any]) -> Any:
    """Now and then as the SDK gave it."""
    return kind.model_validate(block) if r.random() < 0.2 else block


TURNS: tuple[tuple[Callable[[Random], list[Message]], int], ...] = (
    (user, 1),
    (answer, 4),
    (cited, 2),
    (tools, 8),
    (served, 1),
    (instructed, 1),
)


def _mark(messages: list[Any], r: Random) -> None:
    """Breakpoints of the caller's own."""
    for place in r.sample(range(len(messages)), min(len(messages), r.randint(0, 2))):
        content = messages[place]["content"]
        if isinstance(content, list) and content and isinstance(content[-1], dict):
            block: Any = content[-1]
            if "thinking" not in block["type"]:
                content[-1] = {**block, "cache_control": {"type": "ephemeral"}}


def body(turns: list[Any], r: Random) -> dict[str, Any]:
    """A request of these turns; its beginning and its end are chosen by ``r``."""
    messages: list[Any] = user(r)
    for turn in turns:
        messages += turn
    if r.random() < 0.1 and messages[-1]["role"] == "user":
        messages.append({"role": "system", "content": text(r)})
    elif r.random() < 0.1 and messages[-1]["role"] == "user":
        messages.append({"role": "assistant", "content": "So I"})
    found: dict[str, Any] = {"model": "claude-sonnet-5", "max_tokens": 100, "messages": messages}
    if r.random() < 0.5:
        _mark(messages, r)
    if r.random() < 0.5:
        mark = {"type": "ephemeral", "ttl": "1h"}
        found["system"] = text(r) if r.random() < 0.5 else [{"type": "text", "text": words(r), "cache_control": mark}]
    if r.random() < 0.3:
        found["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    return found
