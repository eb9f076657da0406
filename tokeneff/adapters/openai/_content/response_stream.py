"""From the events of a streamed response to the response that they were to become."""

from __future__ import annotations

from typing import Any

from tokeneff._plain import fields, items, string
from tokeneff.adapters._parts import Body

_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")

# By the event's name without "response." and ".delta": the type of the item, the list that holds its texts, the type
# and field of one text; or, where the item has one text only, no list, and the item's own field.
_PIECES: dict[str, tuple[str, str | None, str, str]] = {
    "output_text": ("message", "content", "output_text", "text"),
    "refusal": ("message", "content", "refusal", "refusal"),
    "reasoning_text": ("reasoning", "content", "reasoning_text", "text"),
    "reasoning_summary_text": ("reasoning", "summary", "summary_text", "text"),
    "function_call_arguments": ("function_call", None, "", "arguments"),
    "custom_tool_call_input": ("custom_tool_call", None, "", "input"),
    "mcp_call_arguments": ("mcp_call", None, "", "arguments"),
    "code_interpreter_call_code": ("code_interpreter_call", None, "", "code"),
}


def fold(events: list[Body]) -> Body | None:
    """The response as far as it was heard: the provider's own where the stream came to its end."""
    heard: dict[int, _Item] = {}
    final: Body | None = None
    begun = False
    for event in events:
        kind = string(event.get("type")) or ""
        begun = begun or kind.startswith("response.") or kind == "error"
        if kind in _ENDS:
            final = fields(event.get("response")) or {"status": kind.rpartition(".")[2]}
        elif kind in ("response.output_item.added", "response.output_item.done"):
            _of(heard, event).known(fields(event.get("item")) or {}, done=kind.endswith("done"))
        elif kind.endswith(".delta"):
            piece = _PIECES.get(kind[len("response.") : -len(".delta")])
            if piece is not None:
                _of(heard, event).hear(piece, event)
    if final is not None and items(final.get("output")):
        return final
    if not begun:
        return None
    told = [heard[index].told() for index in sorted(heard)]
    return {**(final or {"status": "failed"}), "output": told}


def _of(heard: dict[int, _Item], event: Body) -> _Item:
    index = event.get("output_index")
    return heard.setdefault(index if isinstance(index, int) else 0, _Item())


class _Item:
    """One output item while it is being heard."""

    __slots__ = ("_done", "_known", "_texts")

    def __init__(self) -> None:
        self._known: Body = {}
        self._done = False
        self._texts: dict[tuple[tuple[str, str | None, str, str], int], list[str]] = {}

    def known(self, item: Body, *, done: bool) -> None:
        """What the provider says of the item at its start or, then whole, at its end."""
        self._known, self._done = item, done

    def hear(self, piece: tuple[str, str | None, str, str], event: Body) -> None:
        said = event.get("delta")
        if not isinstance(said, str):
            return
        index = event.get("summary_index" if piece[1] == "summary" else "content_index")
        self._texts.setdefault((piece, index if isinstance(index, int) else 0), []).append(said)

    def told(self) -> Body:
        """The item in the form of a whole reply's."""
        if self._done or not self._texts:
            return self._known
        item: dict[str, Any] = dict(self._known)
        lists: dict[str, list[tuple[int, Body]]] = {}
        for (piece, index), said in self._texts.items():
            kind, holder, block, field = piece
            item.setdefault("type", kind)
            if holder is None:
                item[field] = "".join(said)
            else:
                lists.setdefault(holder, []).append((index, {"type": block, field: "".join(said)}))
        for holder, blocks in lists.items():
            item[holder] = [block for _, block in sorted(blocks, key=_place)]
        if item["type"] == "message":
            item.setdefault("role", "assistant")
        return item


def _place(numbered: tuple[int, Body]) -> int:
    return numbered[0]
