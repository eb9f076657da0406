"""What every store shows of its accounts, what is done to them by hand, and windows that roll."""

from __future__ import annotations

import os
import time

import pytest
from stores_kit import (
    BEGIN,
    DAY,
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
    usd,
)
from stores_kit import total as unbounded

from tokeneff.stores import Amounts, Balance, Claim, Entry, Granted, Limits, Refused, State, Store, open_store

SPAN, BUCKET = 10 * MINUTE, 20 * SECOND


def spend(store: Store, clock: Clock, hold: str, amounts: Amounts, claim: Claim) -> None:
    assert isinstance(store.reserve(hold, amounts, [claim], LEASE), Granted)
    assert isinstance(store.settle(hold, amounts, [claim]), Granted)


def test_states_say_what_people_ask_for(store: Store, clock: Clock) -> None:
    claims = [
        Claim("day|user=u1|x", Limits(1000, 50), True, BEGIN, BEGIN + DAY, 0, 0, "day", "user=u1", "2096-10-02"),
        rolling(budget="10m", window="rolling 10m"),
    ]
    store.reserve("a", usd(200), claims, LEASE)
    store.reserve("b", usd(300), claims, LEASE)
    store.settle("a", usd(100), claims)
    store.top_up("day|user=u1|x", Amounts(usd=11, requests=5))
    clock.ahead(SECOND)
    refused = store.reserve("c", usd(900), [claims[0]._replace(limits=Limits(900, 50))], LEASE)
    assert isinstance(refused, Refused)
    topped = Amounts(usd=11, requests=5)
    assert store.states() == [
        State(
            Balance("day|user=u1|x", usd(100), usd(300), Limits(911, 50), topped),
            *("day", "user=u1", "2096-10-02", BEGIN, BEGIN + DAY, 0, BEGIN + SECOND),
        ),
        State(Balance("rolling", usd(100), usd(300), Limits(1000)), "10m", "", "rolling 10m", 0, 0, SPAN, BEGIN),
    ]
    assert [state.balance.account for state in store.states("day|")] == ["day|user=u1|x"]
    assert store.states("day|user=u2") == []


def test_windows_that_were_over_a_day_ago_are_left_out(store: Store, clock: Clock) -> None:
    claim = hourly(clock)
    spend(store, clock, "a", usd(1), claim)
    clock.at = claim.end + DAY - 1
    assert list(balances(store)) == [claim.account]
    clock.ahead(1)
    assert balances(store) == {}


def test_limits_may_change_while_running(store: Store) -> None:
    spend(store, Clock(), "a", usd(80), unbounded(limit=100))
    assert isinstance(store.reserve("b", usd(30), [unbounded(limit=100)], LEASE), Refused)
    assert isinstance(store.reserve("b", usd(30), [unbounded(limit=110)], LEASE), Granted)
    assert isinstance(store.reserve("c", usd(1), [unbounded(limit=50)], LEASE), Refused)
    assert balances(store)["all"].limits == Limits(50)
    assert isinstance(store.reserve("c", usd(10**9), [unbounded(limit=None)], LEASE), Granted)


def test_topping_up(store: Store) -> None:
    claims = [unbounded(limit=100)]
    store.reserve("a", usd(100), claims, LEASE)
    assert store.top_up("all", Amounts(usd=50, tokens=7)) == Balance(
        "all", ZERO, usd(100), Limits(150), Amounts(50, 7, 0)
    )
    assert isinstance(store.reserve("b", usd(51), claims, LEASE), Refused)
    assert isinstance(store.reserve("b", usd(50), claims, LEASE), Granted)
    assert store.top_up("all", Amounts(usd=-60)).limits == Limits(90)
    assert isinstance(store.reserve("c", usd(1), claims, LEASE), Refused)
    notes = [(entry.step, entry.accounts, entry.note) for entry in store.journal() if entry.note]
    assert notes == [("top-up", ("all",), "usd +50, tokens +7"), ("top-up", ("all",), "usd -60")]
    conserved(store)


def test_topping_up_what_nobody_claimed_yet(store: Store) -> None:
    assert store.top_up("all", Amounts(usd=50)) == Balance("all", topped=Amounts(usd=50))
    assert isinstance(store.reserve("b", usd(151), [unbounded(limit=100)], LEASE), Refused)
    assert isinstance(store.reserve("b", usd(150), [unbounded(limit=100)], LEASE), Granted)


