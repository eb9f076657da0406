"""What is Redis' own: one command for a question, keys that end by themselves, memory, clusters, sentinels, forks."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cache_store_kit import MINUTE, NONE, SECOND, keys_of, name
from servers import Server, cluster, kinds, watched

from tokeneff.cache.stores import Labels, NotKept, open_cache_store
from tokeneff.cache.stores.redis import RedisCacheStore
from tokeneff.errors import StoreUnavailable

pytestmark = pytest.mark.skipif(not kinds(), reason="no redis-server and no valkey-server here: .ci/redis installs one")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def own() -> Iterator[Server]:
    with Server() as made:
        yield made


@pytest.fixture
def store(server: Server) -> Iterator[RedisCacheStore]:
    made = RedisCacheStore(server.url())
    yield made
    made.close()


def heard(server: Server, work: Any) -> list[str]:
    """The commands that clients send meanwhile."""
    seen: list[str] = []
    with server.client().monitor() as monitor:
        work()
        server.client().echo("over")
        for one in monitor.listen():
            if "ECHO" in one["command"]:
                return [command for command in seen if not command.startswith(("CLIENT", "HELLO", "PING"))]
            if one["client_type"] != "lua":
                seen.append(one["command"].split()[0])
    return seen


def test_one_question_is_one_command(server: Server, store: RedisCacheStore) -> None:
    def questions(number: int) -> None:
        store.put(name(number), b"1", Labels("m"), MINUTE)
        store.get(name(number))
        store.get(name(1000))
        store.lead(name(number), "one", MINUTE)
        store.leading(name(number))
        store.led(name(number), "one")
        store.drop(name(number))
        store.now()

    questions(1)
    asked = heard(server, lambda: questions(2))
    assert asked == ["EVALSHA", "GET", "GET", "EVALSHA", "GET", "EVALSHA", "EVALSHA"], "and the clock is known"


def test_hits_write_nothing_but_are_told(server: Server, store: RedisCacheStore) -> None:
    for number in range(10):
        store.put(name(number), b"1", NONE, MINUTE)
    assert set(heard(server, lambda: [store.get(name(number % 10)) for number in range(100)])) == {"GET"}
    assert heard(server, lambda: store.put(name(11), b"1", NONE, MINUTE)) == ["EVALSHA"]
    other = RedisCacheStore(store.url)
    assert sum(entry.hits for entry in other.entries()) == 100
    other.close()


def test_values_and_leases_end_by_themselves(own: Server) -> None:
    import redis

    store = RedisCacheStore(own.url(prefix="t"))
    store.put(name(1), b"1", NONE, SECOND)
    store.put(name(2), b"2", NONE, None)
    store.put(name(3), b"3", NONE, 10**18)
    store.lead(name(1), "one", SECOND)
    root = store._root(name(1)).encode()
    with redis.Redis(port=own.port) as client:
        ending = {key for key in client.scan_iter() if client.pttl(key) != -1}
        assert ending <= {root + b":v:" + name(1), root + b":l:" + name(1)}
        until = time.monotonic() + 30
        while client.exists(root + b":v:" + name(1), root + b":l:" + name(1)):
            assert time.monotonic() < until
            time.sleep(0.05)
    assert store.get(name(1)) is None
    assert not store.leading(name(1))
    assert store.lead(name(1), "two", 1)
    assert store.get(name(2)).expires is store.get(name(3)).expires is None
    assert store.totals()[:2] == (2, 66), "what was noted of it is put right"
    store.close()


def raw_keys(server: Server) -> list[str]:
    import redis

    with redis.Redis(port=server.port, decode_responses=True, encoding_errors="replace") as client:
        return [str(key) for key in client.scan_iter()]


def test_keys_of_replies_are_apart_from_those_of_budgets(own: Server) -> None:
    from tokeneff.stores import Amounts, Claim, Limits, open_store

    replies, budgets = open_cache_store(own.url(prefix="t")), open_store(own.url(prefix="t"))
    replies.put(name(1), b"1", NONE, MINUTE)
    budgets.settle("call", Amounts(1), [Claim("all", Limits())])
    assert replies.purge() == 1
    assert [state.balance.account for state in budgets.states()] == ["all"]
    assert all(key.startswith(("{t}:", "{t.cache}:")) for key in raw_keys(own))
    replies.close()
    budgets.close()


def test_a_server_that_forgot_its_scripts_is_told_them_again(server: Server, store: RedisCacheStore) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    server.client().script_flush()
    assert store.put(name(1), b"2", NONE, MINUTE)
    assert store.get(name(1)).value == b"2"


def test_what_others_wrote_there_is_not_found(server: Server, store: RedisCacheStore) -> None:
    import redis

    client = redis.Redis(port=server.port)
    root = store._root(name(1)).encode()
    for number, value in enumerate(
        [b"", b"text", b"1 2 3\n", b"1 - 99\n[]", b"x - 2\n[]", b"1 - 2\n{}rest", b"\xff\n"]
    ):
        client.set(root + b":v:" + name(number), value)
        assert store.get(name(number)) is None
    client.rpush(root + b":v:" + name(50), "a", "list")
    assert store.get(name(50)) is None
    assert store.put(name(50), b"1", NONE, MINUTE)
    assert store.get(name(50)).value == b"1"


def test_what_the_server_evicted_is_seen(server: Server, store: RedisCacheStore) -> None:
    import redis

    client = redis.Redis(port=server.port)
    root = store._root(name(1)).encode()
    for number in range(4):
        store.put(name(number), b"1", NONE, MINUTE)
    client.delete(root + b":v:" + name(1))
    assert store.get(name(1)) is None
    assert {entry.key for entry in store.entries()} == {name(0), name(2), name(3)}
    assert store.put(name(1), b"1", NONE, MINUTE)
    assert store.totals()[:2] == (4, 4 * 33)
    client.delete(root + b":used", root + b":about")
    small = RedisCacheStore(store.url, 100)
    for number in range(20):
        assert small.put(name(number), b"1", NONE, MINUTE)
    assert small.totals().size <= 100
    small.close()


def test_a_server_without_memory_can_be_read(own: Server) -> None:
    store = RedisCacheStore(own.url())
    for number in range(20):
        store.put(name(number), bytes(20_000), NONE, MINUTE)
    store.get(name(19))
    own.client().config_set("maxmemory", 1)
    for _ in range(3):
        with pytest.raises(NotKept, match="memory"):
            store.put(name(50), bytes(20_000), NONE, MINUTE)
    with pytest.raises(NotKept, match="memory"):
        store.lead(name(50), "one", MINUTE)
    assert store.get(name(18)) is not None
    assert store.totals().entries == 17, "and makes room for the next one"
    assert store.purge() == 17
    assert store.totals()[:2] == (0, 0)
    own.client().config_set("maxmemory", 0)
    assert store.put(name(50), bytes(20_000), NONE, MINUTE)
    store.close()


def test_a_replica_can_be_read(own: Server) -> None:
    with Server("--replicaof", f"127.0.0.1 {own.port}") as replica:
        store, copy = RedisCacheStore(own.url(prefix="t")), RedisCacheStore(replica.url(prefix="t"))
        store.put(name(1), b"1", NONE, MINUTE)
        until = time.monotonic() + 30
        while copy.get(name(1)) is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        with pytest.raises(NotKept):
            copy.put(name(2), b"2", NONE, MINUTE)
        store.close()
        copy.close()


def test_the_time_is_the_servers(store: RedisCacheStore) -> None:
    before = time.time_ns() // 1000
    assert abs(store.now() - before) < 5 * SECOND
    store._offset += 1000 * SECOND  # type: ignore[operator]
    assert store.now() > before + 900 * SECOND
    store.put(name(1), b"1", NONE, MINUTE)
    assert abs(store.now() - before) < 100 * SECOND, "it is told anew with each reply that is kept"
    assert abs(store.get(name(1)).stored - before) < 100 * SECOND


def test_a_cluster_shares_the_room() -> None:
    with cluster(3) as nodes:
        store = RedisCacheStore(nodes[0].url("redis+cluster", prefix="t"), 320_000)
        labels = [Labels("m", f"tenant={number % 3}") for number in range(300)]
        for number in range(300):
            assert store.put(name(number), bytes(1000), labels[number], MINUTE)
            assert store.get(name(number)) is not None
        totals, there = store.totals(), keys_of(store.entries())
        assert totals.entries == len(there) == len(set(there)) > 150
        assert totals.size <= 320_000
        assert all(node.client().dbsize() > 10 for node in nodes)
        gone = store.purge(Labels(scope="tenant=1"))
        assert gone > 30
        assert {entry.labels.scope for entry in store.entries()} == {"tenant=0", "tenant=2"}
        assert all(
            (store.get(key) is None) == (labels[[name(one) for one in range(300)].index(key)].scope == "tenant=1")
            for key in there
        )
        assert store.totals().entries == totals.entries - gone
        store.close()


def test_sentinels_name_the_server() -> None:
    with watched("cache") as (sentinel, master, _):
        place = sentinel.url("redis+sentinel", prefix="t").replace("?", "/cache/0?")
        store = RedisCacheStore(place)
        assert store.put(name(1), b"1", NONE, MINUTE)
        assert store.get(name(1)).value == b"1"
        direct = RedisCacheStore(master.url(prefix="t"))
        assert direct.get(name(1)).value == b"1"
        direct.close()
        store.close()


def test_forked_children_connect_by_themselves(store: RedisCacheStore) -> None:
    store.put(name(1), b"1", NONE, MINUTE)
    children = []
    for number in range(2, 5):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for _ in range(50):
                    found = store.get(name(1))
                    assert found is not None
                    assert found.value == b"1"
                store.put(name(number), b"1", NONE, MINUTE)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    for _ in range(50):
        assert store.get(name(1)).value == b"1"
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 3
    assert {entry.key for entry in store.entries()} == {name(number) for number in range(1, 5)}


def test_a_wrong_password_is_no_store_and_is_not_shown() -> None:
    with Server(password="right") as server:
        store = RedisCacheStore(server.url().replace("right", "wrong"))
        assert "wrong" not in store.url + repr(store)
        with pytest.raises(StoreUnavailable) as raised:
            store.get(name(1))
        assert "wrong" not in str(raised.value)
