"""Requests for responses, turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseReasoningItem
from trim_texts import PIXEL, ident, maybe_empty, name, text, words

Item = Any


def user(r: Random) -> list[Item]:
    """What a user says."""
    if r.random() < 0.5:
        return [{"role": "user", "content": maybe_empty(r)}]
    parts: list[Any] = [{"type": "input_text", "text": maybe_empty(r)}]
    if r.random() < 0.3:
        parts.append({"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"})
    if r.random() < 0.2:
        parts.append({"type": "input_file", "file_id": ident(r, "file-")})
    if r.random() < 0.2:
        parts[0]["prompt_cache_breakpoint"] = {"mode": "explicit"}
    return [{"type": "message", "role": "user", "content": parts}]


def instructions(r: Random) -> list[Item]:
    """A system prompt, anywhere."""
    return [{"role": r.choice(("system", "developer")), "content": text(r)}]


def reasoning(r: Random) -> Item:
    """What the model thought."""
    summary = [{"type": "summary_text", "text": text(r)}] if r.random() < 0.5 else []
    item: dict[str, Any] = {"type": "reasoning", "id": ident(r, "rs_"), "summary": summary}
    if r.random() < 0.7:
        item["encrypted_content"] = PIXEL
    return _model(r, ResponseReasoningItem, item)


def _said(r: Random) -> Item:
    if r.random() < 0.4:
        return {"role": "assistant", "content": words(r)}
    parts: list[Any] = [{"type": "output_text", "text": text(r), "annotations": []}]
    if r.random() < 0.3:
        cited = {"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0, "end_index": 1}
        parts[0]["annotations"] = [cited]
    if r.random() < 0.15:
        parts = [{"type": "refusal", "refusal": text(r)}]
    item = {"type": "message", "id": ident(r, "msg_"), "role": "assistant", "status": "completed", "content": parts}
    return _model(r, ResponseOutputMessage, item)


def answer(r: Random) -> list[Item]:
    """What the model says."""
    return [*([reasoning(r)] if r.random() < 0.4 else []), _said(r)]


def _call(r: Random) -> tuple[Item, Item]:
    call, kind = ident(r, "call_"), r.random()
    if kind < 0.6:
        item = {"type": "function_call", "call_id": call, "name": name(r), "arguments": "{}"}
        output = {"type": "function_call_output", "call_id": call, "output": _output(r)}
        return _model(r, ResponseFunctionToolCall, item), output
    if kind < 0.75:
        item = {"type": "custom_tool_call", "call_id": call, "name": name(r), "input": text(r)}
        return item, {"type": "custom_tool_call_output", "call_id": call, "output": _output(r)}
    if kind < 0.9:
        item = {"type": "shell_call", "call_id": call, "action": {"commands": ["ls"]}}
        outcome = r.choice(({"type": "exit", "exit_code": r.randint(0, 1)}, {"type": "timeout"}))
        parts = [{"stdout": maybe_empty(r), "stderr": maybe_empty(r), "outcome": outcome}]
        return item, {"type": "shell_call_output", "call_id": call, "output": parts}
    operation = {"type": "delete_file", "path": "a.py"}
    item = {"type": "apply_patch_call", "call_id": call, "status": "completed", "operation": operation}
    status = r.choice(("completed", "failed"))
    return item, {"type": "apply_patch_call_output", "call_id": call, "status": status, "output": text(r)}


def _output(r: Random) -> Any:
    if r.random() < 0.7:
        return maybe_empty(r)
    parts: list[Any] = [{"type": "input_text", "text": maybe_empty(r)} for _ in range(r.randint(1, 3))]
    if r.random() < 0.2:
        parts.append({"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"})
    return parts


def tools(r: Random) -> list[Item]:
    """A model's calls, and what came of them: behind all calls, or each behind its own."""
    pairs = [_call(r) for _ in range(r.randint(1, 4))]
    head = [reasoning(r)] if r.random() < 0.6 else []
    if r.random() < 0.2:
        head.append(_said(r))
    if r.random() < 0.6:
        return [*head, *[call for call, _ in pairs], *r.sample([output for _, output in pairs], len(pairs))]
    return [*head, *[item for pair in pairs for item in pair]]


def late(r: Random) -> list[Item]:
    """A call that is answered when the user has said something else."""
    call, output = _call(r)
    return [call, *user(r), output]


def served(r: Random) -> list[Item]:
    """Tools that the provider runs, and what only it knows."""
    items: tuple[Item, ...] = (
        {
            "type": "mcp_call",
            "id": ident(r, "mcp_"),
            "arguments": "{}",
            "name": name(r),
            "server_label": "s",
            "output": text(r),
        },
        {"type": "mcp_list_tools", "id": ident(r, "mcpl_"), "server_label": "s", "tools": []},
        {"type": "item_reference", "id": ident(r, "msg_")},
        {"type": "compaction", "id": ident(r, "cmp_"), "encrypted_content": PIXEL},
        {
            "type": "web_search_call",
            "id": ident(r, "ws_"),
            "status": "completed",
            "action": {"type": "search", "query": "a"},
        },
        {
            "type": "image_generation_call",
            "id": ident(r, "ig_"),
            "result": PIXEL,
            "status": "completed",
        },
    )
    return [*([reasoning(r), _said(r)] if r.random() < 0.3 else []), r.choice(items)]


def approved(r: Random) -> list[Item]:
    """A call that the user had to agree to."""
    ask = ident(r, "mcpr_")
    request = {"type": "mcp_approval_request", "id": ask, "arguments": "{}", "name": name(r), "server_label": "s"}
    return [request, {"type": "mcp_approval_response", "approval_request_id": ask, "approve": True}]


def _model(r: Random, kind: Any, item: dict[str, Any]) -> Item:
    """Now and then as the SDK gave it."""
    return kind.model_validate(item) if r.random() < 0.2 else item


TURNS: tuple[tuple[Callable[[Random], list[Item]], int], ...] = (
    (user, 4),
    (answer, 4),
    (tools, 7),
    (late, 1),
    (served, 2),
    (approved, 1),
    (instructions, 1),
)


def body(turns: list[Any], r: Random) -> dict[str, Any]:
    """A request of these turns; its beginning and its end are chosen by ``r``."""
    found: dict[str, Any] = {"model": "gpt-5"}
    if r.random() < 0.5:
        found["instructions"] = text(r)
    if not turns and r.random() < 0.5:
        return {**found, "input": text(r)}
    items: list[Any] = instructions(r) if r.random() < 0.3 else []
    if r.random() < 0.1:
        items.append({"role": "assistant", "content": "Hello, what can I do for you?"})
    if r.random() < 0.1:
        found["previous_response_id"] = ident(r, "resp_")
        items.append({"type": "function_call_output", "call_id": ident(r, "call_"), "output": text(r)})
    items += user(r)
    for turn in turns:
        items += turn
    if r.random() < 0.5:
        items += user(r)
    return {**found, "input": items}
