"""A store that goes away: killed, stopped, back with what it had or empty. Calls go on in time, and nothing is lost."""

from __future__ import annotations

import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from servers import Server

from tokeneff.errors import BudgetUnavailable, StoreUnavailable
from tokeneff.stores import Amounts, Claim, Gone, Granted, Limits, Refused, Store, open_store
from tokeneff.stores._guarded import GrantedMeanwhile, GuardedStore, _exit
from tokeneff.stores._guarded._backlog import Backlog, Settlement

MINUTE = 60_000_000
KEEPS = ("--appendonly", "yes", "--appendfsync", "always")
PROCESSES = 8 if os.environ.get("TOKENEFF_SOAK") else 3
PATIENCE = 0.3
"""Seconds: enough for a server on a busy machine that does answer."""


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Of stores that would be told of calls when this process ends."""
    yield
    for store in list(_exit.owners):
        store._breaker.stop(10)  # type: ignore[attr-defined]
        _exit.owners.discard(store)


@pytest.fixture
def keeping() -> Iterator[Server]:
    """A server that comes back with all that it had."""
    with Server(*KEEPS) as server:
        yield server


def claim(usd: int | None = 1_000, name: str = "all", **changed: Any) -> Claim:
    return Claim(f"{name}||total", Limits(usd=usd), budget=name)._replace(**changed)


def usd(amount: int) -> Amounts:
    return Amounts(amount, 0, 1)


def call(store: Store, name: str, cost: int, most: int | None = None, of: Claim | None = None) -> bool:
    """One call: reserve, and settle what it cost; whether it was let through."""
    claims = (of or claim(),)
    if not isinstance(store.reserve(name, usd(cost if most is None else most), claims, MINUTE), Granted):
        return False
    store.settle(name, usd(cost), claims)
    return True


def until(done: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def spent(url: str, account: str = "all||total") -> int:
    store = open_store(url)
    (state,) = store.states(account)
    conserved(store)
    store.close()
    return state.balance.spent.usd


def conserved(store: Store) -> None:
    """All that the journal says sums to what accounts hold and have spent."""
    entries = store.journal(newest=100_000)
    for state in store.states():
        mine = [entry for entry in entries if state.balance.account in entry.accounts]
        assert sum(entry.spent.usd for entry in mine) == state.balance.spent.usd
        assert sum(entry.held.usd for entry in mine) == state.balance.held.usd


def back(store: GuardedStore) -> None:
    until(lambda: not (store.away or store.waiting), "the store is not seen to be back")


@pytest.mark.parametrize("away", ["kill", "pause"])
def test_calls_go_on_within_their_patience_and_are_told_once_the_store_is_back(keeping: Server, away: str) -> None:
    url = keeping.url()
    store = GuardedStore(open_store(url), patience=PATIENCE)
    assert call(store, "before", 100)

    getattr(keeping, away)()
    begun = time.monotonic()
    answers = [store.reserve(f"meanwhile-{number}", usd(10), [claim()], MINUTE) for number in range(20)]
    for number in range(20):
        store.settle(f"meanwhile-{number}", usd(10), [claim()])
    waited = time.monotonic() - begun

    assert waited < 2  # one of them waited; the bare store would have had each wait for its 5 s
    assert {type(answer) for answer in answers} == {GrantedMeanwhile}
    assert store.away
    assert store.waiting == 20
    keeping.start() if away == "kill" else keeping.resume()
    back(store)
    assert call(store, "after", 1)
    assert store.waiting == 0
    assert spent(url) == 100 + 20 * 10 + 1
    assert open_store(url).holds() == []


def test_limits_hold_for_this_process_from_what_it_last_saw(own_server: Server) -> None:
    store = GuardedStore(open_store(own_server.url()), patience=PATIENCE)
    assert call(store, "before", 600)
    assert isinstance(store.reserve("on its way", usd(100), [claim()], MINUTE), Granted)
    own_server.kill()

    answers = [call(store, f"meanwhile-{number}", 100) for number in range(5)]

    assert answers == [True, True, True, False, False]
    refused = store.reserve("one more", usd(1), [claim()], MINUTE)
    assert isinstance(refused, Refused)
    assert (refused.balances[0].spent.usd, refused.balances[0].held.usd) == (900, 100)
    store.settle("on its way", usd(40), [claim()])
    assert call(store, "into what is left", 60)
    assert not call(store, "too much", 1)


def test_limits_of_streams_hold_meanwhile(own_server: Server) -> None:
    store = GuardedStore(open_store(own_server.url()), patience=PATIENCE)
    store.reserve("stream", usd(100), [claim()], MINUTE)
    own_server.kill()

    assert isinstance(store.extend("stream", usd(900), usd(50), MINUTE), GrantedMeanwhile)
    assert isinstance(store.extend("stream", usd(1_001), usd(60), MINUTE), Refused)


def test_a_store_that_comes_back_empty_has_what_was_spent_since(own_server: Server) -> None:
    url = own_server.url()
    store = GuardedStore(open_store(url), patience=PATIENCE)
    assert call(store, "before", 100)
    store.reserve("on its way", usd(70), [claim()], MINUTE)
    own_server.kill()
    assert call(store, "meanwhile", 10)
    own_server.start()
    back(store)
    store.settle("on its way", usd(60), [claim()])

    assert spent(url) == 10 + 60


def test_a_settling_whose_answer_was_lost_counts_once(keeping: Server) -> None:
    url = keeping.url()
    store = GuardedStore(open_store(url), patience=PATIENCE)
    store.reserve("call", usd(100), [claim()], MINUTE)
    keeping.pause()
    store.settle("call", usd(90), [claim()])  # it is in the server's socket, which reads it later
    keeping.resume()
    back(store)

    assert spent(url) == 90
    assert [entry.step for entry in open_store(url).journal()] == ["reserve", "settle"]


def test_a_hold_whose_answer_was_lost_is_settled_or_let_go(keeping: Server) -> None:
    url = keeping.url()
    store = GuardedStore(open_store(url), patience=PATIENCE)
    assert call(store, "before", 900)
    keeping.pause()
    assert isinstance(store.reserve("runs", usd(100), [claim()], MINUTE), GrantedMeanwhile)
    store.settle("runs", usd(90), [claim()])
    keeping.resume()
    back(store)
    assert (spent(url), open_store(url).holds()) == (990, [])

    store = GuardedStore(open_store(url), patience=PATIENCE)
    store.reserve("seen", usd(1), [claim()], MINUTE)
    keeping.pause()
    # The server will grant what this process, which counts its own hold as spent before, refuses.
    store.reserve("fills", usd(9), [claim()], MINUTE)
    assert isinstance(store.reserve("does not run", usd(9), [claim()], MINUTE), Refused)
    keeping.resume()
    back(store)
    assert {hold.id for hold in open_store(url).holds()} == {"seen", "fills"}


def test_what_runs_when_the_store_is_back_is_held_there(own_server: Server) -> None:
    url = own_server.url()
    store = GuardedStore(open_store(url), patience=PATIENCE)
    call(store, "before", 1)
    own_server.kill()
    store.reserve("stream", usd(100), [claim()], MINUTE)
    store.extend("stream", usd(300), usd(0), MINUTE)
    own_server.start()
    back(store)

    (hold,) = open_store(url).holds()
    assert (hold.id, hold.amounts) == ("stream", usd(300))
    assert type(store.extend("stream", usd(400), usd(0), MINUTE)) is Granted
    store.settle("stream", usd(350), [claim()])
    assert spent(url) == 350


def test_closed_lets_nothing_through_and_holds_nothing(keeping: Server) -> None:
    url = keeping.url()
    store = GuardedStore(open_store(url), on_error="closed", patience=PATIENCE)
    store.reserve("on its way", usd(100), [claim()], MINUTE)
    keeping.pause()

    with pytest.raises(BudgetUnavailable, match="Timeout") as lost:
        store.reserve("lost", usd(10), [claim()], MINUTE)
    assert lost.value.store == url
    for number in range(3):
        with pytest.raises(BudgetUnavailable):
            store.reserve(f"not tried-{number}", usd(10), [claim()], MINUTE)
    with pytest.raises(BudgetUnavailable):
        store.extend("on its way", usd(200), usd(0), MINUTE)
    store.settle("on its way", usd(80), [claim()])
    keeping.resume()
    back(store)

    assert (spent(url), open_store(url).holds()) == (80, [])
    assert call(store, "after", 5)


class Silent:
    """Accepts connections, counts them, and never answers."""

    def __init__(self) -> None:
        self.connects = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                self._open.append(self._listener.accept()[0])
            except OSError:
                return
            self.connects += 1

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._open:
            one.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    server = Silent()
    yield server
    server.close()


def test_a_store_that_never_answered_is_not_hammered(silent: Silent) -> None:
    store = GuardedStore(open_store(silent.url), patience=0.05)
    begun = time.monotonic()
    threads = [threading.Thread(target=lambda n=n: [call(store, f"{n}-{i}", 0) for i in range(100)]) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert time.monotonic() - begun < 10  # 3,200 steps; each with its 50 ms would have taken as long, in 16 threads
    assert silent.connects == 1
    assert store.away
    assert store.waiting == 1_600


def test_a_store_that_was_lost_is_not_hammered(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = open_store(own_server.url())
    store = GuardedStore(inner, patience=PATIENCE)
    assert call(store, "before", 1)
    asked: list[float] = []
    bare = inner._ask  # type: ignore[attr-defined]

    def counted(question: Any) -> Any:
        asked.append(time.monotonic())
        return bare(question)

    monkeypatch.setattr(inner, "_ask", counted)
    own_server.kill()
    until(lambda: call(store, f"c{time.monotonic_ns()}", 0) and len(asked) >= 4, "it is not looked after")

    pauses = [after - before for before, after in pairwise(asked)]
    assert all(pause > 0.35 for pause in pauses)
    assert pauses[1] > pauses[0]
    assert pauses[2] > pauses[1]


def test_the_bare_store_says_so_within_its_patience(silent: Silent, own_server: Server) -> None:
    from tokeneff.stores.redis import RedisStore

    for url in (silent.url, own_server.url()):
        store = RedisStore(url, patience=0.2)
        if url != silent.url:
            assert call(store, "before", 1)
            own_server.pause()
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.reserve("call", usd(1), [claim()], MINUTE)
        assert time.monotonic() - begun < 2


def test_what_became_of_it_is_told_once(own_server: Server, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[tuple[str, Any]] = []
    store = GuardedStore(open_store(own_server.url()), patience=PATIENCE)

    def told(number: int) -> bool:
        heard.extend(store.news())
        return len(heard) == number

    with caplog.at_level(logging.WARNING, "tokeneff"):
        call(store, "before", 1)
        for number in range(2):
            own_server.kill()
            call(store, f"meanwhile-{number}", 1)
            assert told(2 * number + 1)
            own_server.start()
            back(store)
            until(lambda number=number: told(2 * number + 2), "nobody was told")

    assert [name for name, _ in heard] == ["store_lost", "store_back"] * 2
    assert {about["store"] for _, about in heard} == {store.url}
    assert "Connection refused" in heard[0][1]["reason"] or "losed" in str(heard[0][1])
    assert heard[1][1]["seconds"] > 0
    assert store.news() == []
    assert len([record for record in caplog.records if "cannot be asked" in record.getMessage()]) == 1


def test_more_than_may_wait_is_summed_up(redis_url: str) -> None:
    backlog = Backlog(most=10)
    for number in range(50):
        of = claim(None, f"budget-{number % 3}")
        backlog.add(Settlement(f"call-{number}", usd(number), (of,), "", ""))
    assert len(backlog) == 13

    store, tries = open_store(redis_url), 0

    def answer_lost(one: Settlement) -> None:
        nonlocal tries
        tries += 1
        store.settle(one.hold, one.amounts, one.claims)
        if tries % 3 == 0:
            raise StoreUnavailable

    while len(backlog):
        try:
            backlog.drain(answer_lost)
        except StoreUnavailable:
            backlog.add(Settlement(f"late-{tries}", usd(1), (claim(None, "budget-0"),), "", ""))

    found = {state.budget: state.balance.spent for state in store.states()}
    late = tries // 3
    assert found == {
        f"budget-{one}": Amounts(sum(range(one, 50, 3)) + (late if one == 0 else 0), 0, found[f"budget-{one}"].requests)
        for one in range(3)
    }
    assert sum(one.requests for one in found.values()) == 50 + late
    assert backlog.lost == 0


def test_threads_through_an_outage(keeping: Server) -> None:
    url, costs = keeping.url(), [0] * 16
    store = GuardedStore(open_store(url), patience=PATIENCE)
    endless, over = claim(None), threading.Event()

    def work(number: int) -> None:
        count = 0
        while not over.is_set():
            count += 1
            if call(store, f"{number}-{count}", number, 2 * number, endless):
                costs[number] += number
            time.sleep(0.02)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(costs))]
    for thread in threads:
        thread.start()
    for _ in range(2):
        time.sleep(0.2)
        keeping.kill()
        until(lambda: store.waiting, "nothing waits")
        keeping.start()
        until(lambda: not store.away, "the store is not seen to be back")
    over.set()
    for thread in threads:
        thread.join()
    back(store)

    assert spent(url) == sum(costs) > 0
    assert open_store(url).holds() == []


def process(url: str, number: int, told: Any, over: Any) -> None:
    """Calls until told to stop, and says what they cost."""
    store = GuardedStore(open_store(url), patience=PATIENCE)
    count, total, endless = 0, 0, claim(None)
    while not over.is_set() or store.away or store.waiting:
        count += 1
        cost = number + 1 if not over.is_set() else 0
        if call(store, f"{number}-{count}", cost, 100, endless):
            total += cost
        time.sleep(0.02)
    told.put(total)


def test_processes_through_an_outage(keeping: Server) -> None:
    url = keeping.url()
    context = multiprocessing.get_context("spawn")
    told, over = context.Queue(), context.Event()
    processes = [context.Process(target=process, args=(url, number, told, over)) for number in range(PROCESSES)]
    for one in processes:
        one.start()
    until(lambda: len({entry.hold[0] for entry in open_store(url).journal()}) == PROCESSES, "not all have begun")
    keeping.kill()
    time.sleep(1.0)
    keeping.start()
    time.sleep(1.0)
    over.set()
    total = sum(told.get(timeout=60) for _ in processes)
    for one in processes:
        one.join()

    assert [one.exitcode for one in processes] == [0] * PROCESSES
    assert spent(url) == total
    assert open_store(url).holds() == []


ENDS = """
import logging, sys
logging.basicConfig(level=logging.WARNING, format="%(message)s")
sys.path.insert(0, sys.argv[1])
from test_store_outages import GuardedStore, PATIENCE, call, open_store, usd, claim
store = GuardedStore(open_store(sys.argv[2]), patience=PATIENCE)
call(store, "before", 1)
print("ready", flush=True)
sys.stdin.readline()
for number in range(5):
    call(store, f"meanwhile-{number}", 10)
