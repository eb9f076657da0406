"""Other trimmers, at like settings, for ``benchmarks/trim.py --peers``: each keeps at most so many tokens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from tokeneff.tokens import counter
from tokeneff.trim.planning._replay import Market, Policy, Sent, Turn

Messages = list[dict[str, Any]]
Make = Callable[[Market], Policy]


def peers(limit: int) -> Iterator[tuple[str, Make]]:
    """Those that are installed, by name."""
    for name, load in (
        ("LangChain trim_messages", _langchain),
        ("LangChain trim_messages, start_on human", _langchain_human),
        ("LangChain ClearToolUsesEdit, keep 3", _clear),
        ("litellm trim_messages", _litellm),
        ("headroom compress", _headroom),
    ):
        try:
            trimmed = load(limit)
        except ImportError as missing:
            print(f"\n{name}: left out ({missing}); it takes langchain, litellm, or headroom-ai to be installed")
            continue
        yield name, _made(trimmed)


def _made(trimmed: Callable[[Messages], Messages]) -> Make:
    def policy(turn: Turn) -> Sent:
        body: Mapping[str, Any] = turn.body
        return Sent({**body, "messages": trimmed(list(body["messages"]))})

    return lambda place: policy


@lru_cache(maxsize=100_000)
def _count(text: str) -> int:
    return counter().text(text, "gpt-5")


def _tokens(message: Any) -> int:
    content = message.content if isinstance(message.content, str) else str(message.content)
    return 4 + _count(content) + sum(_count(str(call["args"])) for call in getattr(message, "tool_calls", None) or ())


def _all(messages: Sequence[Any]) -> int:
    return sum(map(_tokens, messages))


def _langchain(limit: int, **more: Any) -> Callable[[Messages], Messages]:
    from langchain_core.messages import convert_to_messages, convert_to_openai_messages, trim_messages

    def trimmed(messages: Messages) -> Messages:
        kept = trim_messages(
            convert_to_messages(messages), max_tokens=limit, token_counter=_all, include_system=True, **more
        )
        return list(convert_to_openai_messages(kept))

    return trimmed


def _langchain_human(limit: int) -> Callable[[Messages], Messages]:
    return _langchain(limit, start_on="human")


def _clear(limit: int) -> Callable[[Messages], Messages]:
    from langchain.agents.middleware.context_editing import ClearToolUsesEdit
    from langchain_core.messages import convert_to_messages, convert_to_openai_messages

    edit = ClearToolUsesEdit(trigger=limit, keep=3)

    def trimmed(messages: Messages) -> Messages:
        found = convert_to_messages(messages)
        edit.apply(found, count_tokens=_all)
        return list(convert_to_openai_messages(found))

    return trimmed


def _litellm(limit: int) -> Callable[[Messages], Messages]:
    import os

    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.utils import trim_messages

    def trimmed(messages: Messages) -> Messages:
        # It fails over a message without content, which every call of a tool is, and then trims nothing.
        given = [{**message, "content": message.get("content") or ""} for message in messages]
        return trim_messages(copy.deepcopy(given), model="gpt-4o", max_tokens=limit)

    return trimmed


def _headroom(limit: int) -> Callable[[Messages], Messages]:
    import logging

    from headroom import compress

    logging.getLogger("headroom").setLevel(logging.ERROR)
    return lambda messages: list(compress(copy.deepcopy(messages), model="gpt-4o", optimize=True).messages)