def test_topping_up_does_not_stop_a_window_from_rolling(store: Store, clock: Clock) -> None:
    store.top_up("rolling", Amounts(usd=50))
    store.settle("a", usd(1000), [rolling()])
    assert balances(store)["rolling"].spent == usd(1000)
    assert isinstance(store.reserve("b", usd(51), [rolling()], LEASE), Refused)
    clock.ahead(SPAN + BUCKET)
    assert isinstance(store.reserve("b", usd(1050), [rolling()], LEASE), Granted)


@pytest.mark.parametrize("claim", [unbounded(), rolling("all")], ids=["total", "rolling"])
def test_resetting(store: Store, clock: Clock, claim: Claim) -> None:
    spend(store, clock, "a", usd(700), claim)
    store.reserve("b", usd(300), [claim], LEASE)
    assert store.once("all", "80%")
    assert store.reset("all") == Balance("all", ZERO, usd(300), Limits(1000))
    assert store.once("all", "80%")
    assert steps(store.journal())[-1] == ("reset", "", ZERO, Amounts(-700, -70, -1))
    assert isinstance(store.reserve("c", usd(700), [claim], LEASE), Granted)
    store.settle("b", usd(250), [claim])
    assert balances(store)["all"].spent == usd(250)
    conserved(store, {"all": rolling("all")} if claim.span else {}, clock.at)


def test_resetting_what_is_not_there(store: Store) -> None:
    assert store.reset("nobody") == Balance("nobody")
    assert (store.states(), store.journal()) == ([], [])


@pytest.mark.parametrize("claim", [unbounded(), rolling("all")], ids=["total", "rolling"])
def test_what_was_charged_before_a_reset_is_forgotten(store: Store, clock: Clock, claim: Claim) -> None:
    other = unbounded("other")
    store.reserve("a", usd(700), [claim, other], LEASE)
    clock.ahead(LEASE)
    spend(store, clock, "b", usd(1), claim)
    store.reset("all")
    spend(store, clock, "c", usd(40), claim)
    store.settle("a", usd(100), [claim, other])
    assert {name: found.spent for name, found in balances(store).items()} == {"all": usd(40), "other": usd(100)}
    conserved(store, {"all": rolling("all")} if claim.span else {}, clock.at)


def test_a_threshold_is_told_once(store: Store, clock: Clock) -> None:
    store.reserve("a", usd(1), [unbounded(), rolling()], LEASE)
    for account in ("all", "nobody"):
        assert [store.once(account, mark) for mark in ("50%", "80%", "50%", "80%")] == [True, True, False, False]
    assert store.once("rolling", "50%")
    clock.ahead(SPAN - 1)
    assert not store.once("rolling", "50%")
    clock.ahead(1)
    assert store.once("rolling", "50%")
    assert not store.once("rolling", "50%")
    clock.ahead(10 * HOUR)
    assert not store.once("all", "50%")
    assert [state.balance.account for state in store.states()] == ["all", "rolling"]


def test_the_journal_is_of_an_account_or_of_all(store: Store, clock: Clock) -> None:
    one, other = unbounded("one"), unbounded("other")
    store.reserve("a", usd(1), [one, other], LEASE)
    clock.ahead(SECOND)
    store.reserve("b", usd(2), [one], LEASE)
    store.settle("a", usd(3), [one, other], note="n")
    entries = store.journal()
    assert entries == [
        Entry(entries[0].seq, BEGIN, "reserve", "a", ("one", "other"), usd(1), ZERO),
        Entry(entries[1].seq, BEGIN + SECOND, "reserve", "b", ("one",), usd(2), ZERO),
        Entry(entries[2].seq, BEGIN + SECOND, "settle", "a", ("one", "other"), Amounts(-1, 0, -1), usd(3), "n"),
    ]
    assert store.journal("other") == [entries[0], entries[2]]
    assert store.journal(newest=2) == entries[1:]
    assert store.journal("one", newest=1) == entries[2:]
    assert store.journal("nobody") == []
    assert store.journal(newest=0) == []


