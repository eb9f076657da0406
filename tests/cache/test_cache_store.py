"""What every store of replies does, by the tests' own clock."""

from __future__ import annotations

import threading

import pytest
from cache_store_kit import (
    BEGIN,
    MINUTE,
    NONE,
    SECOND,
    Clock,
    clock,
    keys_of,
    name,
    servers_by_kind,
    store,
    store_url,
)

from tokeneff.cache.stores import CacheStore, Entry, Labels, Totals, open_cache_store
from tokeneff.errors import StoreError

__all__ = ["clock", "servers_by_kind", "store", "store_url"]

ACME = Labels("gpt-5", "tenant=acme", (("team", "search"), ("user", "ada")))
BETA = Labels("gpt-5", "tenant=beta", (("team", "search"),))
OTHER = Labels("claude-5", "tenant=acme")


def test_what_was_put_is_found_whole(store: CacheStore, clock: Clock) -> None:
    value = bytes(range(256)) * 50
    assert store.put(name(1), value, ACME, MINUTE)
    clock.ahead(SECOND)
    found = store.get(name(1))
    assert found == Entry(name(1), len(value), BEGIN, BEGIN + MINUTE, BEGIN + SECOND, found.hits, ACME, value)
    assert store.get(name(2)) is None


def test_an_empty_value_and_labels_that_are_hard_to_write(store: CacheStore) -> None:
    labels = Labels("m\0'\";--{}", "tenant=\N{SNOWMAN}\U0001f600\n", (('"', "\\"), ("", "=")))
    store.put(name(1), b"", labels, None)
    found = store.get(name(1))
    assert (found.value, found.labels, found.expires) == (b"", labels, None)
    assert keys_of(store.entries(labels)) == [name(1)]


def test_a_value_is_replaced_whole(store: CacheStore, clock: Clock) -> None:
    store.put(name(1), b"old" * 100, ACME, MINUTE)
    store.get(name(1))
    clock.ahead(SECOND)
    store.put(name(1), b"new", OTHER, None)
    (entry,) = store.entries()
    assert entry == Entry(name(1), 3, BEGIN + SECOND, None, BEGIN + SECOND, 0, OTHER)
    assert store.totals()[:2] == (1, 35)


def test_a_value_is_found_until_its_time_is_over(store: CacheStore, clock: Clock) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    store.put(name(2), b"2", NONE, None)
    clock.ahead(MINUTE - 1)
    assert store.get(name(1)) is not None
    clock.ahead(1)
    assert store.get(name(1)) is None
    assert keys_of(store.entries()) == [name(2)]
    assert store.totals()[:2] == (1, 33)
    assert store.purge() == 1
    clock.ahead(1000 * MINUTE)
    assert store.totals()[:2] == (0, 0)


def test_what_is_found_again_after_its_time_was_put_again(store: CacheStore, clock: Clock) -> None:
    store.put(name(1), b"1", NONE, SECOND)
    clock.ahead(MINUTE)
    store.put(name(1), b"2", NONE, SECOND)
    assert store.get(name(1)).value == b"2"
    store.put(name(1), b"3", NONE, MINUTE)
    clock.ahead(SECOND)
    store.put(name(2), b"4", NONE, MINUTE)
    assert store.get(name(1)).value == b"3", "its first end is not its second"
    assert store.totals() == Totals(2, 66, store.totals().limit, 0)


def test_a_clock_that_goes_back_breaks_nothing(store: CacheStore, clock: Clock) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    clock.at -= 1000 * MINUTE
    assert store.get(name(1)).value == b"1"
    store.put(name(2), b"2", NONE, MINUTE)
    assert store.lead(name(3), "a", MINUTE)
    assert {entry.key for entry in store.entries()} == {name(1), name(2)}
    assert store.totals()[:2] == (2, 66)


def test_no_time_at_all_is_not_kept(store: CacheStore) -> None:
    store.put(name(1), b"old", NONE, MINUTE)
    assert not store.put(name(1), b"new", NONE, 0)
    assert not store.put(name(2), b"new", NONE, -1)
    assert list(store.entries()) == []


def test_when_it_was_got_may_be_said(store: CacheStore) -> None:
    store.put(name(1), b"1", NONE, MINUTE, BEGIN - MINUTE)
    found = store.get(name(1))
    assert (found.stored, found.expires) == (BEGIN - MINUTE, BEGIN + MINUTE)


def test_what_is_dropped_is_gone(store: CacheStore) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    assert store.drop(name(1))
    assert not store.drop(name(1))
    assert store.get(name(1)) is None
    assert store.totals()[:2] == (0, 0)


