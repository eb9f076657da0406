"""Requests on their way through a market: a model at a provider, without a client."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from tokeneff.adapters._hosts import Site
from tokeneff.prices import Prices
from tokeneff.tokens import counter
from tokeneff.trim import Trim
from tokeneff.trim._asked import Asked, Trimmed
from tokeneff.trim._market import Market
from tokeneff.trim._reading import history_of
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._stores import GuardedMemoStore, open_memo_store

LINE = "some words of line that nobody needs in turn {}, which go on and on\n"


@cache
def prices() -> Prices:
    return Prices()


def market(store: str, **more: Any) -> Market:
    """A market whose decisions are kept there."""
    return Market(Trim(store=store, **more), Memo(GuardedMemoStore(open_memo_store(store))), prices(), "test")


def sent(
    through: Market,
    dialect: str,
    body: Mapping[str, Any],
    provider: str,
    *,
    scale: float = 1.0,
    model: str = "",
    placed: bool = False,
) -> Trimmed:
    """What a market makes of a request."""
    history = history_of(dialect, body)
    assert history is not None
    model = model or body["model"]
    prompt = counter().prompt(dialect, body, model)
    total = round(scale * sum(piece.tokens for piece in prompt.pieces))
    site = Site(provider, "localhost", 443, "localhost")
    return through.trimmed(Asked(history, prompt, model, site, None, total, None, placed))


def agent(sizes: Sequence[int], *, system: int = 40) -> dict[str, Any]:
    """An agent's request to Anthropic: it called a tool in each turn; results have so many lines."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Find the fault."}]
    for place, size in enumerate(sizes):
        call = {"type": "tool_use", "id": f"toolu_{place}", "name": "look", "input": {"at": place}}
        text = "".join(LINE.format(chr(97 + place % 26) * (line % 7 + 1)) for line in range(size)) or "nothing"
        result = {"type": "tool_result", "tool_use_id": f"toolu_{place}", "content": text}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    tool = {"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}
    return {
        "model": "claude-opus-5",
        "max_tokens": 1000,
        "tools": [tool],
        "system": [{"type": "text", "text": "You work in a repository. " * system}],
        "messages": messages,
    }


def marked(body: Mapping[str, Any], *, ttl: str | None = None, back: Sequence[int] = (1,)) -> dict[str, Any]:
    """The same with breakpoints: after the system prompt, and at so many messages from the end."""
    control = {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}
    made: dict[str, Any] = copy.deepcopy(dict(body))
    made["system"][-1]["cache_control"] = control
    for place in back:
        if place <= len(made["messages"]) and type(made["messages"][-place]["content"]) is list:
            made["messages"][-place]["content"][-1]["cache_control"] = control
    return made


def turns(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The requests of its conversation, in their order."""
    messages = body["messages"]
    return [{**body, "messages": messages[:stop]} for stop in range(1, len(messages) + 1, 2)]
