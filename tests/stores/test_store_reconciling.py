"""What a process and its store tell each other when the store was away: each thing once, and nothing that is not so."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stores_flaky import Flaky
from stores_kit import LEASE, MINUTE, ZERO, Clock, hourly, total, usd

from tokeneff.errors import BudgetUnavailable
from tokeneff.stores import Gone, Granted, Refused
from tokeneff.stores._guarded import GrantedMeanwhile, GuardedStore, _breaker, _exit


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked after every few milliseconds."""
    monkeypatch.setattr(_breaker, "SHORTEST", 0.005)
    monkeypatch.setattr(_breaker, "LONGEST", 0.01)


@pytest.fixture
def inner() -> Flaky:
    return Flaky()


@pytest.fixture
def guarded(inner: Flaky) -> Iterator[Callable[..., GuardedStore]]:
    made: list[GuardedStore] = []

    def make(**options: Any) -> GuardedStore:
        made.append(GuardedStore(inner, **options))
        made[-1].meet()
        return made[-1]

    yield make
    inner.away = inner.mute = False
    for store in made:
        store._breaker.stop(10)
        _exit.owners.discard(store)


def back(inner: Flaky, store: GuardedStore) -> None:
    inner.away = inner.mute = False
    until = time.monotonic() + 30
    while store.away or store.waiting:
        assert time.monotonic() < until, "the store is not seen to be back"
        time.sleep(0.002)


def spent(inner: Flaky, account: str = "all") -> int:
    return next(state.balance.spent.usd for state in inner.states() if state.balance.account == account)


def test_what_was_refused_meanwhile_does_not_wait_to_be_let_go(
    inner: Flaky, guarded: Callable[..., GuardedStore], caplog: pytest.LogCaptureFixture
) -> None:
    store = guarded(on_error="closed")
    inner.away = True
    for number in range(5):
        with pytest.raises(BudgetUnavailable):
            store.reserve(f"call-{number}", usd(10), [total()], LEASE)
        store.settle(f"call-{number}", ZERO, [total()])
    assert store.waiting == 0
    with caplog.at_level(logging.WARNING, "tokeneff"):
        store.finish(0.1)
    assert "could not be told" not in caplog.text


@pytest.mark.parametrize("ends", [True, False])
def test_what_was_refused_and_is_held_all_the_same_is_let_go(
    inner: Flaky, guarded: Callable[..., GuardedStore], ends: bool
) -> None:
    store = guarded(on_error="closed")
    inner.mute = True
    with pytest.raises(BudgetUnavailable):
        store.reserve("lost", usd(10), [total()], LEASE)
    store.settle("lost", ZERO, [total()])
    if ends:
        store._breaker.stop(10)
        inner.away = inner.mute = False
        store.finish(1.0)
    else:
        back(inner, store)
    assert inner.holds() == []
    assert [entry.step for entry in inner.journal()] == ["reserve", "settle"]


def test_what_was_spent_meanwhile_is_not_forgotten_the_next_time(
    inner: Flaky, guarded: Callable[..., GuardedStore]
) -> None:
    store = guarded()
    store.reserve("before", usd(100), [total()], LEASE)
    store.settle("before", usd(100), [total()])
    inner.away = True
    store.reserve("first", usd(800), [total()], LEASE)
    store.settle("first", usd(800), [total()])
    back(inner, store)
    inner.away = True
    assert isinstance(store.reserve("second", usd(101), [total()], LEASE), Refused)
    assert isinstance(store.reserve("third", usd(100), [total()], LEASE), GrantedMeanwhile)
    back(inner, store)
    assert spent(inner) == 900


def test_a_call_that_is_cancelled_while_its_store_hears_of_it_is_let_go(
    inner: Flaky, guarded: Callable[..., GuardedStore]
) -> None:
    store = guarded()
    inner.away = True
    store.once("all", "80% usd")
    assert isinstance(store.reserve("call", usd(10), [total()], LEASE), GrantedMeanwhile)

    def cancelled(step: str, hold: str) -> None:
        if (step, hold) == ("reserve", "call"):
            store.settle("call", ZERO, [total()])

    inner.upon = cancelled
    back(inner, store)
    assert inner.holds() == []


def test_what_was_only_reserved_here_is_let_go_here(inner: Flaky, guarded: Callable[..., GuardedStore]) -> None:
    store = guarded()
    inner.away = True
    store.once("all", "80% usd")
    assert store.away
    store.reserve("call", usd(10), [total()], LEASE)
    store.settle("call", ZERO, [total()])
    assert store.waiting == 0


def test_a_lease_that_ran_out_is_gone_after_an_outage_too(inner: Flaky, guarded: Callable[..., GuardedStore]) -> None:
    store = guarded()
    store.reserve("stream", usd(10), [total()], LEASE)
    inner.away = True
    assert isinstance(store.reserve("other", usd(1), [total()], LEASE), GrantedMeanwhile)
    back(inner, store)
    assert type(store.extend("stream", usd(30), ZERO, LEASE)) is Granted
    inner.clock.ahead(2 * LEASE)  # type: ignore[attr-defined]
    assert type(store.extend("stream", usd(900), ZERO, LEASE)) is Gone


def test_a_stream_of_a_window_that_ended_meanwhile_goes_on_here(
    inner: Flaky, guarded: Callable[..., GuardedStore]
) -> None:
    clock = inner.clock
    assert isinstance(clock, Clock)
    claim, store = hourly(clock), guarded()
    inner.away = True
    store.reserve("stream", usd(10), [claim], 300 * MINUTE)
    clock.ahead(60 * MINUTE)
    back(inner, store)
    assert isinstance(store.extend("stream", usd(900), ZERO, LEASE), GrantedMeanwhile)
    assert isinstance(store.extend("stream", usd(1001), ZERO, LEASE), Refused)
    store.settle("stream", usd(850), [claim])
    assert spent(inner, claim.account) == 850


@pytest.mark.parametrize("first", ["there", "away"])
def test_a_threshold_is_told_once_whether_or_not_the_store_is_there(
    inner: Flaky, guarded: Callable[..., GuardedStore], first: str
) -> None:
    store = guarded()
    told: list[bool] = []
    for number in range(3):
        inner.away = (first == "away") == (number % 2 == 0)
        told += [store.once("all", "80% usd"), store.once("all", "80% usd")]
        back(inner, store)
    assert told == [True] + [False] * 5
    inner.reset("all")
    assert store.once("all", "80% usd")


def test_a_store_that_was_closed_while_it_was_away_is_found_again(
    inner: Flaky, guarded: Callable[..., GuardedStore]
) -> None:
    store = guarded()
    inner.away = True
    store.reserve("call", usd(10), [total()], LEASE)
    store.close()
    inner.away = False
    assert type(store.reserve("after", usd(10), [total()], LEASE)) is Granted
