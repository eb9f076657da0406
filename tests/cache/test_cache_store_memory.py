"""What stays in memory, and what memory is to a process and its children."""

from __future__ import annotations

import os
import random
import threading
from collections import Counter

import pytest
from cache_store_kit import NONE, Clock, name
from hypothesis import given
from hypothesis import strategies as st

from tokeneff.cache.stores import open_cache_store
from tokeneff.cache.stores._memory_sketch import Sketch
from tokeneff.cache.stores.memory import MemoryCacheStore


def hits(store: MemoryCacheStore, asked: list[int], size: int = 900) -> int:
    """How many of these are found, where each that is not is kept."""
    found = 0
    for number in asked:
        if store.get(name(number)) is not None:
            found += 1
        else:
            store.put(name(number), bytes(size), NONE, None)
    return found


def test_one_for_each_name() -> None:
    assert open_cache_store("memory://") is open_cache_store("memory://")
    assert open_cache_store("memory://one") is not open_cache_store("memory://two")
    assert open_cache_store("memory://one?max_size=5MB") is open_cache_store("memory://one")


def test_a_limit_that_is_made_smaller_holds_at_once() -> None:
    store = open_cache_store("memory://smaller")
    hits(store, list(range(100)))  # type: ignore[arg-type]
    assert open_cache_store("memory://smaller", 10_000).totals() == (10, 9320, 10_000, 90)


def test_a_batch_that_is_run_again_finds_what_fits_of_it() -> None:
    """Of a least-recently-used cache each would be gone just before it is asked for again."""
    store = MemoryCacheStore(max_bytes=100 * 932)
    assert hits(store, list(range(200)) * 4) > 0
    assert hits(store, list(range(200))) >= 25


def test_what_is_popular_survives_a_flood() -> None:
    store = MemoryCacheStore(max_bytes=100 * 932)
    for _ in range(5):
        hits(store, list(range(50)))
    hits(store, list(range(1000, 6000)))
    assert sum(store.get(name(number)) is not None for number in range(50)) >= 40


def test_what_was_popular_goes_when_others_are() -> None:
    store = MemoryCacheStore(max_bytes=100 * 932)
    for _ in range(20):
        hits(store, list(range(100)))
    for _ in range(150):
        hits(store, list(range(1000, 1080)))
    assert hits(store, list(range(1000, 1080))) >= 70


def test_a_large_value_is_weighed_against_all_that_would_go() -> None:
    store = MemoryCacheStore(max_bytes=100_000)
    for _ in range(3):
        hits(store, list(range(80)))
    store.put(name(1000), bytes(60_000), NONE, None)
    hits(store, list(range(2000, 2040)))
    assert store.get(name(1000)) is None
    assert sum(store.get(name(number)) is not None for number in range(80)) >= 20


def test_what_is_asked_once_more_soon_is_found() -> None:
    asked, seed = [], random.Random(1)
    for number in range(3000):
        asked.append(number)
        if number > 20 and seed.random() < 0.5:
            asked.append(number - seed.randrange(10))
    again = len(asked) - len(set(asked))
    assert hits(MemoryCacheStore(max_bytes=100 * 932), asked) > 0.9 * again


@pytest.mark.property
@given(st.lists(st.integers(0, 40), max_size=300))
def test_the_sketch_never_counts_too_little(asked: list[int]) -> None:
    sketch, counts = Sketch(64), Counter(asked)
    for number in asked:
        sketch.add(name(number))
    assert all(sketch.count(name(number)) >= min(count, 15) for number, count in counts.items())
    sketch.fit(1000)
    assert all(sketch.count(name(number)) >= min(count, 15) for number, count in counts.items())


def test_the_sketch_forgets() -> None:
    sketch = Sketch(64)
    for _ in range(15):
        sketch.add(name(0))
    for number in range(640):
        sketch.add(name(number + 1))
    assert sketch.count(name(0)) < 15


def test_what_ends_is_let_go_before_anything_else(clock_at: Clock) -> None:
    store = MemoryCacheStore(max_bytes=10 * 932)
    store.clock = clock_at
    for number in range(10):
        store.put(name(number), bytes(900), NONE, 1000 if number % 2 else None)
    clock_at.ahead(1000)
    for number in range(10, 15):
        store.put(name(number), bytes(900), NONE, None)
    assert store.totals() == (10, 9320, 9320, 0)


def test_ends_of_values_that_are_gone_do_not_pile_up() -> None:
    store = MemoryCacheStore()
    for number in range(5000):
        store.put(name(number % 3), b"", NONE, 10**12)
    assert len(store._ends) < 600


def test_a_forked_child_goes_on_by_itself() -> None:
    store = MemoryCacheStore()
    store.put(name(1), b"1", NONE, None)
    stop = threading.Event()
    busy = threading.Thread(target=lambda: [store.get(name(1)) for _ in iter(stop.is_set, True)])
    busy.start()
    child = os.fork()
    if child == 0:
        found = store.get(name(1))
        store.put(name(2), b"2", NONE, None)
        os._exit(0 if found is not None and found.value == b"1" else 1)
    stop.set()
    busy.join()
    assert os.waitpid(child, 0)[1] == 0
    assert store.get(name(2)) is None


@pytest.fixture
def clock_at() -> Clock:
    return Clock()
