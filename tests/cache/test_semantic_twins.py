"""Questions that are nearly the same and ask for something else, asked of a client whose encoder sees no difference."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from cache_lab import CHAT, FLAVOURS, Lab, ready, said

import tokeneff
from tokeneff.cache._place import settled
from tokeneff.cache.semantic._guard import refused

TWINS = [
    tuple(line.split("\t")) for line in Path(__file__).with_name("semantic_twins.txt").read_text("utf-8").splitlines()
]
"""Numbers in digits and words, units, dates, negation in many forms, names, code, quotations, comparatives, who does it
to whom, what is asked and what is said, persons, prepositions, and other languages than English."""


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_are_refused(one: str, other: str) -> None:
    assert refused(one, other)
    assert refused(other, one)
    long = (
        "I have a question about something that came up at work last night, and would like to hear from you. {} Thanks!"
    )
    assert refused(long.format(one), long.format(other))


class Blind:
    """Cannot tell a question from its twin, and finds it among all others."""

    def __init__(self) -> None:
        pairs = [("once", "twice"), *TWINS]
        self.places = {text: number for number, pair in enumerate(pairs) for text in pair}
        self.size = len(pairs)

    def __call__(self, texts: list[str]) -> list[list[float]]:
        return [[float(self.places.get(text, 0) == number) for number in range(self.size)] for text in texts]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_no_twin_is_ever_served_however_much_is_trusted(lab: Lab, flavour: str) -> None:
    blind = Blind()
    client = lab.client("openai", flavour, {"semantic": tokeneff.Semantic(blind, 0.5, confidence=0.5, explore=0.01)})

    async def ask(text: str) -> str:
        await ready(CHAT.ask(client, messages=[{"role": "user", "content": text}]))
        settled()
        return said()[0]

    marks = itertools.count(1)
    told = [await ask("How do I get there" + "!" * next(marks)) for _ in range(20)]
    assert told.count("semantic") > 5, "whatever is no twin is served"
    seen: dict[str, str] = {}
    for one, other in TWINS[FLAVOURS.index(flavour) :: 2]:  # which are twins is the same to both
        seen.setdefault(one, await ask(one))
        assert seen[one] in ("miss", "hit"), one  # asked before, as another's twin
        assert await ask(other) in ("miss", "hit"), (one, other)
    assert "semantic" in [await ask("How do I get there" + "!" * next(marks)) for _ in range(5)], "still trusted"
