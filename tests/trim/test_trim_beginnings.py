"""A conversation that is read on from where it was, as if it were read anew."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trim_market_kit import agent, marked, turns

from tokeneff.trim._history import History
from tokeneff.trim._reading import _beginnings, history_of


def anew(dialect: str, body: dict[str, Any]) -> History | None:
    """The same without anything remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tokeneff.trim._reading._taking.histories", _beginnings.Beginnings())
        return history_of(dialect, body)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=9), st.randoms(use_true_random=False))
def test_what_is_read_on_is_what_would_be_read_anew(sizes: list[int], random: Any) -> None:
    """Whatever order requests come in, with breakpoints that move, copies, and messages that change."""
    base = agent(sizes)
    base["messages"][2]["content"].append({"type": "document", "source": {"type": "text", "data": "A document."}})
    bodies = turns(base)
    for _ in range(12):
        body = marked(random.choice(bodies), back=random.choice(((1,), (1, 3), ())))
        messages = body["messages"]
        if random.random() < 0.3:
            place = random.randrange(len(messages))
            messages[place] = {"role": messages[place]["role"], "content": f"Other {random.random()}."}
        if random.random() < 0.2:
            body["system"][0]["text"] += " Be brief."
        if random.random() < 0.2:
            del messages[random.randrange(len(messages)) :]
        found, expected = history_of("messages", body), anew("messages", body)
        assert found == expected
        assert found is None or found.body is body


def test_a_message_that_its_owner_changes_is_read_again() -> None:
    body = agent([1, 1, 1, 1])
    first = history_of("messages", body)
    body["messages"][2]["content"][0]["content"] = "something else"
    again = history_of("messages", body)
    assert first is not None
    assert again is not None
    assert again.chain[:2] == first.chain[:2]
    assert again.chain[2] != first.chain[2]
    assert "something else" in [spot.text for spot in again.spots]


def test_what_does_not_like_to_be_compared_is_read_anew() -> None:
    class Sulky:
        def __eq__(self, other: object) -> bool:
            raise ValueError("no")

        __hash__ = None  # type: ignore[assignment]

    body = agent([1, 1, 1, 1])
    assert history_of("messages", body) is not None
    strange = copy.deepcopy(body)
    strange["messages"][3]["content"][0]["input"] = Sulky()
    assert history_of("messages", strange) == anew("messages", strange)


def test_only_so_much_is_remembered() -> None:
    memory = _beginnings.Beginnings()
    for number in range(_beginnings._MOST + 50):
        messages = [{"role": "user", "content": f"{number} {place}"} for place in range(8)]
        memory.note("chat", messages, _beginnings.Read([], []), _beginnings.NOTHING, 0)
    assert len(memory._known) == _beginnings._MOST
    assert memory._size == sum(read.size for reads in memory._known.values() for read in reads)
