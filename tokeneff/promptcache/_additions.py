"""What is added to a request for a provider's prompt cache, on copies of the parts that are touched and no others.

A caller's own settings win: a request that has any setting of this kind, anywhere, is left as it is. Filling in what
such a caller left free would change what they planned to write and pay, and breakpoints depend on each other (four in
all, the longer life first, twenty blocks of look-back from each).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tokeneff._plain import COMMON, absent
from tokeneff.promptcache._pieces import Mark, Pieces

Body = Mapping[str, Any]

# anthropic 2.12: the `*_block_param` types with a `cache_control` field; those that hold other blocks or come from a
# tool that the provider runs are left alone.
_MARKABLE = frozenset(("text", "image", "document", "search_result", "tool_use", "tool_result"))
_OPENAI_MARKABLE = frozenset(("text", "input_text", "image_url", "input_image", "file", "input_file", "input_audio"))
_OPENAI_OWN = (
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "previous_response_id",
    "conversation",
    "prompt",
    "user",
)


def is_set(body: Body, name: str) -> bool:
    """Whether a field says something."""
    value = body.get(name)
    return value is not None and (type(value) in COMMON or not absent(value))


def anthropic_own(body: Body, marked: bool) -> bool:
    """Whether the caller has set any breakpoint, or the parts that we would touch are not plain data.

    Args:
        marked: whether one is set within the tools, the system prompt or the messages.
    """
    messages, system, tools = body.get("messages"), body.get("system"), body.get("tools")
    plain = type(messages) is list and (not is_set(body, "system") or type(system) in (str, list))
    return marked or is_set(body, "cache_control") or not plain or (is_set(body, "tools") and type(tools) is not list)


def openai_own(body: Body, marked: bool) -> bool:
    """The same for OpenAI; also a conversation that the provider keeps, or a ``user``, which it routes by."""
    return marked or any(is_set(body, name) for name in _OPENAI_OWN)


class Spots:
    """Where breakpoints of Anthropic's can go in a request."""

    def __init__(self, body: Body, pieces: Pieces) -> None:
        self._body = body
        self._tools: list[Any] = body["tools"] if is_set(body, "tools") else []
        system: Any = body.get("system") if is_set(body, "system") else None
        self._system: list[Any] = cast("list[Any]", system) if type(system) is list else [system] if system else []
        self._messages: list[Any] = body["messages"]
        self._first = len(pieces.chain) - len(self._messages)
        self._head, self._tool_pieces = pieces.head, pieces.tools

    def markable(self, piece: int) -> bool:
        """Whether a breakpoint can end this piece."""
        if piece >= max(self._first, self._head):
            return _message_takes(self._messages[piece - self._first])
        if piece < self._tool_pieces:
            # An output schema is a piece, too, and comes after all tools; a tool that is loaded later is not cached.
            if piece != self._tool_pieces - 1 or self._tool_pieces != len(self._tools):
                return False
            tool = self._tools[-1]
            return type(tool) is dict and "name" in tool and not cast("Body", tool).get("defer_loading")
        if piece != self._head - 1 or self._head - self._tool_pieces != len(self._system):
            return False
        return _block_takes(self._system[-1]) or (type(self._system[-1]) is str and bool(self._system[-1].strip()))

    def with_marks(self, marks: Sequence[Mark]) -> dict[str, Any]:
        """The request with these breakpoints."""
        body = dict(self._body)
        messages: list[Any] | None = None
        for mark in marks:
            control = {"type": "ephemeral"} if mark.ttl is None else {"type": "ephemeral", "ttl": mark.ttl}
            if mark.piece >= self._first:
                messages = messages if messages is not None else list(self._messages)
                place = mark.piece - self._first
                messages[place] = _marked_message(messages[place], control)
            elif mark.piece < self._tool_pieces:
                body["tools"] = [*self._tools[:-1], {**self._tools[-1], "cache_control": control}]
            else:
                body["system"] = [*self._system[:-1], _marked(self._system[-1], control)]
        if messages is not None:
            body["messages"] = messages
        return body


def _message_takes(message: Any) -> bool:
    if type(message) is not dict or cast("Body", message).get("role") != "user":
        return False  # what the model wrote may be a beginning that it goes on with
    content = cast("Body", message).get("content")
    if type(content) is str:
        return bool(content.strip())
    blocks: list[Any] = cast("list[Any]", content) if type(content) is list else []
    return bool(blocks) and _block_takes(blocks[-1])


def _block_takes(block: Any) -> bool:
    if type(block) is not dict:
        return False
    fields = cast("Body", block)
    kind = fields.get("type")
    if kind == "text":
        text = fields.get("text")
        return isinstance(text, str) and bool(text.strip())
    return kind in _MARKABLE


def _marked_message(message: Any, control: dict[str, str]) -> dict[str, Any]:
    content = message["content"]
    blocks = [content] if type(content) is str else content
    return {**message, "content": [*blocks[:-1], _marked(blocks[-1], control)]}


def _marked(block: Any, control: dict[str, str]) -> dict[str, Any]:
    if type(block) is str:
        return {"type": "text", "text": block, "cache_control": control}
    return {**block, "cache_control": control}


def head_point(body: Body, dialect: str, pieces: Pieces) -> dict[str, Any] | None:
    """A request to OpenAI with a breakpoint after its system prompt; ``None`` where that takes none.

    Only a system message at the beginning does: instructions of a response are a text and no block.
    """
    name = "input" if dialect == "responses" else "messages"
    messages = body.get(name)
    place = pieces.head - pieces.tools - 1
    if type(messages) is not list or place < 0 or (dialect == "responses" and is_set(body, "instructions")):
        return None
    items = cast("list[Any]", messages)
    message = items[place] if place < len(items) else None
    if type(message) is not dict or cast("Body", message).get("role") not in ("system", "developer"):
        return None
    fields = cast("dict[str, Any]", message)
    content = fields.get("content")
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    kind = "input_text" if dialect == "responses" else "text"
    if type(content) is str and content.strip():
        blocks: list[Any] = [{"type": kind, "text": content, **mark}]
    elif type(content) is list and content:
        parts, last = cast("list[Any]", content), cast("list[Any]", content)[-1]
        if type(last) is not dict or cast("Body", last).get("type") not in _OPENAI_MARKABLE:
            return None
        blocks = [*parts[:-1], {**cast("Body", last), **mark}]
    else:
        return None
    return {**body, name: [*items[:place], {**fields, "content": blocks}, *items[place + 1 :]]}
