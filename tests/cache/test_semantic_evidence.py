"""The evidence that a semantic cache serves by: what it takes to be sure, and how often that is wrong."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokeneff.cache.semantic._risk import Risk
from tokeneff.cache.semantic._wager import Wager

DAY = 86_400.0


def needed(bound: float, confidence: float) -> int:
    """Outcomes that were all right until a wager is won."""
    wager = Wager(bound, confidence)
    while not wager.sure:
        wager.take(False)
    return wager.seen


def ever_sure(rate: float, bound: float, confidence: float, length: int, rng: random.Random) -> bool:
    wager = Wager(bound, confidence)
    for _ in range(length):
        wager.take(rng.random() < rate)
        if wager.sure:
            return True
    return False


@pytest.mark.parametrize(
    ("bound", "confidence", "outcomes"), [(0.01, 0.95, 347), (0.02, 0.95, 171), (0.05, 0.95, 67), (0.01, 0.99, 532)]
)
def test_it_takes_so_many_right_ones_in_a_row(bound: float, confidence: float, outcomes: int) -> None:
    assert needed(bound, confidence) == outcomes


@pytest.mark.parametrize(("rate", "bound"), [(0.05, 0.05), (0.06, 0.05), (0.2, 0.2)])
def test_what_is_wrong_as_often_as_the_bound_is_hardly_ever_trusted_however_often_one_looks(
    rate: float, bound: float
) -> None:
    rng, runs = random.Random(7), 200

    trusted = sum(ever_sure(rate, bound, 0.95, 300, rng) for _ in range(runs))

    # At most 5 % of the runs in expectation; of 200 at most 20 with a probability of 0.999.
    assert trusted <= 20


def test_what_is_seldom_wrong_is_trusted_in_the_end() -> None:
    rng = random.Random(7)

    assert all(ever_sure(0.01, 0.05, 0.95, 2000, rng) for _ in range(20))


def test_a_wrong_one_takes_trust_away_at_once() -> None:
    wager = Wager(0.05, 0.95)
    for _ in range(70):
        wager.take(False)
    assert wager.sure
    wager.take(True)
    assert not wager.sure
    assert (wager.seen, wager.wrong) == (71, 1)


def test_years_of_right_ones_do_not_outweigh_a_change() -> None:
    wager = Wager(0.05, 0.95)
    for _ in range(5_000):
        wager.take(False)
    for _ in range(3):
        wager.take(True)
    assert not wager.sure


def test_evidence_fades_with_time_and_comes_back() -> None:
    wager = Wager(0.05, 0.95, half_life=30 * DAY)
    for _ in range(70):
        wager.take(False, at=1_000.0)
    assert wager.sure_at(1_000.0)
    assert not wager.sure_at(1_000.0 + 60 * DAY)
    for _ in range(70):
        wager.take(False, at=1_000.0 + 60 * DAY)
    assert wager.sure_at(1_000.0 + 60 * DAY)
    assert wager.sure_at(1_000.0)  # a clock that was set back takes nothing away


def test_a_long_silence_leaves_what_was_lost_lost() -> None:
    wager = Wager(0.05, 0.95, half_life=DAY)
    for _ in range(20):
        wager.take(True, at=0.0)
    poor = wager.money
    assert not wager.sure_at(1_000 * DAY)
    assert wager.money == poor  # fading takes what was won, and gives nothing back


@given(st.lists(st.booleans(), max_size=300), st.floats(0.001, 0.5), st.floats(0.5, 0.999))
def test_money_is_never_made_but_by_winning(outcomes: list[bool], bound: float, confidence: float) -> None:
    wager = Wager(bound, confidence)
    for wrong in outcomes:
        before = wager.money
        wager.take(wrong)
        # What one outcome can bring at most: that of a rate of 0. A wrong one never brings any.
        assert 0 < wager.money <= (before if wrong else before / (1 - bound)) * (1 + 1e-9)
        assert wager.money <= 50 / (1 - confidence) * (1 + 1e-9)
    assert wager.seen == len(outcomes)


@given(st.lists(st.booleans(), max_size=60), st.floats(0.001, 0.5))
def test_the_game_is_fair_at_the_bound(outcomes: list[bool], bound: float) -> None:
    def after(*more: bool) -> float:
        wager = Wager(bound, 0.95)
        for wrong in [*outcomes, *more]:
            wager.take(wrong)
        return wager.money

    assert bound * after(True) + (1 - bound) * after(False) <= after() * (1 + 1e-9)


def test_a_guess_learns_what_tells_right_from_wrong_and_how_sure_it_is() -> None:
    rng, risk = random.Random(3), Risk(3)
    unknown = risk.at_most((1.0, 0.9, 0.5))
    for _ in range(600):
        like = rng.random()
        risk.learn((1.0, like, rng.random()), rng.random() > like)

    assert unknown > 0.5  # nothing is thought to be right before anything was seen
    assert risk.at_most((1.0, 0.98, 0.5)) < 0.12 < 0.8 < risk.at_most((1.0, 0.02, 0.5))


def test_a_guess_follows_a_world_that_has_changed() -> None:
    rng, risk = random.Random(3), Risk(2)
    for _ in range(1500):
        risk.learn((1.0, like := rng.random()), like < 0.5)
    for _ in range(3000):
        risk.learn((1.0, like := rng.random()), like >= 0.5)

    assert risk.at_most((1.0, 0.1)) < 0.3 < risk.at_most((1.0, 0.9))
