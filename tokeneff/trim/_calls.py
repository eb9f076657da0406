"""What a model's turn called, by dialect, and whether a result shows a file as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tokeneff._plain import fields, items, plain, string


class Called(NamedTuple):
    """A call that a model made."""

    call: str
    tool: str
    arguments: str
    """JSON as it was written, or as its values would be."""


_FILE_TOOL = re.compile(
    r"^(?:read|view|cat|open|edit|write|multiedit|create|append|notebook\w*|text_?editor)$"
    r"|(?:read|view|open|get|show|cat|edit|write|create|update|patch|replace|insert)\w*?[_.-]?"
    r"(?:files?|lines?|code|source|notebook|document|contents?|range)(?:$|[_.-])"
    r"|str_replace|apply_patch|editor",
    re.IGNORECASE,
)
_SHOWS = re.compile(
    r"(?:^|[\s;&|(\"'`/])(?:cat|bat|sed|head|tail|nl|awk|less|more|diff|xxd|od|hexdump|type|get-content"
    r"|git (?:\S+ )*?(?:diff|show|apply|blame|stash)|grep|rg|ack)(?=[\s\"'])",
    re.IGNORECASE,
)


_LOOKED_AT = 2000
"""Characters of a command."""


def calls_of(dialect: str, message: Any) -> Iterator[Called]:
    """The calls of a message; none where it is something else, whatever it is."""
    found = fields(message) or {}
    if dialect == "chat":
        for call in items(found.get("tool_calls")):
            one = fields(call) or {}
            function = fields(one.get("function")) or fields(one.get("custom")) or {}
            yield _called(one.get("id"), function.get("name"), function.get("arguments") or function.get("input"))
    elif dialect == "responses":
        if string(found.get("type")) in ("function_call", "custom_tool_call"):
            yield _called(found.get("call_id"), found.get("name"), found.get("arguments") or found.get("input"))
    elif not isinstance(found.get("content"), str):
        for block in items(found.get("content")):
            one = fields(block) or {}
            if string(one.get("type")) in ("tool_use", "server_tool_use", "mcp_tool_use"):
                yield _called(one.get("id"), one.get("name"), one.get("input"))


def _called(call: Any, tool: Any, given: Any) -> Called:
    text = string(given)
    if text is None:
        text = "" if given is None else _json(given)
    return Called(string(call) or "", string(tool) or "", text)


def _json(given: Any) -> str:
    try:
        return json.dumps(given, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return json.dumps(plain(given), ensure_ascii=False, separators=(",", ":"))


def shows_a_file(tool: str, arguments: str) -> bool:
    """Whether the very characters of a result may have to be repeated: it is of a tool that reads or changes files, or
    of a shell that was told to show one.

    >>> shows_a_file("read_file", ""), shows_a_file("bash", '{"command":"cat a.json"}')
    (True, True)
    >>> shows_a_file("get_user_details", "{}"), shows_a_file("bash", '{"command":"make test"}')
    (False, False)
    """
    return bool(_FILE_TOOL.search(tool)) or (
        ("command" in arguments or "cmd" in arguments) and bool(_SHOWS.search(arguments[:_LOOKED_AT]))
    )
