"""The items of the Responses API, which are flat: messages, reasoning, calls and their results, one after another."""

from __future__ import annotations

from collections.abc import Callable

from tokeneff._plain import fields, items, string
from tokeneff.adapters._parts import (
    Body,
    Part,
    blob,
    compaction,
    other,
    parsed,
    reasoning,
    server_call,
    server_response,
    text,
    tool_call,
    tool_response,
)
from tokeneff.adapters.openai._content.blocks import content_parts

Said = tuple[str, list[Part]]
"""A role, and what it said."""

_SERVER_TOOLS = {
    "code_interpreter_call": "code_interpreter",
    "file_search_call": "file_search",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcp_list_tools",
    "tool_search_call": "tool_search",
    "web_search_call": "web_search",
}
_OUTCOMES = ("output", "outputs", "results", "error", "tools")
_HEAD = ("id", "type", "call_id", "name")


def said_by(value: object) -> Said:
    """Who says an item, and its parts. An item that has nothing to tell (encrypted reasoning) has no parts."""
    item = fields(value)
    if item is None:
        written = string(value)
        return ("user", [other(value) if written is None else text(written)])
    kind = string(item.get("type"))
    if kind is None or kind == "message":
        return (string(item.get("role")) or "unknown", content_parts(item.get("content")))
    read = _ITEMS.get(kind)
    if read is not None:
        return read(item)
    if kind.endswith("_output"):
        return ("tool", [tool_response(_call_id(item), item.get("output"))])
    role = string(item.get("role")) or ("assistant" if kind.endswith(("_call", "_request")) else "user")
    return (role, [other(item)])


def _call_id(item: Body) -> str | None:
    return string(item.get("call_id")) or string(item.get("id"))


def _thought(item: Body) -> Said:
    blocks = [*items(item.get("summary")), *items(item.get("content"))]
    texts = [string((fields(block) or {}).get("text")) for block in blocks]
    return ("assistant", [reasoning(said) for said in texts if said])


def _function(item: Body) -> Said:
    return ("assistant", [tool_call(_call_id(item), item.get("name"), item.get("arguments"))])


def _custom(item: Body) -> Said:
    return ("assistant", [tool_call(_call_id(item), item.get("name"), item.get("input"))])


def _acting(name: str, *keys: str) -> Callable[[Body], Said]:
    """A call of a tool that the caller's own machine is to carry out."""

    def read(item: Body) -> Said:
        arguments = {key: item[key] for key in keys if item.get(key) is not None}
        return ("assistant", [tool_call(_call_id(item), name, arguments)])

    return read


def _approval_asked(item: Body) -> Said:
    arguments = {"server_label": item.get("server_label"), "arguments": parsed(item.get("arguments"))}
    return ("assistant", [tool_call(item.get("id"), item.get("name"), arguments)])


def _approval_given(item: Body) -> Said:
    answer = {key: item[key] for key in ("approve", "reason") if item.get(key) is not None}
    return ("tool", [tool_response(item.get("approval_request_id"), answer)])


def _server(item: Body) -> Said:
    kind = _SERVER_TOOLS[str(item["type"])]
    known = _call_id(item)
    asked = {
        key: value for key, value in item.items() if key not in _HEAD and key not in _OUTCOMES and value is not None
    }
    if "arguments" in asked:
        asked["arguments"] = parsed(asked["arguments"])
    parts = [server_call(known, item.get("name"), kind, asked)]
    got = {key: item[key] for key in _OUTCOMES if item.get(key) is not None}
    if got:
        parts.append(server_response(known, kind, got))
    return ("assistant", parts)


def _found_tools(item: Body) -> Said:
    return ("assistant", [server_response(_call_id(item), "tool_search", {"tools": item.get("tools")})])


def _image(item: Body) -> Said:
    asked = {key: value for key, value in item.items() if key not in (*_HEAD, "result") and value is not None}
    parts = [server_call(item.get("id"), None, "image_generation", asked)]
    if string(item.get("result")):
        parts.append(blob("image", f"image/{string(item.get('output_format')) or 'png'}", item["result"]))
    return ("assistant", parts)


def _compaction(item: Body) -> Said:
    return ("assistant", [compaction(item)])


_ITEMS: dict[str, Callable[[Body], Said]] = {
    "reasoning": _thought,
    "function_call": _function,
    "custom_tool_call": _custom,
    "computer_call": _acting("computer", "action", "actions"),
    "local_shell_call": _acting("local_shell", "action"),
    "shell_call": _acting("shell", "action"),
    "apply_patch_call": _acting("apply_patch", "operation"),
    "mcp_approval_request": _approval_asked,
    "mcp_approval_response": _approval_given,
    "image_generation_call": _image,
    "tool_search_output": _found_tools,
    "compaction": _compaction,
    **dict.fromkeys(_SERVER_TOOLS, _server),
}
