"""Questions in other words, and marks for prompt caches: the policy asks those who know, and tells what they did."""

from __future__ import annotations

import asyncio

import pytest
from cache_lab import CHAT, COST, FLAVOURS, GPT, Lab, ready, said

import tokeneff
from tokeneff._done import Placed
from tokeneff._flow import Outcome
from tokeneff.cache._place import settled
from tokeneff.ledger._building import _decisions
from tokeneff.telemetry.cache import placed_attributes

WORDS = ("please", "kindly", "now", "then", "well", "so")


def _asked(number: int, city: str = "France") -> dict[str, object]:
    text = f"What is the capital city of {city}, {WORDS[number % 6]} tell me {'right away ' * (number // 6)}"
    return {"messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_question_in_other_words_is_answered_once_that_has_gone_well(lab: Lab, flavour: str) -> None:
    like = tokeneff.Semantic("lexical", max_false_hits=0.3, explore=0.05)
    client = lab.client("openai", flavour, {"semantic": like})
    outcomes: list[str] = []
    for number in range(60):
        await ready(CHAT.ask(client, **_asked(number)))
        settled()
        outcomes.append(said()[0])
    assert outcomes[0] == "miss", "nothing is known at first"
    assert set(outcomes) == {"miss", "semantic"}
    assert outcomes.count("miss") == lab.sent < 40
    while said()[0] != "semantic":
        await ready(CHAT.ask(client, **_asked(len(outcomes))))
        settled()
        outcomes.append("")
    call = tokeneff.last()
    assert call is not None
    assert call.served is not None
    assert call.served.saved is not None
    assert (call.tokens[:2], call.nano_usd, call.served.saved.cost) == ((0, 0), 0, COST[GPT])
    sent = lab.sent
    await ready(CHAT.ask(client, **_asked(1), max_tokens=50))
    assert (said()[0], lab.sent) == ("miss", sent + 1), "nothing but the question may differ"


async def test_many_that_ask_in_the_same_other_words_at_once_are_answered_together(lab: Lab) -> None:
    like = tokeneff.Semantic("lexical", max_false_hits=0.3, explore=0.01)
    client = lab.client("openai", "async", {"semantic": like})
    for number in range(40):
        await CHAT.ask(client, **_asked(number))
        settled()
    sent = lab.sent
    await asyncio.gather(*(CHAT.ask(client, **_asked(41)) for _ in range(30)))
    assert lab.sent <= sent + 1


def test_what_was_placed_for_a_prompt_cache_is_told() -> None:
    placed = Placed("placed", "breakpoints", 2, -1_500, 10, 20)
    found: dict[str, object] = {}
    placed_attributes(found, placed)
    assert found == {
        "tokeneff.prompt_cache.outcome": "placed",
        "tokeneff.prompt_cache.added": "breakpoints",
        "tokeneff.prompt_cache.breakpoints": 2,
        "tokeneff.prompt_cache.saved.cost_usd": -1.5e-6,
    }
    assert _decisions(Outcome("read", 0.0, 0.0, placed=placed)) == (("prompt cache", "breakpoints", -1_500),)
    assert _decisions(Outcome("read", 0.0, 0.0, placed=Placed("refused"))) == (("prompt cache", "refused", 0),)


async def test_marks_are_placed_below_the_cache(lab: Lab) -> None:
    from tokeneff._settings import settings_of

    both = lab.client("openai", "sync", {"prompt": True})
    assert len(settings_of(both).policies) == 5
    client = lab.client("openai", "sync", tokeneff.Cache(None, prompt=True))
    assert len(settings_of(client).policies) == 4
    for number in (1, 2):
        CHAT.ask(client)
        assert (said(), lab.sent) == (("none", ""), number), "nothing is kept"
