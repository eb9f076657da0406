"""What every store does with a call: each sentence of the contract."""

from __future__ import annotations

import pytest
from stores_kit import (
    BEGIN,
    HOUR,
    LEASE,
    MINUTE,
    SECOND,
    ZERO,
    Clock,
    balances,
    conserved,
    hourly,
    rolling,
    steps,
    total,
    usd,
)

from tokeneff.errors import StoreError
from tokeneff.stores import Amounts, Balance, Claim, Gone, Granted, Hold, Limits, Refused, Stale, Store, open_store


def test_a_call_is_held_and_then_spent(store: Store, clock: Clock) -> None:
    claims = [total(), total("user=u1", 300)]
    held = store.reserve("a", usd(200), claims, LEASE)
    assert held == Granted(
        BEGIN,
        (
            Balance("all", ZERO, usd(200), Limits(1000)),
            Balance("user=u1", ZERO, usd(200), Limits(300)),
        ),
    )
    assert store.holds() == [Hold("a", ("all", "user=u1"), usd(200), ZERO, BEGIN, BEGIN + LEASE)]
    clock.ahead(SECOND)
    spent = store.settle("a", usd(150), claims)
    assert spent == Granted(
        BEGIN + SECOND,
        (Balance("all", usd(150), ZERO, Limits(1000)), Balance("user=u1", usd(150), ZERO, Limits(300))),
    )
    assert store.holds() == []
    assert steps(store.journal()) == [
        ("reserve", "a", usd(200), ZERO),
        ("settle", "a", Amounts(-200, -20, -1), usd(150)),
    ]
    conserved(store)


def test_to_the_nano_dollar(store: Store) -> None:
    claims = [total(limit=1000)]
    assert isinstance(store.reserve("a", usd(600), claims, LEASE), Granted)
    assert isinstance(store.reserve("b", usd(401), claims, LEASE), Refused)
    assert isinstance(store.reserve("b", usd(400), claims, LEASE), Granted)
    assert isinstance(store.reserve("c", usd(1), claims, LEASE), Refused)
    assert isinstance(store.reserve("c", ZERO, claims, LEASE), Granted)


def test_large_numbers_are_exact(store: Store) -> None:
    most = 9_000_000_000_000_000
    claims = [Claim("all", Limits(usd=most))]
    assert isinstance(store.reserve("a", Amounts(most - 1), claims, LEASE), Granted)
    assert isinstance(store.reserve("b", Amounts(2), claims, LEASE), Refused)
    found = store.reserve("b", Amounts(1), claims, LEASE)
    assert isinstance(found, Granted)
    assert found.balances[0].held.usd == most


@pytest.mark.parametrize("unit", Amounts._fields)
def test_each_unit_has_its_limit(store: Store, unit: str) -> None:
    claims = [Claim("all", Limits(**{unit: 10}))]
    assert isinstance(store.reserve("a", Amounts(7, 7, 7), claims, LEASE), Granted)
    refused = store.reserve("b", Amounts(4, 4, 4), claims, LEASE)
    assert refused == Refused(BEGIN, (Balance("all", ZERO, Amounts(7, 7, 7), Limits(**{unit: 10})),), (0,))
    assert isinstance(store.reserve("b", Amounts(3, 3, 3), claims, LEASE), Granted)


def test_all_or_nothing(store: Store) -> None:
    claims = [total("a"), total("b", 100), total("c"), total("d", 50)]
    refused = store.reserve("x", usd(101), claims, LEASE)
    assert isinstance(refused, Refused)
    assert refused.over == (1, 3)
    assert [balance.held for balance in refused.balances] == [ZERO] * 4
    assert (store.holds(), store.journal()) == ([], [])
    assert {name: found.held for name, found in balances(store).items()} == dict.fromkeys("abcd", ZERO)


def test_what_only_watches_is_granted_and_said_to_be_over(store: Store) -> None:
    claims = [total("a", 100, enforced=False), total("b")]
    granted = store.reserve("x", usd(500), claims, LEASE)
    assert isinstance(granted, Granted)
    assert granted.over == (0,)
    assert granted.balances[0].held == usd(500)
    refused = store.reserve("y", usd(501), claims, LEASE)
    assert isinstance(refused, Refused)
    assert refused.over == (0, 1)


def test_asking_twice_with_one_id_is_asking_once(store: Store, clock: Clock) -> None:
    claims = [hourly(clock, limit=100)]
    first = store.reserve("x", usd(80), claims, LEASE)
    assert store.reserve("x", usd(80), claims, LEASE) == first
    assert isinstance(store.reserve("x", usd(90), claims, LEASE), Granted)
    assert [(hold.amounts, hold.expires) for hold in store.holds()] == [(usd(80), BEGIN + LEASE)]
    store.renew([("x", "")], 2 * HOUR)
    clock.ahead(HOUR)
    assert isinstance(store.reserve("x", usd(80), claims, LEASE), Granted), "its window is over, and it is held already"
    assert len(store.journal()) == 1


