"""What of a whole prefix a provider's cache should have had, by age and size, and what it cost where it had not."""

from __future__ import annotations

import pytest
from accounts_kit import Provider, turns, words
from prefix_faults import PROVIDERS, Body, body_of, cached, edit, total

from tokeneff.accounts import Prefix

AGES = [
    ("chat", {}, 250, "missed"),
    ("chat", {}, 400, "expired"),
    ("chat", {}, 4000, "expired"),
    ("chat", {"prompt_cache_retention": "24h"}, 400, "missed"),
    ("chat", {"prompt_cache_retention": "24h"}, 90_000, "expired"),
    ("messages", {}, 290, "missed"),
    ("messages", {}, 310, "expired"),
    ("messages", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 3500, "missed"),
    ("messages", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 3700, "expired"),
]


@pytest.mark.parametrize(("dialect", "more", "age", "cause"), AGES)
def test_a_whole_prefix_is_missed_while_young_and_expired_when_old(
    dialect: str, more: Body, age: float, cause: str
) -> None:
    model, name = PROVIDERS[dialect]
    provider = Provider(dialect, model, name)
    before = provider.call({**body_of(dialect, 5), **more}, **cached(dialect, 0, 2400))
    after = provider.call({**body_of(dialect, 6), **more}, after=age, **cached(dialect, 0, 4000))
    assert after.prefix is not None
    assert (after.prefix.cause, after.prefix.repeated) == (cause, total(before))
    assert after.prefix.lost == (2400 if dialect == "messages" else total(before) // 128 * 128)
    assert after.prefix.cost == after.prefix.lost * (2300 if dialect == "messages" else 1800)


def test_what_the_provider_read_all_the_same_has_not_expired() -> None:
    provider = Provider()
    before = provider.call(body_of("chat", 5), cache_read=0)
    after = provider.call(body_of("chat", 6), after=7200, cache_read=total(before) // 128 * 128)
    assert after.prefix == Prefix(total(before), "none", lost=0, cost=0)


def test_a_prefix_written_for_an_hour_lives_for_an_hour() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    provider.call(body_of("messages", 5), cache_read=0, cache_write=2400, cache_write_1h=2400)
    after = provider.call(body_of("messages", 6), after=1800, cache_read=0, cache_write=2500, cache_write_1h=2500)
    assert after.prefix is not None
    assert (after.prefix.cause, after.prefix.cost) == ("missed", 2400 * 3800)  # written again at 4,000


def test_where_the_provider_does_not_say_what_it_read_nothing_is_claimed() -> None:
    provider = Provider()
    provider.call(body_of("chat", 5))
    young = provider.call(body_of("chat", 6))
    old = provider.call(body_of("chat", 7), after=4000)
    edited = provider.call(edit(body_of("chat", 8), 0))
    told = [(a.prefix.cause, a.prefix.lost, a.prefix.cost) for a in (young, old, edited) if a.prefix]
    assert told == [("none", 0, None), ("expired", 0, None), ("edited", 0, None)]


def test_below_the_least_size_that_is_cached_nothing_is_claimed() -> None:
    provider = Provider()
    small = {"messages": turns(2)}
    provider.call(small, input_tokens=1000, cache_read=0)
    after = provider.call({"messages": turns(3)}, input_tokens=1400, cache_read=0)
    assert after.prefix == Prefix(1000, "none", lost=0, cost=0)
    large = Provider()
    large.call(small, input_tokens=1400, cache_read=0)
    missed = large.call({"messages": turns(3)}, input_tokens=1800, cache_read=0).prefix
    assert missed == Prefix(
        1400, "missed", detail="the provider read 0 of 1280 repeated tokens", lost=1280, cost=1280 * 1800
    )


def test_an_edit_of_a_prompt_too_small_to_be_cached_costs_nothing() -> None:
    provider = Provider()
    provider.call({"messages": turns(4)}, input_tokens=1000, cache_read=0)
    messages = [{"role": "user", "content": "Something else."}, *turns(5)[1:]]
    prefix = provider.call({"messages": messages}, input_tokens=1400, cache_read=0).prefix
    assert prefix is not None
    assert (prefix.cause, prefix.lost, prefix.cost) == ("edited", 0, 0)


def test_what_was_read_before_is_as_much_in_the_cache_as_what_was_written() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    provider.call(body_of("messages", 5), input_tokens=3000, cache_read=0, cache_write=2400)
    provider.call(body_of("messages", 6), input_tokens=3200, cache_read=2400, cache_write=300)
    after = provider.call(body_of("messages", 7), input_tokens=3400, cache_read=0, cache_write=3000)
    detail = "the provider read 0 of 2700 repeated tokens"
    assert after.prefix == Prefix(3200, "missed", detail=detail, lost=2700, cost=2700 * 2300)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_prompt_under_way_need_not_be_in_the_cache_yet(order: tuple[int, int]) -> None:
    provider = Provider()
    opened = [provider.open(body_of("chat", 5)) for _ in range(2)]
    told = {which: provider.close(opened[which], input_tokens=3000, cache_read=0).prefix for which in order}
    assert [prefix and (prefix.cause, prefix.lost) for prefix in (told[0], told[1])] == [("first", 0), ("none", 0)]
    third = provider.call(body_of("chat", 5), input_tokens=3000, cache_read=0)
    assert third.prefix is not None
    assert (third.prefix.cause, third.prefix.lost) == ("missed", 3000 // 128 * 128)


def test_anthropic_without_a_breakpoint_costs_what_one_would_have_saved() -> None:
    provider = Provider("messages", "claude-sonnet-4-5", "anthropic")
    plain = {**body_of("messages", 5), "system": words(1, 2000)}
    more = {**plain, "messages": turns(6)}
    last = {**plain, "messages": turns(7)}
    provider.call(plain, input_tokens=10_000, cache_read=0, cache_write=0)
    second = provider.call(more, input_tokens=10_500, cache_read=0, cache_write=0)
    third = provider.call(last, input_tokens=11_000, cache_read=0, cache_write=0)
    why = "no cache_control breakpoint was set"
    # Reads instead of input save 1,800 a token; writing what is new, and once the first request, costs 500 more.
    saved = 10_000 * 1800 - (500 + 10_000) * 500
    assert second.prefix == Prefix(10_000, "missed", detail=why, lost=10_000, cost=saved)
    assert third.prefix == Prefix(10_500, "missed", detail=why, lost=10_500, cost=10_500 * 1800 - 500 * 500)
