"""A request as trimming sees it: which of its texts may be replaced, which messages stand and fall together.

The caller's body is never changed: what is replaced or dropped makes a new body that shares all else with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where a text is, from the body: ``("messages", 3, "content", 0, "text")``."""
SpotKind: TypeAlias = Literal["tool_result", "document", "user", "assistant"]
"""What a text is: of a tool's result, of a document block, what the user wrote, what the model wrote."""


class Spot(NamedTuple):
    """A text that may be replaced without making the request invalid."""

    path: Path
    message: int
    """The message that it is in, from 0."""
    kind: SpotKind
    text: str
    tool: str = ""
    """Name of the tool whose result it is, where the request tells."""
    call: str = ""
    """Id of the tool call that it answers."""
    error: bool = False
    """Whether the tool said that it failed."""
    fixed: bool = False
    """Whether it is to stay as it is: of the newest user turn, with citations into it, or marked by the caller's own
    ``cache_control`` at or after it in a way that an edit would move."""


class Exchange(NamedTuple):
    """Messages that stand and fall together: a model's turn with all results of the tools that it called."""

    start: int
    stop: int
    """Behind the last."""
    free: bool = True
    """Whether it may be left out: not the newest turn, nothing later refers to it, thinking rules allow it."""


class History(NamedTuple):
    """A request taken apart. Holds the caller's body only as long as the call lasts."""

    dialect: str
    """``chat``, ``responses`` or ``messages``."""
    body: Mapping[str, Any]
    messages: Sequence[Any]
    """The caller's own objects (mappings or SDK models)."""
    spots: tuple[Spot, ...]
    """In order of the messages. System prompts and instructions, tool calls' arguments, reasoning and thinking,
    images and files are no spots: nothing may touch them."""
    exchanges: tuple[Exchange, ...]
    arrived: int
    """The first message behind the newest one that the model wrote: from there on no cache can have seen it."""
    chain: tuple[bytes, ...]
    """Of each message: 16 bytes over tools, system and all messages up to it, as the caller has them."""
