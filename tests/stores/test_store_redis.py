"""What is Redis' own: one command for a step, exact numbers, keys that end, URLs, clusters, sentinels, forks."""

from __future__ import annotations

import builtins
import contextlib
import logging
import os
import random
import shutil
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers import Server, cluster, free_port, watched

from tokeneff.errors import StoreError, StoreUnavailable
from tokeneff.stores import Amounts, Claim, Gone, Granted, Limits, Stale, Store, open_store
from tokeneff.stores.memory import MemoryStore
from tokeneff.stores.redis import RedisStore

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400
MOST = 2**53


def total(name: str = "all", usd: int | None = None, scope: str = "") -> Claim:
    return Claim(f"{name}|{scope}|total", Limits(usd=usd), budget=name, scope=scope)


def test_one_step_is_one_command(own_server: Server) -> None:
    store = open_store(own_server.url())
    claims = [total(), total("other")._replace(span=MINUTE, bucket=SECOND), total("day")._replace(end=MOST)]
    store.settle("warm", Amounts(1), claims)
    seen: list[str] = []
    with own_server.client().monitor() as monitor:
        store.reserve("call", Amounts(1, 1, 1), claims, MINUTE)
        store.extend("call", Amounts(2, 2, 1), Amounts(), MINUTE)
        store.renew([("call", "a"), ("other", "b")], MINUTE)
        store.settle("call", Amounts(1, 1, 1), claims)
        own_server.client().echo("over")
        for heard in monitor.listen():
            if "ECHO" in heard["command"]:
                break
            if heard["client_type"] != "lua":
                seen.append(heard["command"].split()[0])

    # Those that the server sees for the first time are told to it, once.
    assert sorted(one for one in seen if one.startswith("EVAL")) == ["EVAL"] * 3 + ["EVALSHA"] * 4
    before = own_server.commands()
    for number in range(50):
        store.reserve(f"call-{number}", Amounts(1, 1, 1), claims, MINUTE)
        store.settle(f"call-{number}", Amounts(1, 1, 1), claims)
    after = own_server.commands()
    assert after["cmdstat_evalsha"] - before["cmdstat_evalsha"] == 100
    assert after["cmdstat_eval"] == before["cmdstat_eval"]


def test_a_server_that_forgot_its_scripts_is_told_them_again(redis_url: str, shared_server: Server) -> None:
    store = open_store(redis_url)
    store.reserve("call", Amounts(5), [total()], MINUTE)
    shared_server.client().script_flush()
    assert isinstance(store.settle("call", Amounts(5), [total()]), Granted)
    assert store.states()[0].balance.spent == Amounts(5)


def test_numbers_are_exact_up_to_what_doubles_hold(redis_url: str) -> None:
    store = open_store(redis_url)
    claim = total(usd=MOST - 1)
    odd = 4_503_599_627_370_495
    store.settle("half", Amounts(odd, odd, 1), [claim])
    assert isinstance(store.reserve("fits", Amounts(MOST - 1 - odd, 3, 1), [claim], MINUTE), Granted)
    (balance,) = store.reserve("one too much", Amounts(1), [claim], MINUTE).balances  # type: ignore[union-attr]

    assert (balance.spent.usd, balance.held.usd, balance.limits.usd) == (odd, MOST - 1 - odd, MOST - 1)
    assert isinstance(store.reserve("nothing", Amounts(0), [claim], MINUTE), Granted)
    assert sum(entry.held.usd + entry.spent.usd for entry in store.journal()) == MOST - 1
    (hold, _) = store.holds()
    assert hold.amounts.usd == MOST - 1 - odd
    assert hold.expires - hold.since == MINUTE