def test_lists_are_newest_first_by_labels_and_without_values(store: CacheStore, clock: Clock) -> None:
    for number, labels in enumerate([ACME, BETA, OTHER, NONE]):
        store.put(name(number), b"x" * number, labels, MINUTE)
        clock.ahead(SECOND)
    assert keys_of(store.entries()) == [name(3), name(2), name(1), name(0)]
    assert keys_of(store.entries(newest=2)) == [name(3), name(2)]
    assert keys_of(store.entries(Labels(model="gpt-5"))) == [name(1), name(0)]
    assert keys_of(store.entries(Labels(scope="tenant=acme"))) == [name(2), name(0)]
    assert keys_of(store.entries(Labels("gpt-5", "tenant=acme"))) == [name(0)]
    assert keys_of(store.entries(Labels(tags=(("team", "search"),)), newest=1)) == [name(1)]
    assert keys_of(store.entries(Labels(tags=(("team", "search"), ("user", "ada"))))) == [name(0)]
    assert keys_of(store.entries(Labels(tags=(("team", "Search"),)))) == []
    assert [(entry.value, entry.size) for entry in store.entries()] == [(None, 3), (None, 2), (None, 1), (None, 0)]


def test_lists_say_when_it_was_found_and_how_often(store: CacheStore, clock: Clock) -> None:
    for number in range(2):
        store.put(name(number), b"1", NONE, MINUTE)
    for _ in range(3):
        clock.ahead(SECOND)
        store.get(name(0))
    found = {entry.key: (entry.used, entry.hits) for entry in store.entries()}
    assert found == {name(0): (BEGIN + 3 * SECOND, 3), name(1): (BEGIN, 0)}


@pytest.mark.parametrize(
    ("labels", "left"),
    [
        (NONE, []),
        (Labels(model="gpt-5"), [2, 3]),
        (Labels(scope="tenant=acme"), [1, 3]),
        (Labels(tags=(("team", "search"),)), [2, 3]),
        (Labels("gpt-5", "tenant=acme", (("user", "ada"),)), [1, 2, 3]),
        (Labels(model="gpt"), [0, 1, 2, 3]),
    ],
    ids=str,
)
def test_purged_by_labels(store: CacheStore, labels: Labels, left: list[int]) -> None:
    for number, own in enumerate([ACME, BETA, OTHER, NONE]):
        store.put(name(number), b"1", own, MINUTE)
    assert store.purge(labels) == 4 - len(left)
    assert {entry.key for entry in store.entries()} == {name(number) for number in left}
    assert [store.get(name(number)) is not None for number in range(4)] == [number in left for number in range(4)]
    assert store.totals()[:2] == (len(left), 33 * len(left))


def test_purged_by_age(store: CacheStore, clock: Clock) -> None:
    for number in range(4):
        store.put(name(number), b"1", NONE, MINUTE)
        clock.ahead(SECOND)
    assert store.purge(before=BEGIN + 2 * SECOND) == 2
    assert keys_of(store.entries()) == [name(3), name(2)]
    assert store.purge(Labels(model="none")) == 0


def test_no_more_is_kept_than_there_is_room_for(store_url: str, clock: Clock) -> None:
    store = open_cache_store(store_url + ("&" if "?" in store_url else "?") + "max_size=64kB")
    store.clock = clock
    room = store.totals().limit // (32 if "cluster" in store_url else 1)
    assert not store.put(name(0), bytes(room - 31), NONE, MINUTE), "it alone is too large"
    assert store.put(name(0), bytes(room - 32), NONE, MINUTE)
    assert not store.put(name(0), bytes(room - 31), NONE, MINUTE)
    assert store.get(name(0)) is None, "nor is what it replaced there"
    count = 80 if "cluster" in store_url else 300
    for number in range(count):
        clock.ahead(SECOND)
        assert store.put(name(number), bytes(number * 3), NONE, None)
        assert store.get(name(number)) is not None, "what came last is there"
        totals = store.totals()
        assert totals.size <= totals.limit == 64_000
        if totals.evicted and "cluster" not in store_url:
            assert totals.size > 64_000 - 1000, "and no more goes than has to"
    there = list(store.entries())
    assert (totals.entries, totals.size) == (len(there), sum(entry.size + 32 for entry in there))
    assert totals.entries + totals.evicted == count
    store.close()


def test_what_is_used_stays(store_url: str, clock: Clock) -> None:
    if "cluster" in store_url:
        pytest.skip("each of its parts does, in what is put there")
    store = open_cache_store(store_url + ("&" if "?" in store_url else "?") + "max_size=20kB")
    store.clock = clock
    for number in range(10):
        store.put(name(number), bytes(900), NONE, None)
    for number in range(10, 60):
        clock.ahead(SECOND)
        for often in range(4):
            assert store.get(name(often)) is not None
        store.get(name(number))
        store.put(name(number), bytes(900), NONE, None)
    assert {name(often) for often in range(4)} <= {entry.key for entry in store.entries()}
    store.close()


