"""A store that is away is looked after while somebody has it or something waits for it. Then nothing of it is left."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import ref

import openai
import pytest
from stores_flaky import Flaky
from stores_kit import LEASE, ZERO, total, usd

import tokeneff
from tokeneff.cache.stores import GuardedCacheStore
from tokeneff.cache.stores.memory import MemoryCacheStore
from tokeneff.errors import BudgetUnavailable, StoreUnavailable
from tokeneff.stores._guarded import GuardedStore, _breaker
from tokeneff.testing import FakeProvider

NOBODY = "redis://127.0.0.1:1"


class Gone(MemoryCacheStore):
    """A store of replies that is away."""

    instant = False
    patience = 5.0

    def leading(self, key: bytes) -> bool:
        raise StoreUnavailable("it is away")


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked after every few milliseconds."""
    monkeypatch.setattr(_breaker, "SHORTEST", 0.005)
    monkeypatch.setattr(_breaker, "LONGEST", 0.01)


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked after in an hour."""
    monkeypatch.setattr(_breaker, "SHORTEST", 3600.0)
    monkeypatch.setattr(_breaker, "LONGEST", 3600.0)


def until(done: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end, what
        gc.collect()
        time.sleep(0.002)


def guards() -> list[Any]:
    """Those that somebody has, which the collector may have put aside."""
    return [one for one in gc.get_objects() if type(one) in (GuardedStore, GuardedCacheStore)]


def looking() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "tokeneff-store"}


def cached() -> dict[str, Any]:
    return {"cache": tokeneff.Cache(NOBODY)}


def budgeted() -> dict[str, Any]:
    return {"budget": tokeneff.Budget(requests=10_000), "store": NOBODY, "on_store_error": "closed"}


@pytest.mark.usefixtures("never")
@pytest.mark.parametrize("given", [cached, budgeted])
def test_with_the_last_client_all_of_it_goes(given: Callable[[], dict[str, Any]]) -> None:
    pytest.importorskip("redis")
    had, before = {id(one) for one in guards()}, looking()

    def use(base_url: str) -> tuple[list[Any], set[threading.Thread]]:
        with openai.OpenAI(base_url=base_url, api_key="k", max_retries=0) as bare:
            client = tokeneff.wrap(bare, **given())
            with suppress(BudgetUnavailable):
                client.chat.completions.create(
                    model="gpt-4.1-mini", messages=[{"role": "user", "content": "Hi"}], temperature=0, max_tokens=5
                )
            made = [one for one in guards() if id(one) not in had]
            assert [one.away for one in made] == [True]
            return [ref(one) for one in made], looking() - before

    with FakeProvider() as provider:
        (guard,), threads = use(provider.openai_url)
    assert len(threads) == 1
    until(lambda: guard() is None, "its guard is still there")
    until(lambda: not any(thread.is_alive() for thread in threads), "it is still looked after")


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("make", [lambda: GuardedCacheStore(Gone()), lambda: GuardedStore(away())])
def test_it_goes_between_two_looks_as_well(make: Callable[[], Any]) -> None:
    before, store = looking(), make()
    store.meet()
    (thread,) = looking() - before
    assert store.away
    guard = ref(store)
    del store
    until(lambda: guard() is None and not thread.is_alive(), "it is still looked after")


def away(mute: bool = False) -> Flaky:
    made = Flaky()
    made.away, made.mute = not mute, mute
    return made


@pytest.mark.usefixtures("soon")
def test_what_was_spent_is_told_also_when_nobody_has_the_store_any_more() -> None:
    inner = away()
    store, before = GuardedStore(inner), looking()
    store.meet()
    (thread,) = looking() - before
    for number in range(5):
        store.reserve(f"call-{number}", usd(10), [total()], LEASE)
        store.settle(f"call-{number}", usd(10), [total()])
    guard = ref(store)
    del store
    gc.collect()
    time.sleep(0.05)  # some looks
    assert guard() is not None
    assert thread.is_alive()

    inner.away = False

    until(lambda: guard() is None and not thread.is_alive(), "it is still looked after")
    assert [state.balance.spent.usd for state in inner.states()] == [50]


@pytest.mark.usefixtures("soon")
def test_what_may_be_held_is_let_go_also_when_nobody_has_the_store_any_more() -> None:
    inner = away(mute=True)
    store = GuardedStore(inner, on_error="closed")
    with pytest.raises(BudgetUnavailable):
        store.reserve("lost", usd(10), [total()], LEASE)
    store.settle("lost", ZERO, [total()])
    guard = ref(store)
    del store
    gc.collect()

    inner.away = inner.mute = False

    until(lambda: guard() is None, "it is still looked after")
    assert inner.holds() == []
