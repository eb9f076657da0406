"""Items of the input of a responses request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._plain import fields, items
from tokeneff.trim._history import SpotKind
from tokeneff.trim._reading._said import Gathering, Part, Said, Who, is_text, listed, named, parts_of

_WHO: dict[str, Who] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_CALLS = frozenset(("function_call", "custom_tool_call", "computer_call", "shell_call", "apply_patch_call"))
_SERVER = frozenset(
    ("file_search_call", "web_search_call", "code_interpreter_call", "image_generation_call", "mcp_call")
)
_SIMPLE = frozenset(("message", "reasoning", "mcp_list_tools"))
_BOUND = frozenset(
    ("mcp_approval_request", "item_reference", "program", "tool_search_call", "tool_search_output", "local_shell_call")
)
_WRITTEN = frozenset(("reasoning", "item_reference", "program", "program_output", "mcp_approval_request"))
_FAILED = frozenset(("failed", "incomplete"))


def read(item: Mapping[str, Any]) -> Said | None:
    """Read an item; ``None`` for what is none."""
    name = named(item, "type") or ("message" if item.get("role") is not None else "item_reference")
    found = Gathering()
    found.mark(item)
    if name == "message":
        return _message(item, found)
    written = name in _WRITTEN or name.endswith("_call")
    known = name in _CALLS or name in _SERVER or name in _SIMPLE
    call = named(item, "call_id") or (named(item, "id") if name == "local_shell_call_output" else "")
    if name.endswith("_output") and name != "program_output":
        _output(item, name, call, found)
        return found.said("results")
    found.bound = not known
    found.thinking = name in ("reasoning", "item_reference")
    if name in _CALLS or (written and not known and call):
        if not call:
            found.wrong("calls a tool without an id")
        found.calls.append((call, named(item, "name") or name))
    caller = named(fields(item.get("caller")) or {}, "caller_id")
    if caller:
        found.refers.append(caller)
        found.bound = True
    return found.said("assistant" if written else "results" if name == "mcp_approval_response" else "kept")


def text(value: str) -> Said:
    """An input that is one text."""
    return Said("user", (Part((), "user"),) if value else (), fault="" if value else "has no content")


def _message(item: Mapping[str, Any], found: Gathering) -> Said | None:
    who = _WHO.get(named(item, "role"))
    if who is None:
        return None
    kind: SpotKind | None = "user" if who == "user" else "assistant" if who == "assistant" else None
    content = item.get("content")
    own = bool(named(item, "id"))  # the provider may know it, and take its own text
    if isinstance(content, str):
        if kind is not None and content:
            found.parts.append(Part(("content",), kind, fixed=own))
        return found.said(who)
    if listed(content) is None:
        found.wrong("has no content")
    for place, part in found.blocks(content):
        found.mark(part)
        name = named(part, "type")
        if (who == "assistant") == name.startswith("input_"):
            found.wrong(f"has a part of type {name}, which {named(item, 'role')} messages have not")
        if name in ("input_text", "output_text", "text") and kind is not None and is_text(part.get("text")):
            fixed = own or bool(items(part.get("annotations")) or items(part.get("logprobs")))
            found.parts.append(Part(("content", place, "text"), kind, fixed=fixed))
    return found.said(who)


def _output(item: Mapping[str, Any], name: str, call: str, found: Gathering) -> None:
    if call:
        found.answers.append(call)
    elif name == "function_call_output":
        found.wrong("answers no tool call")
    known = name.removesuffix("_output") in _CALLS
    found.bound = not known or bool(fields(item.get("caller")))
    error = named(item, "status") in _FAILED
    output = item.get("output")
    if isinstance(output, str):
        if output:
            found.parts.append(Part(("output",), "tool_result", call, error=error))
        return
    for place, part in parts_of(output):
        found.mark(part)
        if name == "shell_call_output":
            outcome = fields(part.get("outcome")) or {}
            failed = error or outcome.get("type") == "timeout" or bool(outcome.get("exit_code"))
            for key in ("stdout", "stderr"):
                if is_text(part.get(key)):
                    found.parts.append(Part(("output", place, key), "tool_result", call, error=failed))
        elif named(part, "type") == "input_text" and is_text(part.get("text")):
            found.parts.append(Part(("output", place, "text"), "tool_result", call, error=error))
