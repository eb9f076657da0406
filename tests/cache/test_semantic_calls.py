"""Questions put in other words, through a wrapped client."""

from __future__ import annotations

import random

import pytest
from cache_lab import FLAVOURS, WAYS, Lab, Way, ready, said
from test_semantic_neighbourhoods import Asker

import tokeneff
from tokeneff.cache._place import place_of, settled
from tokeneff.testing import Reply

THINGS = ("card", "phone", "house")
ASKED = (
    "how do I get my {}",
    "How do I get my {}?",
    "how do i get my {} ?",
    "how do I get my {}...",
    "how do I get my {}!",
    "How do I get my {}!?",
)
SEMANTIC = tokeneff.cache.Semantic("lexical", 0.5, confidence=0.5, explore=0.01)


def asking(way: Way, question: str) -> dict[str, object]:
    key = "input" if way.name == "responses" else "messages"
    return {key: question if key == "input" else [{"role": "user", "content": question}]}


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("way", WAYS, ids=str)
async def test_another_way_to_ask_is_answered_once_there_is_evidence(way: Way, flavour: str, lab: Lab) -> None:
    cache = tokeneff.Cache(lab.url, semantic=SEMANTIC)
    client = lab.client(way.sdk, flavour, cache)
    place = place_of(cache)
    assert place is not None
    Asker(place.neighbourhoods(SEMANTIC), b"another context").trust(130)
    asked = [(thing, question.format(thing)) for thing in THINGS for question in ASKED]
    random.Random(4).shuffle(asked)
    told = list[str]()
    for thing, question in asked:
        lab.provider.default = lambda _, thing=thing: Reply(text=f"so you get your {thing}")
        reply = await ready(way.ask(client, **asking(way, question)))
        settled()
        assert f"so you get your {thing}" in reply.model_dump_json()
        told.append(said()[0])

    assert set(told) == {"miss", "semantic"}
    assert lab.sent == told.count("miss")
    await ready(way.ask(client, **asking(way, "how do I not get my card")))
    assert said()[0] == "miss"
