"""Requests taken apart and changed: what is free may change in any way, and nothing else does."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trim_checks import check, dumped, messages_in, sdk_takes
from trim_histories import DIALECTS, Asked, histories, random_history
from trim_soak import run

from tokeneff.trim._changing import changed, replaced
from tokeneff.trim._reading import history_of

_SHORT = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@_SHORT
@given(histories())
def test_whatever_is_free_may_change(asked: Asked) -> None:
    check(asked.dialect, asked.body, asked.chance)


@_SHORT
@given(histories(nasty=True))
def test_what_is_strange_is_read_and_changed_all_the_same_or_left_alone(asked: Asked) -> None:
    check(asked.dialect, asked.body, asked.chance)


@settings(parent=_SHORT, max_examples=50)
@given(histories())
def test_everything_that_is_free_may_go_at_once(asked: Asked) -> None:
    check(asked.dialect, asked.body, asked.chance, gone=1.0, seen=1.0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sdk_takes_what_it_took(dialect: str) -> None:
    taken = 0
    for seed in range(90):
        asked = random_history(seed)
        if asked.dialect != dialect or not sdk_takes(dialect, asked.body):
            continue
        taken += 1
        history = history_of(dialect, asked.body)
        assert history is not None
        texts = {spot.path: "[cleared]" for spot in history.spots if not spot.fixed}
        assert sdk_takes(dialect, changed(history, texts, [one for one in history.exchanges if one.free]))
    assert taken > 5


@_SHORT
@given(histories(), st.integers(0, 60))
def test_the_chain_of_a_beginning_is_the_beginning_of_the_chain(asked: Asked, length: int) -> None:
    whole = history_of(asked.dialect, asked.body)
    key = "input" if asked.dialect == "responses" else "messages"
    messages = messages_in(asked.dialect, asked.body)[:length]
    part = history_of(asked.dialect, {**asked.body, key: messages})
    if part is not None and not isinstance(asked.body[key], str):
        assert whole is not None
        assert part.chain == whole.chain[: len(messages)]


@_SHORT
@given(histories())
def test_spots_are_where_their_paths_lead(asked: Asked) -> None:
    history = history_of(asked.dialect, asked.body)
    assert history is not None
    whole = dumped(asked.body)
    for spot in history.spots:
        value: Any = whole
        for step in spot.path:
            value = value[step]
        assert value == spot.text
        assert spot.text
    assert [spot.message for spot in history.spots] == sorted(spot.message for spot in history.spots)
    edges = [edge for exchange in history.exchanges for edge in exchange[:2]]
    assert edges == sorted(edges)


def test_a_model_in_the_body_stays_one() -> None:
    for seed in range(60):
        asked = random_history(seed)
        history = history_of(asked.dialect, asked.body)
        assert history is not None
        new = changed(history, {spot.path: "x" for spot in history.spots}, ())
        kinds = [type(one) for one in messages_in(asked.dialect, asked.body)]
        assert [type(one) for one in messages_in(asked.dialect, new)] == kinds


def test_a_blank_text_is_refused() -> None:
    history = history_of("chat", {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]})
    assert history is not None
    with pytest.raises(ValueError, match="blank"):
        replaced(history, {("messages", 0, "content"): " \n"})
    with pytest.raises(ValueError, match="leads"):
        replaced(history, {("messages", 0, "name"): "a"})


@pytest.mark.skipif(os.environ.get("TOKENEFF_SOAK") != "1", reason="a long race: TOKENEFF_SOAK=1")
def test_a_million_histories() -> None:
    count = int(os.environ.get("TOKENEFF_SOAK_HISTORIES", "1000000"))
    rows = [range(start, min(start + 500, count)) for start in range(0, count, 500)]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        valid = sum(pool.map(run, rows))
    print(f"{count} histories, {valid} of them such as a provider takes")
    assert valid > count * 0.7