@pytest.mark.parametrize("how", ["settled", "released", "run out"])
def test_an_id_that_is_over_is_gone(store: Store, clock: Clock, how: str) -> None:
    claims = [total()]
    store.reserve("x", usd(10), claims, LEASE)
    if how == "run out":
        clock.ahead(LEASE)
    else:
        store.settle("x", usd(5) if how == "settled" else ZERO, claims)
    assert store.reserve("x", usd(10), claims, LEASE) == Gone(clock.at)
    assert store.extend("x", usd(20), ZERO, LEASE) == Gone(clock.at)
    assert store.holds() == []


def test_a_window_of_another_time_is_stale(store: Store, clock: Clock) -> None:
    claim = hourly(clock)
    clock.at = claim.end - 1
    assert isinstance(store.reserve("a", usd(1), [claim], LEASE), Granted)
    clock.at = claim.end
    assert store.reserve("b", usd(1), [total(), claim], LEASE) == Stale(claim.end)
    clock.at = claim.start - 1
    assert store.reserve("b", usd(1), [total(), claim], LEASE) == Stale(claim.start - 1)
    assert "all" not in balances(store)


def test_a_call_belongs_to_the_window_in_which_it_began(store: Store, clock: Clock) -> None:
    claim = hourly(clock)
    clock.at = claim.end - SECOND
    store.reserve("a", usd(10), [claim], LEASE)
    clock.ahead(2 * SECOND)
    assert isinstance(store.extend("a", usd(20), usd(5), LEASE), Granted)
    settled = store.settle("a", usd(15), [claim])
    assert isinstance(settled, Granted)
    assert settled.balances[0].spent == usd(15)
    following = hourly(clock)
    assert isinstance(store.reserve("b", usd(1000), [following], LEASE), Granted)
    conserved(store)


def test_extending_asks_for_the_difference(store: Store, clock: Clock) -> None:
    claims = [total(limit=100), total("watched", 50, enforced=False)]
    store.reserve("a", Amounts(40, 4, 1), claims, LEASE)
    clock.ahead(SECOND)
    granted = store.extend("a", Amounts(60, 6, 1), Amounts(30, 3, 1), LEASE)
    assert isinstance(granted, Granted)
    assert granted.over == (1,)
    assert [balance.held for balance in granted.balances] == [Amounts(60, 6, 1)] * 2
    assert store.holds() == [
        Hold("a", ("all", "watched"), Amounts(60, 6, 1), Amounts(30, 3, 1), BEGIN, BEGIN + SECOND + LEASE)
    ]
    clock.ahead(SECOND)
    refused = store.extend("a", Amounts(101, 11, 1), Amounts(50, 5, 1), LEASE)
    assert isinstance(refused, Refused)
    assert refused.over == (0, 1)
    assert [balance.held for balance in refused.balances] == [Amounts(60, 6, 1)] * 2
    assert store.holds() == [
        Hold("a", ("all", "watched"), Amounts(60, 6, 1), Amounts(50, 5, 1), BEGIN, BEGIN + 2 * SECOND + LEASE)
    ]
    conserved(store)


def test_extending_never_takes_back(store: Store) -> None:
    claims = [total(limit=100)]
    store.reserve("a", Amounts(40, 9, 1), claims, LEASE)
    store.extend("a", Amounts(20, 10, 0), ZERO, LEASE)
    assert store.holds()[0].amounts == Amounts(40, 10, 1)
    conserved(store)


def test_what_does_not_grow_always_fits(store: Store) -> None:
    store.reserve("a", Amounts(90, 5, 1), [total(limit=100)], LEASE)
    store.top_up("all", Amounts(usd=-50))
    assert isinstance(store.extend("a", Amounts(90, 5, 1), ZERO, LEASE), Granted)
    assert isinstance(store.extend("a", Amounts(90, 6, 1), ZERO, LEASE), Granted)
    assert isinstance(store.extend("a", Amounts(91, 6, 1), ZERO, LEASE), Refused)


def test_extending_by_the_claims_it_was_reserved_with(store: Store) -> None:
    store.reserve("a", usd(50), [total(limit=100)], LEASE)
    store.reserve("b", usd(1), [total(limit=60)], LEASE)
    assert isinstance(store.extend("a", usd(90), ZERO, LEASE), Granted)
    assert isinstance(store.extend("b", usd(2), ZERO, LEASE), Refused)


def test_a_lease_that_runs_out_is_charged_in_full(store: Store, clock: Clock) -> None:
    claims = [total(limit=100)]
    store.reserve("a", Amounts(60, 6, 1), claims, LEASE)
    clock.ahead(LEASE - 1)
    assert isinstance(store.reserve("b", usd(41), claims, LEASE), Refused)
    clock.ahead(1)
    refused = store.reserve("b", usd(41), claims, LEASE)
    assert isinstance(refused, Refused)
    assert refused.balances == (Balance("all", Amounts(60, 6, 1), ZERO, Limits(100)),)
    assert store.holds() == []
    assert steps(store.journal())[1:] == [("expire", "a", Amounts(-60, -6, -1), Amounts(60, 6, 1))]
    conserved(store)


