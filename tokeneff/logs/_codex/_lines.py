"""One line of a Codex log to its kind and what it carries.

Lines are ``{"timestamp", "type", "payload"}``; versions before September 2025 wrote the payloads of ``response_item``
lines alone, after a first line that is the ``session_meta``'s.
"""

from __future__ import annotations

from typing import NamedTuple

from tokeneff.logs._fields import Obj, micros, obj, text

KINDS = frozenset(
    {"session_meta", "turn_context", "response_item", "event_msg", "compacted", "token_usage_record", "world_state"}
    | {"inter_agent_communication", "inter_agent_communication_metadata", "state", "security_risk_score"}
)
SAID_BY_MODEL = frozenset(
    {"reasoning", "function_call", "custom_tool_call", "local_shell_call", "web_search_call", "tool_search_call"}
    | {"image_generation_call", "agent_message"}
)
_ITEMS = SAID_BY_MODEL | {
    *("message", "function_call_output", "custom_tool_call_output", "local_shell_call_output", "tool_search_output"),
    *("compaction", "context_compaction", "ghost_snapshot", "additional_tools", "other"),
}
_NOT_SENT = frozenset({"ghost_snapshot", "compaction_trigger", "other", "additional_tools"})


class Line(NamedTuple):
    """A line: what kind it is of, and what it carries."""

    kind: str
    payload: Obj
    time: int | None


def line_of(fields: Obj) -> Line | str:
    """Return what the line holds, or why it cannot be used."""
    kind, time = fields.get("type"), micros(fields.get("timestamp"))
    if isinstance(kind, str) and kind in KINDS:
        payload = fields.get("payload")
        if isinstance(payload, dict):
            return Line(kind, obj(payload), time)
        return f"a line of type {kind!r} without a payload"
    if isinstance(kind, str) and kind in _ITEMS and "payload" not in fields:
        return Line("response_item", fields, time)
    if kind is None and text(fields.get("id")) and "timestamp" in fields:
        return Line("session_meta", fields, time)
    if kind is None and "record_type" in fields:
        return Line("state", fields, time)
    return f"unknown line type {kind[:40]!r}" if isinstance(kind, str) else "a line without a type"


def by_model(item: Obj) -> bool:
    """Whether an item is part of what the model replied."""
    kind = text(item.get("type"))
    return kind in SAID_BY_MODEL or (kind == "message" and item.get("role") == "assistant")


def is_sent(item: Obj) -> bool:
    """Whether an item is part of the prompts that follow it."""
    return isinstance(item.get("type"), str) and item["type"] not in _NOT_SENT
