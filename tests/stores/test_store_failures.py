"""What other guards of budgets were seen to get wrong, by name, on every store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import Server
from stores_kit import LEASE, STORES, ZERO, Clock, balances, conserved, fresh_url, hourly, total, usd

from tokeneff.stores import Gone, Granted, Refused, Reservation, Store, open_store


def test_a_second_settling_takes_no_other_calls_hold(store: Store) -> None:
    """floe-guard 0.25.2: settling one handle twice was accepted, and consumed what another call had reserved."""
    claims = [total(limit=100)]
    store.reserve("a", usd(40), claims, LEASE)
    store.reserve("b", usd(40), claims, LEASE)
    store.settle("a", usd(40), claims)
    assert isinstance(store.settle("a", usd(40), claims), Gone)
    assert (balances(store)["all"].spent, balances(store)["all"].held) == (usd(40), usd(40))
    assert isinstance(store.reserve("c", usd(21), claims, LEASE), Refused)


@pytest.mark.parametrize("kind", STORES)
def test_check_and_record_are_one(kind: str, running: Callable[[str], Server], tmp_path: Path) -> None:
    """floe-guard #18, #20 and LiteLLM #34732: a lock on each method let 16 of 16 calls in where 7 fitted."""
    store = open_store(fresh_url(kind, running, tmp_path))
    claims, together, answers = [total(limit=700)], threading.Barrier(16), list[Reservation]()

    def call(number: int) -> None:
        together.wait()
        answers.append(store.reserve(f"call-{number}", usd(100), claims, LEASE))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(answer).__name__ for answer in answers) == ["Granted"] * 7 + ["Refused"] * 9
    store.close()


def test_the_first_calls_of_an_unknown_user_are_counted(store: Store) -> None:
    """LiteLLM #40095: nobody was in the cache yet, so that every first request passed."""
    for number in range(3):
        answer = store.reserve(f"call-{number}", usd(40), [total(), total("user=new", 100)], LEASE)
        assert isinstance(answer, Granted if number < 2 else Refused)


def test_opening_again_does_not_multiply_spending(store: Store, store_url: str, clock: Clock) -> None:
    """LiteLLM #28247, #36926: each process seeded the shared counter with what was spent, N times the spending."""
    claims = [total()]
    store.reserve("a", usd(100), claims, LEASE)
    store.settle("a", usd(100), claims)
    for _ in range(4):
        other = open_store(store_url)
        other.clock = clock
        assert balances(other)["all"].spent == usd(100)
        other.close()
    store.close()
    assert balances(store)["all"].spent == usd(100)


def test_a_killed_call_blocks_nobody_for_longer_than_its_lease(store: Store, clock: Clock) -> None:
    """floe-guard 0.25.2: after four kill -9 every call was blocked until midnight, with nothing spent.
    LiteLLM #27639: reservations that leaked could not be told from spending."""
    claims = [hourly(clock, limit=100)]
    store.reserve("killed", usd(90), claims, LEASE)
    assert isinstance(store.reserve("b", usd(50), claims, LEASE), Refused)
    assert [hold.id for hold in store.holds()] == ["killed"], "and it can be seen whose it is"
    clock.ahead(LEASE)
    assert (balances(store)[claims[0].account].spent, store.holds()) == (usd(90), [])
    store.settle("killed", usd(10), claims)
    assert isinstance(store.reserve("b", usd(50), claims, LEASE), Granted)


def test_nothing_is_stale_after_a_reset(store: Store, store_url: str, clock: Clock) -> None:
    """LiteLLM #30002, #30460: calls were refused by what had been spent before the reset, from a cache."""
    claims = [total(limit=100)]
    other = open_store(store_url)
    other.clock = clock
    store.settle("a", usd(100), claims)
    store.reserve("x", usd(1), claims, LEASE)
    assert isinstance(other.reserve("b", usd(50), claims, LEASE), Refused)
    store.reset("all")
    assert isinstance(other.reserve("b", usd(50), claims, LEASE), Granted)
    other.close()


def test_a_new_window_begins_with_nothing(store: Store, clock: Clock) -> None:
    """LiteLLM #28283, #27735: a counter outlived its window, and refused three to six times too early."""
    store.settle("a", usd(100), [hourly(clock, limit=100)])
    clock.at = hourly(clock).end
    answer = store.reserve("b", usd(100), [hourly(clock, limit=100)], LEASE)
    assert isinstance(answer, Granted)
    assert answer.balances[0].spent == ZERO


def test_replicas_share_a_limit(store: Store, store_url: str, clock: Clock) -> None:
    """LiteLLM #30661, #39390, Bifrost #3547: each replica let the whole limit through."""
    replicas = [open_store(store_url) for _ in range(4)]
    answers: list[Reservation] = []
    for number, replica in enumerate(replicas * 4):
        replica.clock = clock
        answers.append(replica.reserve(f"call-{number}", usd(100), [total(limit=700)], LEASE))
    assert [isinstance(answer, Granted) for answer in answers] == [True] * 7 + [False] * 9
    for replica in replicas:
        replica.close()


def test_spending_nothing_is_nothing_and_no_estimate(store: Store) -> None:
    """LiteLLM #37992: an explicit usage of zero was replaced by the estimate."""
    claims = [total(limit=100)]
    store.reserve("a", usd(100), claims, LEASE)
    store.settle("a", ZERO, claims)
    assert (balances(store)["all"].spent, balances(store)["all"].held) == (ZERO, ZERO)
    conserved(store)
