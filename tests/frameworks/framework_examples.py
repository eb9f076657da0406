"""The manual's examples of frameworks, and what their model answers."""

from __future__ import annotations

import re
from decimal import Decimal
from inspect import isawaitable
from pathlib import Path
from typing import Any

import tokeneff
from tokeneff.testing import Reply, ToolCall, Usage

README = Path(__file__).resolve().parents[2] / "README.md"
QUESTION = "Find me some" + " tea" * 10_000
COST = Decimal("0.00153")
"""US dollars of a reply of gpt-4o-mini to it: 10,000 tokens at 0.15 a million, 50 at 0.60."""


def endless(**more: Any) -> Reply:
    """What an agent that never ends is told each time: call the tool again."""
    call = ToolCall("search", {"query": "tea"})
    return Reply(**{"tool_calls": (call,), "usage": Usage(10_000, 50), **more})


_open: list[Any] = []


def wrapped(client: Any, **arguments: Any) -> Any:
    """A wrapped client that is closed when its test is over."""
    made = tokeneff.wrap(client, **arguments)
    _open.append(made)
    return made


async def close_all() -> None:
    """Close what was opened."""
    while _open:
        closing = _open.pop().close()
        if isawaitable(closing):
            await closing


def example(marker: str) -> dict[str, Any]:
    """What the one block of the manual defines that has ``marker`` in it, after it has run."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if marker in block]
    there: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, f"README: {marker}", "exec", dont_inherit=True), there)
    if "client" in there:
        _open.append(there["client"])
    return there