def test_keys_end_when_nobody_asks_for_them(own_server: Server) -> None:
    store, client = open_store(own_server.url(prefix="t")), own_server.client()
    now = store.now()
    claims = [
        total(),
        Claim("day|x|2026", Limits(), start=now - SECOND, end=now + 3_600 * SECOND, window="2026"),
        Claim("roll|x|1m", Limits(), span=MINUTE, bucket=SECOND, window="rolling 1m"),
        Claim("s|x|session", Limits(), window="session"),
    ]
    store.reserve("call", Amounts(1), claims, MINUTE)
    store.settle("call", Amounts(1), claims)
    store.reserve("held", Amounts(1), claims, MINUTE)
    left = {key: client.ttl(key) for key in client.scan_iter()}

    assert left.pop("{t}:a:all||total") == -1
    assert left.pop("{t}:s:call") + 60 >= DAY
    assert 35 * DAY < left.pop("{t}:a:day|x|2026") <= 36 * DAY + 3_601
    assert 35 * DAY < left.pop("{t}:a:roll|x|1m") <= 36 * DAY + 122
    assert 35 * DAY < left.pop("{t}:b:roll|x|1m") <= 36 * DAY + 122
    assert 90 * DAY < left.pop("{t}:a:s|x|session") <= 91 * DAY
    assert left == dict.fromkeys(["{t}:accounts", "{t}:h:held", "{t}:journal", "{t}:leases"], -1)


def test_the_journal_is_bounded(own_server: Server) -> None:
    store, client = open_store(own_server.url(prefix="t")), own_server.client()
    pipe = client.pipeline()
    for _ in range(100_500):
        pipe.xadd(
            "{t}:journal", {"at": 1, "step": "settle", "hold": "h", "accounts": "[]", "held": "0 0 0", "note": ""}
        )
    pipe.execute()
    store.settle("call", Amounts(1), [total()])
    assert client.xlen("{t}:journal") <= 100_200


def test_prefixes_keep_fleets_apart(shared_server: Server) -> None:
    one, other = open_store(shared_server.url()), open_store(shared_server.url())
    one.settle("call", Amounts(7), [total()])
    assert [state.balance.spent.usd for state in one.states()] == [7]
    assert (other.states(), other.journal(), other.holds()) == ([], [], [])


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://h", "redis://h"),
        ("redis://:secret@h:1/2?prefix=p", "redis://h:1/2?prefix=p"),
        ("redis://u:secret@h:1", "redis://u@h:1"),
        ("rediss://h?ssl_ca_certs=ca.pem&ssl_password=secret", "rediss://h?ssl_ca_certs=ca.pem"),
        ("redis://h?password=secret&username=u", "redis://h?username=u"),
        (
            "redis+sentinel://:secret@a:1,b:2/service/3?sentinel_password=secret",
            "redis+sentinel://a:1,b:2/service/3",
        ),
        ("rediss+cluster://u:se%40cret@a,b:2", "rediss+cluster://u@a,b:2"),
        ("redis://[::1]:6380", "redis://[::1]:6380"),
    ],
)
def test_urls_are_shown_without_their_passwords(url: str, shown: str) -> None:
    store = open_store(url)
    assert store.url == shown
    assert "secret" not in repr(store)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:secret@h:port", "no number"),
        ("redis://:secret@h/x", "number of a database"),
        ("redis://:secret@h?what=1", "no option 'what'"),
        ("redis://:secret@h?db=x", "option db"),
        ("redis://:secret@h?prefix={}", "prefix"),
        ("redis://:secret@a,b", "several hosts"),
        ("redis+what://:secret@a", "no store of kind 'redis+what'"),
        ("redis+sentinel://:secret@a:1", "names no service"),
        ("redis+cluster://:secret@a:1/3", "database 0 only"),
    ],
)
def test_urls_that_are_none_say_what_to_write(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said.replace("+", r"\+")) as told:
        open_store(url)
    assert "secret" not in str(told.value)