print("away" if store.away else "there", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("there", [True, False])
def test_what_waits_is_told_when_the_process_ends(keeping: Server, there: bool) -> None:
    url = keeping.url()
    ending = subprocess.Popen(
        [sys.executable, "-c", ENDS, str(Path(__file__).parent), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ending.stdin is not None
    assert ending.stdout is not None
    assert ending.stdout.readline() == "ready\n"
    keeping.kill()
    ending.stdin.write("\n")
    ending.stdin.flush()
    assert ending.stdout.readline() == "away\n"
    if there:
        keeping.start()
    _, said = ending.communicate("\n", timeout=60)
    if not there:
        keeping.start()

    assert ending.returncode == 0
    assert ("5 calls could not be told" in said) is not there
    assert spent(url) == (51 if there else 1)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_what_waits_in_a_forked_process_is_its_parents_to_tell(keeping: Server) -> None:
    url = keeping.url()
    store = GuardedStore(open_store(url), patience=PATIENCE)
    call(store, "before", 1)
    keeping.kill()
    call(store, "meanwhile", 10)
    child = os.fork()
    if not child:
        code = 1
        try:
            assert (store.waiting, store.away) == (0, True)
            call(store, "child", 100)
            keeping_back = time.monotonic() + 30
            while (store.away or store.waiting) and time.monotonic() < keeping_back:
                time.sleep(0.01)
            code = 0
        finally:
            os._exit(code)
    keeping.start()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    back(store)

    assert spent(url) == 111


def test_an_id_is_settled_once_however_often_it_is_told(own_server: Server) -> None:
    store = GuardedStore(open_store(own_server.url()), patience=PATIENCE)
    store.reserve("call", usd(10), [claim()], MINUTE)
    own_server.kill()
    assert isinstance(store.settle("call", usd(5), [claim()]), Granted)
    assert isinstance(store.settle("call", usd(7), [claim()]), Gone)
    own_server.start()
    back(store)
    assert spent(store.url) == 5
