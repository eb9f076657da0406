"""What the model is told of what was left out, and when it may fetch it back: whenever it has the tool to do so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokeneff._log import log_once
from tokeneff._plain import fields, items, string

TOOL = "recall_left_out"
"""The name of the tool."""


def hint(name: str) -> str:
    """How the model fetches a text of this name.

    >>> hint("ab" * 16)
    'recall_left_out("abababababababababababababababab") gives it'
    """
    return f'{TOOL}("{name}") gives it'


def tenant_of(by: Sequence[str], tags: Mapping[str, Any]) -> str:
    """Whose texts these are: each value of the tags of these names has its own.

    >>> tenant_of(["user"], {"user": "u1", "feature": "chat"}), tenant_of([], {"user": "u1"})
    ("'u1'", '')
    """
    return "\n".join(repr(tags.get(name)) for name in by)


def can_recall(body: Mapping[str, Any]) -> bool:
    """Whether the tool is among a request's own; where others are and it is not, that is said once."""
    tools = items(body.get("tools"))
    if any(_name_of(tool) == TOOL for tool in tools):
        return True
    if tools:
        log_once(
            "trim recall",
            "Trim(recall=True) has no effect on a request whose tools do not hold %s: add what tokeneff.recall(client) "
            "gives to tools=",
            TOOL,
        )
    return False


def _name_of(tool: Any) -> str | None:
    found = fields(tool) or {}
    return string((fields(found.get("function")) or found).get("name"))
