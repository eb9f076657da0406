"""Any schedule at all: what a store answers is what a plain model answers, and its journal sums to what it has."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from servers import Server
from stores_kit import (
    BEGIN,
    HOUR,
    LEASE,
    MINUTE,
    SECOND,
    STORES,
    ZERO,
    Clock,
    conserved,
    fresh_url,
    hourly,
    rolling,
    total,
)
from stores_model import Model

from tokeneff.stores import Amounts, Balance, Claim, Granted, Limits, open_store

HOLDS = st.sampled_from([f"call-{number}" for number in range(8)])
AMOUNTS = st.just(ZERO) | st.builds(
    Amounts, st.sampled_from([0, 1, 7, 50, 99, 100, 101, 250, 600]), st.integers(0, 60), st.sampled_from([0, 1, 1, 2])
)
LEASES = st.sampled_from([LEASE, LEASE, 10 * SECOND, 20 * MINUTE])
CLAIMED = st.lists(st.sampled_from(["all", "user", "hour", "rolling", "watched", "stale"]), max_size=5, unique=True)
LIMITS = st.sampled_from([300, 1000, None])
SPAN = 10 * MINUTE


class Schedule(RuleBasedStateMachine):
    url: Callable[[], str]
    seldom = 0
    """How often more what takes long is done: forks, files that are closed and opened."""

    @initialize()
    def open(self) -> None:
        self.clock = Clock()
        self.highest = BEGIN
        self.place = type(self).url()
        self.store = open_store(self.place)
        self.store.clock = self.clock
        self.model = Model(self.clock)
        self.asked: dict[str, list[Claim]] = {}
        self.seldom = 3

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def claims(self, names: list[str], limit: int | None) -> list[Claim]:
        known = {
            "all": total("all", limit),
            "user": Claim("user", Limits(300, 120, 5)),
            "hour": hourly(self.clock, "hour", 500),
            "rolling": rolling("rolling", 400),
            "watched": total("watched", 100, enforced=False),
            "stale": hourly(Clock(self.clock.at - HOUR), "hour", 500),
        }
        return [known[name] for name in names if name != "stale" or "hour" not in names]

    @rule(hold=HOLDS, amounts=AMOUNTS, names=CLAIMED, limit=LIMITS, lease=LEASES)
    def reserve(self, hold: str, amounts: Amounts, names: list[str], limit: int | None, lease: int) -> None:
        found = self.claims([name for name in names if name != "stale"] if len(names) < 5 else names, limit)
        claims = self.asked.get(hold, found)
        answer = self.store.reserve(hold, amounts, claims, lease)
        assert answer == self.model.reserve(hold, amounts, claims, lease)
        if isinstance(answer, Granted):
            self.asked.setdefault(hold, claims)

    @rule(hold=HOLDS, amounts=AMOUNTS, floor=AMOUNTS, lease=LEASES)
    def extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int) -> None:
        assert self.store.extend(hold, amounts, floor, lease) == self.model.extend(hold, amounts, floor, lease)

    @rule(hold=HOLDS, amounts=AMOUNTS, names=CLAIMED, cancelled=st.booleans())
    def settle(self, hold: str, amounts: Amounts, names: list[str], cancelled: bool) -> None:
        claims = self.asked.get(hold, self.claims(names, 1000))
        spent = ZERO if cancelled else amounts
        assert self.settled(hold, spent, claims) == self.told(self.model.settle(hold, spent, claims))

    @rule(holds=st.lists(HOLDS, max_size=4), lease=LEASES)
    def renew(self, holds: list[str], lease: int) -> None:
        self.store.renew([(hold, "") for hold in holds], lease)
        self.model.reclaim()
        for hold in holds:
            if hold in self.model.holds:
                self.model.holds[hold].expires = self.clock.at + lease

    @rule(by=st.sampled_from([1, SECOND, 19 * SECOND, LEASE - 1, LEASE, 5 * MINUTE, SPAN, HOUR, 3 * HOUR]))
    def wait(self, by: int) -> None:
        if self.clock.at < BEGIN + 20 * HOUR:
            self.highest = max(self.highest, self.clock.ahead(by))

    @rule(by=st.sampled_from([1, SECOND, LEASE, SPAN]))
    def turn_the_clock_back(self, by: int) -> None:
        self.clock.at = max(self.clock.at - by, self.highest - SPAN)

    @rule(account=st.sampled_from(["all", "user", "rolling", "new"]), usd=st.sampled_from([-100, 0, 50]))
    def top_up(self, account: str, usd: int) -> None:
        found, expected = self.store.top_up(account, Amounts(usd, 3)), self.model.top_up(account, Amounts(usd, 3))
        assert self.known(found) == self.known(expected)

    @rule(account=st.sampled_from(["all", "user", "rolling", "watched", "new"]))
    def reset(self, account: str) -> None:
        found, expected = self.store.reset(account), self.model.reset(account)
        assert (found.spent, found.held) == (expected.spent, expected.held) == (ZERO, expected.held)

    @rule(account=st.sampled_from(["all", "user"]), mark=st.sampled_from(["50%", "80%"]))
    def once(self, account: str, mark: str) -> None:
        assert self.store.once(account, mark) == self.model.once(account, mark)

    @precondition(lambda self: self.seldom > 0)
    @rule()
    def close(self) -> None:
        self.seldom -= 1
        self.store.close()

    @precondition(lambda self: self.seldom > 0)
    @rule()
    def open_again(self) -> None:
        self.seldom -= 1
        self.store = open_store(self.place)
        self.store.clock = self.clock

    @precondition(lambda self: self.seldom > 0 and hasattr(os, "fork"))
    @rule(hold=HOLDS, amounts=AMOUNTS)
    def settle_in_a_fork(self, hold: str, amounts: Amounts) -> None:
        self.seldom -= 1
        claims = self.asked.get(hold, self.claims(["all"], 1000))
        child = os.fork()
        if not child:
            code = 1
            try:
                self.store.settle(hold, amounts, claims)
                code = 0
            except BaseException:  # noqa: BLE001 - a fork of pytest must not go on
                traceback.print_exc()
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        if not self.store.instant:
            self.model.settle(hold, amounts, claims)

    @invariant()
    def it_is_as_the_model(self) -> None:
        if not hasattr(self, "store"):
            return
        self.model.reclaim()
        found = {state.balance.account: state.balance for state in self.store.states()}
        for account in self.model.claimed:
            expected = self.model.balance(account)
            if account in found or (expected.held, expected.spent, expected.topped) != (ZERO, ZERO, ZERO):
                assert self.known(found[account]) == self.known(expected), account
        assert set(found) <= set(self.model.claimed)
        holds = {hold.id: (hold.amounts, hold.floor, hold.expires) for hold in self.store.holds()}
        assert holds == {hold: (out.amounts, out.floor, out.expires) for hold, out in self.model.holds.items()}
        conserved(self.store, {"rolling": rolling()}, self.clock.at)

    def known(self, balance: Balance) -> Balance:
        return balance if balance.account in self.model.limited else balance._replace(limits=Limits())

    def settled(self, hold: str, amounts: Amounts, claims: list[Claim]) -> object:
        return self.told(self.store.settle(hold, amounts, claims))

    @staticmethod
    def told(answer: object) -> object:
        """Without limits: nobody claimed them of an account that a settling makes."""
        if isinstance(answer, Granted):
            return answer._replace(balances=tuple(balance[:3] for balance in answer.balances))
        return answer


@pytest.mark.property
@pytest.mark.parametrize("kind", STORES)
def test_any_schedule(kind: str, running: Callable[[str], Server], tmp_path: Path) -> None:
    class Here(Schedule):
        url = staticmethod(lambda: fresh_url(kind, running, tmp_path))

    most = 25 if kind == "memory" else 10
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Here, settings=settings(max_examples=most, stateful_step_count=30, deadline=None, suppress_health_check=checks)
    )