def test_one_leads_at_a_time_and_for_a_time(store: CacheStore, clock: Clock) -> None:
    assert not store.leading(name(1))
    assert store.lead(name(1), "one", MINUTE)
    assert not store.lead(name(1), "two", MINUTE)
    assert store.lead(name(2), "two", MINUTE), "of another key somebody else may"
    assert store.leading(name(1))
    clock.ahead(MINUTE - 1)
    assert not store.lead(name(1), "two", MINUTE)
    clock.ahead(1)
    assert not store.leading(name(1)), "whoever led is dead, or slow"
    assert store.lead(name(1), "two", MINUTE)
    store.led(name(1), "one")
    assert store.leading(name(1)), "and cannot end what is another one's"
    store.led(name(1), "two")
    assert not store.leading(name(1))
    assert store.lead(name(1), "three", MINUTE)


def test_a_lease_that_is_asked_again_begins_anew(store: CacheStore, clock: Clock) -> None:
    assert store.lead(name(1), "one", MINUTE)
    clock.ahead(MINUTE // 2)
    assert store.lead(name(1), "one", MINUTE)
    clock.ahead(MINUTE // 2)
    assert store.leading(name(1))
    assert not store.lead(name(1), "two", MINUTE)
    clock.ahead(MINUTE // 2)
    assert store.lead(name(1), "two", MINUTE)
    assert not store.lead(name(1), "one", MINUTE), "it came too late"


def test_leading_has_nothing_to_do_with_what_is_kept(store: CacheStore) -> None:
    assert store.lead(name(1), "one", MINUTE)
    assert store.get(name(1)) is None
    store.put(name(1), b"1", NONE, MINUTE)
    assert store.leading(name(1))
    assert store.purge() == 1
    assert store.leading(name(1))
    store.led(name(1), "one")
    store.led(name(1), "one")


def test_many_leases_that_were_left(store: CacheStore, clock: Clock) -> None:
    for number in range(400):
        assert store.lead(name(number), "killed", SECOND)
        clock.ahead(SECOND // 100)
    assert [store.leading(name(number)) for number in range(400)] == [False] * 301 + [True] * 99


def test_of_many_threads_one_leads(store: CacheStore) -> None:
    answers: list[bool] = []
    barrier = threading.Barrier(8)

    def ask(owner: str) -> None:
        barrier.wait()
        answers.append(store.lead(name(1), owner, MINUTE))

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]


def test_threads_do_not_see_halves(store: CacheStore) -> None:
    faults: list[object] = []
    values = [bytes([number]) * 5000 for number in range(4)]

    def work(own: int) -> None:
        try:
            for _ in range(25):
                store.put(name(1), values[own], NONE, MINUTE)
                found = store.get(name(1))
                if found is not None and found.value not in values:
                    faults.append(found)
        except BaseException as fault:  # noqa: BLE001 - seen below
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert store.totals()[:2] == (1, 5032)


def test_two_that_opened_it_share_it(store: CacheStore, store_url: str, clock: Clock) -> None:
    other = open_cache_store(store_url)
    other.clock = clock
    store.put(name(1), b"1", ACME, MINUTE)
    assert other.get(name(1)).value == b"1"
    assert store.lead(name(2), "one", MINUTE)
    assert not other.lead(name(2), "two", MINUTE)
    assert other.purge(Labels(scope="tenant=acme")) == 1
    assert store.get(name(1)) is None
    other.close()


def test_a_secret_that_all_share(store: CacheStore, store_url: str) -> None:
    secret = store.secret()
    assert len(secret) == 32
    other = open_cache_store(store_url)
    assert (other.secret(), store.secret()) == (secret, secret)
    store.put(name(1), b"1", NONE, MINUTE)
    store.purge()
    assert store.secret() == secret
    assert len(set(secret)) > 1
    other.close()


def test_closed_it_can_be_used_again(store: CacheStore) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    store.get(name(1))
    store.close()
    assert store.get(name(1)).value == b"1"
    (entry,) = store.entries()
    assert entry.hits == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("cache.db", "is no URL: write memory://"),
        ("postgres://h/db", "no store of kind 'postgres'"),
        ("_contract://", "no store of kind"),
        ("memory://a?b=c", "no store"),
        ("memory://?max_size=much", "is no size: write 500MB"),
        ("memory://?max_size=0", "room for 0 bytes is none"),
        ("sqlite://cache.db", "three slashes"),
        ("sqlite:///cache.db?mode=ro", "options"),
        ("sqlite:///nowhere/at/all.db", "no directory"),
        ("redis://h?max_bytes=5", "max_bytes"),
        ("redis://h/x", "number of a database"),
        (5, "a value of type int"),
    ],
    ids=str,
)
def test_what_is_no_store_is_said(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        open_cache_store(url)


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("2GiB", 2**31), ("1024", 1024), ("1.5k", 1500), ("3 tb", 3 * 10**12)]
)
def test_sizes(text: str, size: int) -> None:
    assert open_cache_store(f"memory://sizes?max_size={text}").totals().limit == size


def test_a_size_of_the_url_is_more_than_one_beside_it() -> None:
    assert open_cache_store("memory://beside?max_size=1MB", 2_000_000).totals().limit == 1_000_000
    assert open_cache_store("memory://beside", 2_000_000).totals().limit == 2_000_000
    assert open_cache_store("memory://beside").totals().limit == 2_000_000, "it is there, and has one"
