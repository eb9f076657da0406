"""Small conversations whose bills can be worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokeneff.advise import Advice, Choice

CLAUDE = "claude-sonnet-4-5"
"""Nano-dollars per token: input 3,000, read 300, written 3,750, output 15,000; at least 1,024 tokens are cached."""
PLAIN = "command-acme"
"""Of a provider without a prompt cache, at the prices of `priced`."""
PRICES = '[[model]]\nname = "command-acme"\ninput = 1.00\noutput = 5.00\n'
ROWS = json.dumps([{"id": f"item-{n}", "name": f"thing number {n}", "price": n * 1.5} for n in range(40)], indent=4)


def priced(folder: Path) -> str:
    """A file of prices: 1,000 nano-dollars per token of input, 5,000 of output."""
    path = folder / "prices.toml"
    path.write_text(PRICES)
    return str(path)


def written(folder: Path, *records: Any, name: str = "trace.jsonl") -> str:
    """A file of records, one a line; a text is a line as it is."""
    path = folder / name
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records))
    return str(path)


def chat(results: Sequence[str], *, name: str = "talk", model: str = PLAIN, **more: Any) -> dict[str, Any]:
    """A conversation in the form of chat completions, with one tool call for each result, and a last word."""
    messages: list[Any] = [
        {"role": "system", "content": "Help with orders."},
        {"role": "user", "content": f"What of {name}?"},
    ]
    for number, result in enumerate(results):
        function = {"name": "look", "arguments": json.dumps({"n": number})}
        call = {"id": f"call_{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": result})
    messages.append({"role": "assistant", "content": "It is item-7."})
    return {"id": name, "model": model, "format": "openai-chat", "messages": messages, **more}


def claude(usages: Sequence[dict[str, int]], *, name: str = "talk") -> dict[str, Any]:
    """A conversation with Claude, of one request for each usage, ten seconds apart."""
    messages: list[Any] = []
    calls: list[Any] = []
    for number, usage in enumerate(usages):
        messages.append({"role": "user", "content": f"Question {number} " + "of many words " * 400})
        calls.append({"n_messages_in": len(messages), "created": 1_790_000_000 + 10 * number, "model": CLAUDE, **usage})
        messages.append({"role": "assistant", "content": f"Answer {number}."})
    return {"id": name, "model": CLAUDE, "format": "anthropic-messages", "messages": messages, "calls": calls}


def choice(advice: Advice, name: str) -> Choice:
    """The choice of that name."""
    return next(one for one in advice.choices if one.name == name)