def test_spending_leaves_a_rolling_window_with_its_bucket(store: Store, clock: Clock) -> None:
    clock.at = BEGIN + 19 * SECOND
    spend(store, clock, "a", usd(600), rolling())
    clock.at = BEGIN + 20 * SECOND
    spend(store, clock, "b", usd(300), rolling())
    first, second = BEGIN + BUCKET + SPAN, BEGIN + 2 * BUCKET + SPAN
    refused = store.reserve("c", usd(200), [rolling()], LEASE)
    assert isinstance(refused, Refused)
    assert refused.frees == first
    clock.at = first - 1
    assert balances(store)["rolling"].spent.usd == 900
    clock.at = first
    assert balances(store)["rolling"].spent.usd == 300
    refused = store.reserve("c", usd(800), [rolling()], LEASE)
    assert isinstance(refused, Refused)
    assert refused.frees == second
    clock.at = second
    assert isinstance(store.reserve("c", usd(800), [rolling()], LEASE), Granted)


def test_holds_stay_in_a_rolling_window(store: Store, clock: Clock) -> None:
    store.reserve("a", usd(900), [rolling()], 2 * HOUR)
    clock.ahead(HOUR)
    refused = store.reserve("b", usd(200), [rolling()], LEASE)
    assert isinstance(refused, Refused)
    assert refused.frees == 0
    store.settle("a", usd(850), [rolling()])
    assert balances(store)["rolling"].spent == usd(850)


def test_when_room_appears(store: Store, clock: Clock) -> None:
    short, long = rolling("short", 100), rolling("long", 100, span=HOUR)
    spend(store, clock, "a", usd(100), short)
    spend(store, clock, "b", usd(100), long)
    both = store.reserve("c", usd(1), [short, long, unbounded(limit=0)], LEASE)
    assert isinstance(both, Refused)
    assert both.frees == BEGIN + BUCKET + HOUR
    watched = store.reserve("c", usd(1), [short, long._replace(enforced=False)], LEASE)
    assert isinstance(watched, Refused)
    assert watched.frees == BEGIN + BUCKET + SPAN


def test_a_clock_that_is_put_back(store: Store, clock: Clock) -> None:
    spend(store, clock, "a", usd(900), rolling())
    clock.ahead(BUCKET + SPAN)
    spend(store, clock, "b", usd(50), rolling())
    assert balances(store)["rolling"].spent.usd == 50
    clock.ahead(-SPAN)
    assert balances(store)["rolling"].spent.usd == 950, "what was spent then counts again, and what is dated later"
    assert isinstance(store.reserve("c", usd(51), [rolling()], LEASE), Refused)
    conserved(store, {"rolling": rolling()}, clock.at)


def test_the_clock(store_url: str) -> None:
    store = open_store(store_url)
    before = time.time_ns() // 1000 - 5 * SECOND
    assert before < store.now() < before + MINUTE
    granted = store.reserve("a", usd(1), [unbounded()], LEASE)
    assert before < granted.now < before + MINUTE
    store.clock = lambda: BEGIN
    assert store.now() == BEGIN
    store.close()


def test_using_a_closed_store_opens_it_again(store: Store) -> None:
    store.reserve("a", usd(10), [unbounded()], LEASE)
    store.close()
    store.close()
    store.settle("a", usd(7), [unbounded()])
    assert balances(store)["all"].spent == usd(7)


def test_two_of_one_url_are_one(store: Store, store_url: str, clock: Clock) -> None:
    other = open_store(store_url)
    other.clock = clock
    store.reserve("a", usd(900), [unbounded()], LEASE)
    assert isinstance(other.reserve("b", usd(200), [unbounded()], LEASE), Refused)
    other.settle("a", usd(100), [unbounded()])
    assert isinstance(store.reserve("b", usd(200), [unbounded()], LEASE), Granted)
    other.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_uses_it_too(store: Store) -> None:
    store.reserve("a", usd(10), [unbounded()], LEASE)
    child = os.fork()
    if not child:
        code = 1
        try:
            store.reserve("b", usd(20), [unbounded()], LEASE)
            code = 0 if balances(store)["all"].held == usd(30)._replace(requests=2) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    seen = usd(10) if store.instant else usd(30)._replace(requests=2)
    assert balances(store)["all"].held == seen, "in memory, a fork's budgets part"
    store.settle("a", usd(5), [unbounded()])
    conserved(store)
