"""Messages of Anthropic's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._plain import fields, items
from tokeneff.trim._history import Path
from tokeneff.trim._reading._said import EMPTY, Gathering, Part, Said, Who, blank, listed, named, parts_of

_THINKING = ("thinking", "redacted_thinking")
_USERS = frozenset(("text", "image", "document", "search_result", "tool_result", "container_upload"))
_BLANK = "has an empty text"


def read(message: Mapping[str, Any]) -> Said | None:
    """Read a message; ``None`` for what is none."""
    role = named(message, "role")
    if role not in ("user", "assistant", "system"):
        return None
    who: Who = role
    found = Gathering()
    content = message.get("content")
    if isinstance(content, str):
        if blank(content):
            found.wrong(EMPTY)
        elif who != "system":
            found.parts.append(Part(("content",), who))
        return found.said(who)
    blocks = found.blocks(content) if listed(content) is not None else []
    if not blocks:
        found.wrong(EMPTY)
    only_results, first = bool(blocks), ""
    for place, block in blocks:
        name = named(block, "type")
        first = first or name
        if name == "tool_result" and not only_results:
            found.wrong("has a tool's result behind something else")
        only_results = only_results and name == "tool_result"
        _block(block, name, ("content", place), who, found)
    if only_results and who == "user":
        who = "results"
    return found.said(who, first in _THINKING)


def _block(block: Mapping[str, Any], name: str, path: Path, who: Who, found: Gathering) -> None:
    marked = found.mark(block)
    if name != "text" and (who == "system" or (who == "assistant" and name in _USERS)):
        found.wrong(f"has a block of type {name}, which is not for its role")
    if name == "text":
        _text(block, path, who, found)
    elif name == "tool_result":
        _result(block, path, found)
    elif name in ("document", "search_result"):
        _document(block, name, path, found)
    elif name == "tool_use":
        if who != "assistant":
            found.wrong("calls a tool, which is for the model to do")
        found.calls.append((named(block, "id"), named(block, "name")))
        caller = named(fields(block.get("caller")) or {}, "tool_id")
        if caller:
            found.refers.append(caller)
    elif name in _THINKING:
        found.thinking = True
        if marked:
            found.wrong("has a cache breakpoint at thinking")
    elif name.endswith("tool_use"):
        found.offers.append(named(block, "id"))
    elif name.endswith("tool_result"):
        found.refers.append(named(block, "tool_use_id"))
        found.documents = found.documents or "fetch" in name or "search" in name
        found.bound = found.bound or "tool_search" in name
    elif name not in _USERS:
        found.bound = True


def _text(block: Mapping[str, Any], path: Path, who: Who, found: Gathering) -> None:
    text = block.get("text")
    if not isinstance(text, str) or blank(text):
        found.wrong(_BLANK)
        return
    cites = bool(items(block.get("citations")))
    found.cites = found.cites or cites
    if who != "system":
        found.parts.append(Part((*path, "text"), "assistant" if who == "assistant" else "user", fixed=cites))


def _result(block: Mapping[str, Any], path: Path, found: Gathering) -> None:
    call, error = named(block, "tool_use_id"), block.get("is_error") is True
    if not call:
        found.wrong("has a tool's result that answers no call")
    found.answers.append(call)
    content = block.get("content")
    if isinstance(content, str):
        if content:
            found.parts.append(Part((*path, "content"), "tool_result", call, error=error))
        return
    for place, part in parts_of(content):
        found.mark(part)
        name = named(part, "type")
        inner: Path = (*path, "content", place)
        if name == "text":
            text = part.get("text")
            if isinstance(text, str) and not blank(text):
                found.parts.append(Part((*inner, "text"), "tool_result", call, error=error))
            else:
                found.wrong(_BLANK)
        elif name in ("document", "search_result"):
            _document(part, name, inner, found, call, error)
        elif name == "tool_reference":
            found.bound = True  # what it names is defined by this


def _document(
    block: Mapping[str, Any], name: str, path: Path, found: Gathering, call: str = "", error: bool = False
) -> None:
    found.documents = True
    holder, at = block, path
    if name == "document":
        source = fields(block.get("source")) or {}
        kind = named(source, "type")
        if kind == "text" and named(source, "data"):
            found.parts.append(Part((*path, "source", "data"), "document", call, error=error))
        if kind != "content":
            return
        holder, at = source, (*path, "source")
    content = holder.get("content")
    if isinstance(content, str):
        if content:
            found.parts.append(Part((*at, "content"), "document", call, error=error))
        return
    for place, part in parts_of(content):
        found.mark(part)
        if named(part, "type") == "text" and not blank(named(part, "text")):
            found.parts.append(Part((*at, "content", place, "text"), "document", call, error=error))