def test_and_never_below_its_floor(store: Store, clock: Clock) -> None:
    store.reserve("a", Amounts(60, 6, 1), [total(limit=100)], LEASE)
    store.extend("a", Amounts(200, 6, 1), Amounts(80, 5, 1), LEASE)
    clock.ahead(LEASE)
    assert balances(store)["all"].spent == Amounts(80, 6, 1)
    conserved(store)


def test_a_late_settling_puts_right_what_was_charged(store: Store, clock: Clock) -> None:
    claims = [total(), rolling(), hourly(clock)]
    store.reserve("a", usd(600), claims, LEASE)
    clock.ahead(2 * LEASE)
    assert isinstance(store.settle("a", usd(200), claims, note="late"), Granted)
    assert {found.spent for found in balances(store).values()} == {usd(200)}
    assert store.settle("a", usd(100), claims) == Gone(clock.at)
    entries = store.journal()
    assert steps(entries)[2:] == [("adjust", "a", ZERO, Amounts(-400, -40, 0))]
    assert entries[-1].note == "late"
    conserved(store, {"rolling": rolling()}, clock.at)


def test_what_is_put_right_stays_dated_when_its_lease_ran_out(store: Store, clock: Clock) -> None:
    claims = [rolling()]
    store.reserve("a", usd(600), claims, LEASE)
    clock.ahead(LEASE)
    store.holds()
    clock.ahead(5 * MINUTE)
    store.settle("a", usd(500), claims)
    clock.ahead(5 * MINUTE - 1)
    assert balances(store)["rolling"].spent == usd(500)
    clock.ahead(20 * SECOND)
    clock.ahead(SECOND)
    assert balances(store)["rolling"].spent == ZERO


@pytest.mark.parametrize("claim", [total(), rolling()])
def test_what_was_held_for_nothing_is_spent_when_it_settles_late(store: Store, clock: Clock, claim: Claim) -> None:
    store.reserve("a", ZERO, [claim], LEASE)
    clock.ahead(LEASE)
    assert store.holds() == []
    answer = store.settle("a", usd(40), [claim])
    assert isinstance(answer, Granted)
    assert answer.balances[0].spent == usd(40)
    assert steps(store.journal()) == [("settle", "a", ZERO, usd(40))]
    assert store.settle("a", usd(50), [claim]) == Gone(clock.at)


def test_a_hold_that_was_never_seen_is_spent_all_the_same(store: Store) -> None:
    claims = [total(limit=100), total("b", 10)]
    settled = store.settle("a", usd(150), claims)
    assert isinstance(settled, Granted)
    assert [balance.spent for balance in settled.balances] == [usd(150)] * 2
    assert isinstance(store.settle("a", usd(150), claims), Gone)
    assert isinstance(store.reserve("a", usd(1), claims, LEASE), Gone)
    assert isinstance(store.reserve("b", usd(1), claims, LEASE), Refused)
    conserved(store)


def test_a_release_may_come_before_its_hold(store: Store, clock: Clock) -> None:
    claims = [total()]
    assert isinstance(store.settle("a", ZERO, claims), Granted)
    assert store.reserve("a", usd(10), claims, LEASE) == Gone(clock.at)
    store.reserve("b", usd(10), claims, LEASE)
    released = store.settle("b", ZERO, claims)
    assert isinstance(released, Granted)
    assert released.balances == (Balance("all", ZERO, ZERO, Limits(1000)),)
    conserved(store)


def test_settling_may_cost_more_than_was_held(store: Store) -> None:
    claims = [total(limit=100)]
    store.reserve("a", usd(60), claims, LEASE)
    store.settle("a", usd(160), claims)
    assert balances(store)["all"].spent == usd(160)
    assert isinstance(store.reserve("b", usd(1), claims, LEASE), Refused)


def test_a_heartbeat_gives_another_lease(store: Store, clock: Clock) -> None:
    for hold in "abc":
        store.reserve(hold, usd(10), [total()], LEASE)
    store.settle("c", usd(5), [total()])
    clock.ahead(LEASE - 1)
    store.renew([("a", ""), ("c", ""), ("unknown", "")], LEASE)
    assert {hold.id: hold.expires for hold in store.holds()} == {"a": clock.at + LEASE, "b": BEGIN + LEASE}
    clock.ahead(1)
    assert [hold.id for hold in store.holds()] == ["a"]
    clock.ahead(LEASE)
    assert store.holds() == []
    conserved(store)


@pytest.mark.parametrize(
    "url",
    ["", "sqlite", "budgets.db", "sqlite://x.db", "sqlite:///", "sqlite:///a.db?mode=ro", "postgres://x", "memory:"],
)
def test_what_is_no_store(url: str) -> None:
    with pytest.raises(StoreError, match=r"write|as sqlite|leave them out"):
        open_store(url)
