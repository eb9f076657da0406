"""The gate: what it lets pass, what it holds back, and what a window forces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tokeneff.prices import Prices
from tokeneff.promptcache import Pieces, rule_of
from tokeneff.trim.planning._gate import Case, Course, Option, decide, edited, may_shorten
from tokeneff.trim.planning._outlook import Outlook, prior

PRICES = Prices()


def chain(ends: Sequence[int]) -> Pieces:
    digests = tuple(bytes([place]) * 16 for place in range(len(ends)))
    return Pieces(digests, tuple(ends), tuple(range(1, len(ends) + 1)), 0, 1, (), True, len(ends) - 1)


def case(market: tuple[str, str], plain: Pieces, options: Sequence[Option], turns: float, **more: Any) -> Case:
    rates = PRICES.rates(*market, "", None, plain.total)
    assert rates is not None
    return Case(rule_of(*market), rates, more.pop("course", Course()), plain, plain, options, turns, 0.0, **more)


def test_the_purse_holds_back_what_the_outlook_promises() -> None:
    market = ("gpt-5.6-sol", "openai")
    plain = chain([10_000, 20_000, 30_000, 40_000])
    rates = PRICES.rates(*market, "", None, 40_000)
    assert rates is not None
    course = Course().after(
        rule_of(*market), rates, chain([10_000, 20_000, 30_000]), chain([10_000, 20_000, 30_000]), 0
    )
    option = [Option(1, 9_000)]
    assert decide(case(market, plain, option, 1000, course=course)) is None  # 21,000 tokens would be written again
    rich = course._replace(spent=course.spent + 10**9)
    verdict = decide(case(market, plain, option, 1000, course=rich))
    assert verdict is not None
    assert (verdict.first, verdict.saved) == (0, 9_000)
    assert verdict.extra > 0
    assert decide(case(market, plain, option, 0, course=rich)) is None  # nothing to come: it would not pay


def test_a_window_that_is_too_small_forces_the_cheapest_that_fits() -> None:
    market = ("gpt-5", "openai")
    plain = chain([4_000, 8_000, 12_000, 16_000])
    rates = PRICES.rates(*market, "", None, 16_000)
    assert rates is not None
    course = Course().after(rule_of(*market), rates, chain([4_000, 8_000, 12_000]), chain([4_000, 8_000, 12_000]), 0)
    options = [Option(0, 3_000), Option(1, 3_000), Option(2, 3_000)]
    for most, first in ((16_000, None), (13_500, 2), (10_500, 1), (8_000, 0), (10, 0)):
        verdict = decide(case(market, plain, options, 0, course=course, most=most))
        assert (verdict.first if verdict else None) == first


@given(st.lists(st.integers(1, 5000), min_size=2, max_size=20), st.data())
def test_edited_pieces_share_what_is_before_the_edit(sizes: list[int], data: st.DataObject) -> None:
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    places = data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, unique=True))
    chosen = [Option(place, sizes[place] // 2) for place in sorted(places)]
    before, after = chain(ends), edited(chain(ends), chosen)
    first = min(places)
    assert after.chain[:first] == before.chain[:first]
    assert after.ends[:first] == before.ends[:first]
    assert not set(after.chain[first:]) & set(before.chain)
    assert after.total == before.total - sum(option.saved for option in chosen)
    assert list(after.ends) == sorted(after.ends)


def test_a_prompt_is_not_made_too_short_to_be_cached() -> None:
    rule = rule_of("claude-opus-4-6", "anthropic")
    assert not may_shorten(rule, chain([1_000, 4_095, 9_000]), 2)
    assert may_shorten(rule, chain([1_000, 4_096, 9_000]), 2)
    assert not may_shorten(rule, chain([9_000]), 0)
    assert may_shorten(rule_of("command-r", "cohere"), chain([10, 20]), 1)


def test_big_steps_are_risked_only_by_who_can_lose_them() -> None:
    """A cache that grows by 2,048 tokens gives or takes as much with each request, however little was left out."""
    market, plain = ("gemini-3-pro-preview", "gcp.gemini"), chain([20_000, 40_000])
    rates = PRICES.rates(*market, "", None, 40_000)
    assert rates is not None
    rule, poor = rule_of(*market), Course(spent=10**6, cost=10**6, turns=8)
    assert not may_shorten(rule, plain, 1)
    assert not may_shorten(rule, plain, 1, rates, poor, 10)
    rich = poor._replace(spent=10**9)
    assert may_shorten(rule, plain, 1, rates, rich, 10)
    assert not may_shorten(rule, plain, 1, rates, rich._replace(cost=rich.spent), 10)
    step = 2_048 * (rates.input - rates.cache_read)
    just = Course(spent=10**6, cost=int(10**6 - step * 5 / 4 * 3 + 10**6 // 250) - 2)
    assert may_shorten(rule, plain, 1, rates, just, 8)
    assert not may_shorten(rule, plain, 1, rates, just, 9)


def test_an_edit_is_no_bet_on_how_big_steps_fall() -> None:
    """What is left out has to be nearly whole steps, or the conversation to have saved what bad luck may cost."""
    market, plain = ("gemini-3-pro-preview", "gcp.gemini"), chain([20_000, 22_500, 40_000])
    rates = PRICES.rates(*market, "", None, 40_000)
    assert rates is not None
    rich = Course(spent=10**12, cost=10**12 - 10**10, turns=5)
    poor = Course(spent=10**7, cost=10**7, turns=5)
    one = [Option(1, 2_200)]
    assert decide(case(market, plain, one, 50, course=rich)) is not None
    assert decide(case(market, plain, one, 50, course=poor)) is None
    assert decide(case(market, plain, [Option(1, 2_047)], 50, course=poor)) is not None


def test_the_outlook_learns_from_what_is_over() -> None:
    assert [prior(turns) for turns in (0, 10, 1000)] == [4.0, 9.0, 40.0]
    assert Outlook().turns(10) == prior(10)
    short = Outlook([12] * 200)
    assert short.turns(12) < 1
    assert 1.5 < short.turns(10) < 3
    one = Outlook()
    one.ended(100)
    assert one.turns(10) == (8 * prior(10) + 90) / 9
