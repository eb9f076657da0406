"""Random steps on each store beside a model: what is there is right, what is gone had to go, and it always fits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cache_store_kit import BEGIN, MINUTE, SECOND, STORES, Clock, fresh, name, servers_by_kind
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from servers import Server

from tokeneff.cache.stores import CacheStore, Labels, open_cache_store

__all__ = ["servers_by_kind"]

LIMIT = 6000
EXAMPLES = 600 if os.environ.get("TOKENEFF_SOAK") else 45
keys = st.integers(0, 7).map(name)
labels = st.builds(
    Labels,
    st.sampled_from(["", "gpt-5", "claude-5"]),
    st.sampled_from(["", "tenant=a", "tenant=b"]),
    st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("12")), unique=True, max_size=2).map(tuple),
)
owners = st.sampled_from(["one", "two"])


@dataclass
class Known:
    value: bytes
    labels: Labels
    stored: int
    expires: int | None
    hits: int = 0


class Machine(RuleBasedStateMachine):
    open: Callable[[], CacheStore]

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.url = type(self).open()
        self.store = self.opened()
        self.model: dict[bytes, Known] = {}
        self.leads: dict[bytes, tuple[str, int]] = {}
        self.evicted = 0

    def opened(self) -> CacheStore:
        store = open_cache_store(self.url, LIMIT)
        store.clock = self.clock
        return store

    def live(self) -> dict[bytes, Known]:
        now = self.clock.at
        self.model = {key: one for key, one in self.model.items() if one.expires is None or one.expires > now}
        return self.model

    @rule(
        key=keys,
        size=st.integers(0, 3000) | st.just(LIMIT - 32) | st.just(LIMIT),
        labels=labels,
        ttl=st.none() | st.integers(-1, 5).map(lambda minutes: minutes * MINUTE),
        stored=st.none() | st.integers(0, 9).map(lambda minutes: BEGIN - minutes * MINUTE),
    )
    def put(self, key: bytes, size: int, labels: Labels, ttl: int | None, stored: int | None) -> None:
        value = bytes([key[0]]) * size
        done = self.store.put(key, value, labels, ttl, stored)
        fits = size + 32 <= LIMIT and (ttl is None or ttl > 0)
        assert done == fits
        expected = self.live()
        expected.pop(key, None)
        if fits:
            now = self.clock.at
            expected[key] = Known(value, labels, now if stored is None else stored, None if ttl is None else now + ttl)
        there = {entry.key for entry in self.store.entries()}
        assert there <= set(expected)
        assert key in there or not fits, "what came last is there"
        gone = set(expected) - there
        if sum(32 + len(one.value) for one in expected.values()) <= LIMIT:
            assert not gone, "nothing goes without need"
        elif gone:
            left = sum(32 + len(expected[key].value) for key in there)
            assert left + max(32 + len(expected[key].value) for key in gone) > LIMIT, "and no more than has to"
        self.evicted += len(gone)
        assert self.store.totals().evicted == self.evicted
        for lost in gone:
            del expected[lost]

    @rule(key=keys)
    def get(self, key: bytes) -> None:
        found, known = self.store.get(key), self.live().get(key)
        if known is None:
            assert found is None
            return
        assert found is not None
        told = (found.key, found.value, found.size, found.labels, found.stored, found.expires, found.used)
        size = len(known.value)
        assert told == (key, known.value, size, known.labels, known.stored, known.expires, self.clock.at)
        known.hits += 1

    @rule(key=keys)
    def drop(self, key: bytes) -> None:
        assert self.store.drop(key) == (self.live().pop(key, None) is not None)

    @rule(asked=labels, before=st.none() | st.integers(-9, 9).map(lambda minutes: BEGIN + minutes * MINUTE))
    def purge(self, asked: Labels, before: int | None) -> None:
        meant = {
            key
            for key, known in self.live().items()
            if (not asked.model or asked.model == known.labels.model)
            and (not asked.scope or asked.scope == known.labels.scope)
            and set(asked.tags) <= set(known.labels.tags)
            and (before is None or known.stored < before)
        }
        assert self.store.purge(asked, before) == len(meant)
        for key in meant:
            del self.model[key]

    @rule(key=keys, owner=owners, lease=st.integers(1, 3).map(lambda minutes: minutes * MINUTE))
    def lead(self, key: bytes, owner: str, lease: int) -> None:
        leader, over = self.leads.get(key, ("", 0))
        may = leader in ("", owner) or over <= self.clock.at
        assert self.store.lead(key, owner, lease) == may
        if may:
            self.leads[key] = owner, self.clock.at + lease

    @rule(key=keys, owner=owners)
    def led(self, key: bytes, owner: str) -> None:
        self.store.led(key, owner)
        if self.leads.get(key, ("", 0))[0] == owner:
            del self.leads[key]

    @rule(key=keys)
    def leading(self, key: bytes) -> None:
        assert self.store.leading(key) == (self.leads.get(key, ("", 0))[1] > self.clock.at)

    @rule(by=st.sampled_from([1, SECOND, MINUTE, 5 * MINUTE]))
    def later(self, by: int) -> None:
        self.clock.ahead(by)

    @precondition(lambda self: self.clock.at > BEGIN)
    @rule()
    def earlier(self) -> None:
        """A clock that is put right: what ended before may be there again, or not, so all of it is let go first."""
        self.store.purge()
        for key, (owner, _) in self.leads.items():
            self.store.led(key, owner)
        self.model, self.leads = {}, {}
        self.clock.at = max(BEGIN, self.clock.at - 3 * MINUTE)

    @rule()
    def again(self) -> None:
        self.store.close()
        self.store = self.opened()

    @invariant()
    def it_fits(self) -> None:
        totals, live = self.store.totals(), self.live()
        assert totals[:2] == (len(live), sum(32 + len(known.value) for known in live.values()))
        assert totals.size <= totals.limit == LIMIT

    def teardown(self) -> None:
        told = {entry.key: entry.hits for entry in self.store.entries()}
        assert told == {key: known.hits for key, known in self.live().items()}
        self.store.close()


@pytest.mark.property
@pytest.mark.parametrize("kind", [kind for kind in STORES if kind != "cluster"])
def test_random_steps(kind: str, servers_by_kind: Callable[[str], Server], tmp_path: Path) -> None:
    made = type("Of", (Machine,), {"open": staticmethod(lambda: fresh(kind, servers_by_kind, tmp_path))})
    run_state_machine_as_test(
        made,
        settings=settings(
            max_examples=EXAMPLES if kind == "memory" else EXAMPLES // 3,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