def test_a_missing_extra_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "redis":
            raise ImportError(name)
        return bare(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(StoreError, match=r"pip install 'tokeneff\[redis\]'"):
        open_store("redis://h")


def test_a_password_opens_and_is_never_told(caplog: pytest.LogCaptureFixture) -> None:
    with Server(password="open sesame") as server, caplog.at_level(logging.DEBUG):
        url = f"redis://:open%20sesame@127.0.0.1:{server.port}"
        assert open_store(url).now() > 0
        wrong = open_store(url.replace("sesame", "secret"))
        with pytest.raises(StoreUnavailable) as told:
            wrong.now()
    said = "".join(traceback.format_exception(told.value)) + caplog.text
    assert "invalid username-password pair" in said
    assert "secret" not in said
    assert "sesame" not in said


@pytest.fixture
def certified(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1, and its key."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl here, to make a certificate with")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([program, *made.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def test_tls_is_checked(certified: tuple[Path, Path]) -> None:
    certificate, key = certified
    port = free_port()
    tls = ("--tls-port", str(port), "--tls-auth-clients", "no", "--tls-ca-cert-file", str(certificate))
    with Server(*tls, "--tls-cert-file", str(certificate), "--tls-key-file", str(key)):
        store = open_store(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}")
        assert isinstance(store.reserve("call", Amounts(1), [total()], MINUTE), Granted)
        with pytest.raises(StoreUnavailable, match=r"CERTIFICATE_VERIFY_FAILED"):
            open_store(f"rediss://127.0.0.1:{port}").now()
        with pytest.raises(StoreUnavailable):
            open_store(f"redis://127.0.0.1:{port}").now()


def keys_slots(client: Any) -> set[int]:
    return {client.execute_command("CLUSTER KEYSLOT", key) for key in client.scan_iter()}


@pytest.fixture(scope="module")
def three() -> Iterator[list[Server]]:
    with cluster(3) as servers:
        yield servers


def test_on_a_cluster_a_group_is_in_one_slot_and_all_are_seen(three: list[Server]) -> None:
    ports = ",".join(f"127.0.0.1:{server.port}" for server in three)
    store = open_store(f"redis+cluster://{ports}?prefix=c")
    users = [f"user=u{number}" for number in range(12)]
    for user in users:
        claims = [total("a", 100, user), total("b", None, user)._replace(span=MINUTE, bucket=SECOND)]
        store.reserve(f"settled {user}", Amounts(50), claims, MINUTE, user)
        store.settle(f"settled {user}", Amounts(40), claims, user)
        store.reserve(f"held {user}", Amounts(50), claims, MINUTE, user)
    store.renew([(f"held {user}", user) for user in users], 2 * MINUTE)

    used = [keys_slots(server.client()) for server in three]
    assert sum(len(slots) for slots in used) == len(users)
    assert sum(1 for slots in used if slots) > 1
    assert [state.balance.spent.usd for state in store.states("a|")] == [40] * len(users)
    assert {hold.id for hold in store.holds()} == {f"held {user}" for user in users}
    assert len(store.journal()) == 3 * len(users)
    assert store.top_up("a|user=u3|total", Amounts(5)).limits.usd == 105
    assert store.reset("a|user=u3|total").spent.usd == 0
    assert store.reset("nobody's").spent.usd == 0
    with pytest.raises(StoreError, match="nobody has claimed"):
        store.top_up("nobody's", Amounts(5))
    assert store.once("a|user=u3|total", "0.5", "user=u3")
    assert not store.once("a|user=u3|total", "0.5", "user=u3")


def test_on_a_cluster_a_budget_of_all_is_in_one_slot(three: list[Server]) -> None:
    store = open_store(f"redis+cluster://127.0.0.1:{three[1].port}?prefix=one")
    for number in range(5):
        store.reserve(f"call-{number}", Amounts(1), [total(), total("user", None, f"user=u{number}")], MINUTE)
    assert len({state.balance.account for state in store.states()}) == 6
    keys = [key for server in three for key in server.client().keys("*{one*")]
    assert {key.partition("}")[0] for key in keys} == {"{one"}


def test_a_cluster_of_one_node_will_do(three: list[Server]) -> None:
    with cluster(1) as (server,):
        store = open_store(f"redis+cluster://127.0.0.1:{server.port}")
        assert isinstance(store.reserve("call", Amounts(1), [total()], MINUTE, "user=a"), Granted)
        server.kill()
        with pytest.raises(StoreUnavailable):
            store.now()


def followed(master: Server, replica: Server) -> None:
    """Wait until the replica has what the master has."""
    sent, end = master.client().info("replication")["master_repl_offset"], time.monotonic() + 30
    while replica.client().info("replication")["slave_repl_offset"] < sent:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_sentinel_names_the_server_and_its_successor() -> None:
    with watched() as (sentinel, master, replica):
        store = open_store(f"redis+sentinel://127.0.0.1:{sentinel.port}/budgets/0")
        store.patience = 2.0  # type: ignore[attr-defined]
        store.settle("before", Amounts(7), [total()])
        followed(master, replica)
        master.kill()
        end = time.monotonic() + 60
        while True:
            with contextlib.suppress(StoreUnavailable):
                store.settle("after", Amounts(3), [total()])
                break
            assert time.monotonic() < end
            time.sleep(0.1)
        assert store.states()[0].balance.spent.usd == 10
        assert replica.client().info("replication")["role"] == "master"


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_connections_of_its_own(redis_url: str) -> None:
    store = open_store(redis_url)
    store.settle("before", Amounts(1), [total()])
    children = []
    for number in range(4):
        child = os.fork()
        if not child:
            code = 1
            try:
                for one in range(50):
                    store.settle(f"{number}-{one}", Amounts(1), [total()])
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    for one in range(50):
        store.settle(f"parent-{one}", Amounts(1), [total()])
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert store.states()[0].balance.spent.usd == 1 + 5 * 50


def test_threads_share_a_store(redis_url: str) -> None:
    store, granted = open_store(redis_url), [0] * 16

    def work(number: int) -> None:
        for one in range(25):
            if isinstance(store.reserve(f"{number}-{one}", Amounts(3), [total(usd=1_000)], MINUTE), Granted):
                store.settle(f"{number}-{one}", Amounts(3), [total()])
                granted[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 333
    assert store.states()[0].balance.spent.usd == 999


def test_a_closed_store_opens_again(redis_url: str) -> None:
    store = open_store(redis_url)
    store.settle("one", Amounts(1), [total()])
    store.close()
    assert store.states()[0].balance.spent.usd == 1


def test_names_of_any_text_are_kept(redis_url: str) -> None:
    store = open_store(redis_url)
    name = 'a "quoted"\n\\ {brace} ünï \u2028 🙂|x|total'
    claim = Claim(name, Limits(usd=5), budget="\x00", scope="[]", window="%s")
    granted = store.reserve('id "1"\n', Amounts(5), [claim], MINUTE)
    assert isinstance(granted, Granted)
    assert granted.balances[0].account == name
    (state,) = store.states(name[:5])
    assert (state.budget, state.scope, state.window) == ("\x00", "[]", "%s")
    assert store.holds()[0].accounts == (name,)
    assert store.journal(name)[0].hold == 'id "1"\n'
    assert isinstance(store.reserve("\ud800", Amounts(), [claim], MINUTE), Granted)


ZERO = 1_795_000_000 * SECOND
UNITS = st.integers(0, 40)
AMOUNTS = st.builds(Amounts, UNITS, UNITS, st.integers(1, 40))
IDS = st.integers(0, 7).map("call-{}".format)
LEASES = st.sampled_from([2 * SECOND, 5 * SECOND, MINUTE])
LIMITS = st.builds(Limits, *[st.one_of(st.none(), st.integers(0, 200))] * 3)
KINDS = st.lists(st.sampled_from(["total", "session", "day", "yesterday", "3s", "10s"]), unique=True, max_size=3)
STEPS = st.one_of(
    st.tuples(st.just("reserve"), IDS, AMOUNTS, st.tuples(KINDS, LIMITS, st.booleans()), LEASES),
    st.tuples(st.just("settle"), IDS, st.one_of(AMOUNTS, st.just(Amounts())), st.tuples(KINDS, LIMITS, st.booleans())),
    st.tuples(st.just("extend"), IDS, AMOUNTS, AMOUNTS, LEASES),
    st.tuples(st.just("renew"), st.lists(st.tuples(IDS, st.just(""))), LEASES),
    st.tuples(st.just("once"), st.sampled_from(["total|a|total", "10s|a|10s"]), st.sampled_from("xy")),
    st.tuples(st.just("reset"), st.sampled_from(["total|a|total", "10s|a|10s", "session|a|session"])),
)
PAUSES = st.sampled_from([0, 1_000, SECOND // 5, SECOND, 3 * SECOND, 9 * SECOND, 25 * SECOND, -2 * SECOND])


def claims_at(now: int, kinds: list[str], limits: Limits, enforced: bool) -> list[Claim]:
    day = now - now % (20 * SECOND)
    found = {
        "total": Claim("total|a|total", limits, enforced, budget="total"),
        "session": Claim("session|a|session", limits, enforced, budget="session", window="session"),
        "day": Claim(f"day|a|{day}", limits, enforced, day, day + 20 * SECOND, budget="day"),
        "yesterday": Claim(f"day|a|{day - 20 * SECOND}", limits, enforced, day - 20 * SECOND, day, budget="day"),
        "3s": Claim("3s|a|3s", limits, enforced, 0, 0, 3 * SECOND, SECOND // 4, "3s"),
        "10s": Claim("10s|a|10s", limits, enforced, 0, 0, 10 * SECOND, SECOND, "10s"),
    }
    return [found[kind] for kind in kinds if kind != "yesterday" or "day" not in kinds]


def same(one: Store, other: Store, name: str, *args: Any) -> None:
    said, heard = getattr(one, name)(*args), getattr(other, name)(*args)
    if name == "journal":
        said, heard = ([entry._replace(seq=0) for entry in entries] for entries in (said, heard))
    if name == "holds":
        said, heard = sorted(said), sorted(heard)
    assert said == heard, (name, args)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(PAUSES, STEPS), max_size=40))
def test_it_answers_whatever_a_store_in_memory_does(
    shared_server: Server, steps: list[tuple[int, tuple[Any, ...]]]
) -> None:
    memory, store, now = MemoryStore(), open_store(shared_server.url()), ZERO
    memory._forget = lambda now: None  # type: ignore[method-assign] # it lets rolling windows go sooner
    memory.clock = store.clock = lambda: now
    for pause, (name, *args) in steps:
        now += pause
        if name in ("reserve", "settle"):
            args[2] = claims_at(now, *args[2])
        same(memory, store, name, *args)
    for name in ("states", "holds", "journal"):
        same(memory, store, name)


def test_what_the_clock_says_is_the_servers(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(redis_url)
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    now = store.now()
    assert now > 1_700_000_000 * SECOND
    window = total()._replace(start=now - SECOND, end=now)
    stale = store.reserve("call", Amounts(1), [window], MINUTE)
    assert isinstance(stale, Stale)
    assert stale.now >= now
    assert store.states() == []


def test_many_leases_that_are_over_are_all_charged(redis_url: str) -> None:
    store = open_store(redis_url)
    now = ZERO
    store.clock = lambda: now
    numbers = random.Random(0).sample(range(10_000), 1_200)
    for number in numbers:
        store.reserve(f"call-{number}", Amounts(number), [total()], SECOND)
    now += 2 * SECOND
    assert store.holds() == []
    assert store.states()[0].balance == store.reset("nothing")._replace(
        account="all||total", spent=Amounts(sum(numbers)), limits=Limits()
    )
    assert isinstance(store.extend("call-1", Amounts(1), Amounts(), SECOND), Gone)


def test_repr_is_its_url() -> None:
    assert repr(RedisStore("redis://:secret@h")) == "RedisStore('redis://h')"
