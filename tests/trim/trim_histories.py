"""Requests of whole conversations in the three dialects: what applications send, and what they had better not."""

from __future__ import annotations

import copy
from random import Random
from typing import Any, NamedTuple

import trim_anthropic_histories
import trim_chat_histories
import trim_responses_histories
from hypothesis import strategies as st
from trim_texts import text

_DIALECTS: dict[str, Any] = {
    "chat": trim_chat_histories,
    "responses": trim_responses_histories,
    "messages": trim_anthropic_histories,
}
DIALECTS = tuple(_DIALECTS)


class Asked(NamedTuple):
    """A request, and chance to go on with."""

    dialect: str
    body: dict[str, Any]
    chance: Random


def history(dialect: str, seeds: list[int], seed: int, nasty: bool = False) -> Asked:
    """A request of as many turns as there are seeds.

    Args:
        seeds: one for each turn, so that a request that fails can be cut to the turns that matter.
        seed: for the rest.
        nasty: whether it is then made one that a provider may well refuse.
    """
    module = _DIALECTS[dialect]
    makers, weights = zip(*module.TURNS, strict=True)
    turns = [(r := Random(one)).choices(makers, weights)[0](r) for one in seeds]
    chance = Random(seed)
    body = module.body(turns, chance)
    if nasty:
        _spoil(body, chance)
    return Asked(dialect, body, chance)


def histories(dialect: str | None = None, nasty: bool = False, most: int = 12) -> st.SearchStrategy[Asked]:
    """Requests of up to ``most`` turns, in one dialect or in any."""
    numbers = st.integers(0, 2**32 - 1)
    chosen = st.sampled_from(DIALECTS) if dialect is None else st.just(dialect)
    seeds = st.integers(0, most).flatmap(lambda count: st.lists(numbers, min_size=count, max_size=count))
    return st.builds(history, chosen, seeds, numbers, st.just(nasty))


def random_history(seed: int, nasty: bool = False, most: int = 12) -> Asked:
    """The same without a strategy, for a million of them."""
    r = Random(seed)
    seeds = [r.getrandbits(32) for _ in range(r.randint(0, most))]
    return history(r.choice(DIALECTS), seeds, r.getrandbits(32), nasty)


def _spoil(body: dict[str, Any], r: Random) -> None:
    key = "input" if "input" in body else "messages"
    messages: Any = body[key]
    if not isinstance(messages, list):
        body[key] = r.choice((None, 3, [], [text(r)], iter(())))
        return
    for _ in range(r.randint(1, 3)):
        place = r.randrange(len(messages)) if messages else 0
        match r.randrange(7):
            case 0:
                del messages[place : place + 1]
            case 1:
                messages.insert(place, r.choice((None, "text", 4, {}, [], {"role": "model"}, {"type": "new_call"})))
            case 2:
                r.shuffle(messages)
            case 3 if messages and isinstance(messages[place], dict):
                messages[place] = {**messages[place], "content": r.choice((None, [], "", [None], {}, iter(())))}
            case 4 if messages:
                messages.append(copy.deepcopy(messages[place]))
            case 5 if messages and isinstance(messages[place], dict):
                messages[place] = {**messages[place], r.choice(tuple(messages[place]) or ("role",)): object()}
            case _:
                body["tools"] = r.choice((None, "tools", [None], iter(())))
