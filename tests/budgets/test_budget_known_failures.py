"""What budget guards elsewhere were reported to get wrong, each as a test; the numbers are those projects' own.

Checked first, recorded later:
    litellm 34732, of a session         test_check_then_record_race_of_a_session_litellm_34732
    litellm 40095, of an unknown user   test_first_requests_of_an_unknown_user_litellm_40095
    litellm 26672, of a burst           test_a_burst_that_is_recorded_only_afterwards_litellm_26672
    floe-guard 18, 20, of two calls     test_a_lock_on_each_method_is_not_enough_floe_guard_18_20
Spending that never was, and refusals that follow from it:
    litellm 27639, holds that leak      test_holds_do_not_leak_litellm_27639
    litellm 28247, N processes, N times test_processes_that_begin_do_not_multiply_spend_litellm_28247_28283_30661_39390
    litellm 28283, three to six times   the same
    litellm 30460, counters that grow   test_store_timeouts_do_not_inflate_spend_litellm_30460
    litellm 30002, stale after a reset  test_a_reset_is_seen_at_once_litellm_30002
    litellm 36926, twice, one process   test_spend_is_what_was_billed_litellm_36926_27735
    litellm 27735, stale in refusals    the same
More than the limit, with several processes:
    litellm 30661, 39390                test_processes_that_begin_do_not_multiply_spend_litellm_28247_28283_30661_39390
Streams, and callers who leave:
    litellm 33736, 37558, 37734: zero   test_a_stream_that_is_left_is_not_free_litellm_33736_37558_37734
    litellm 36008, a part               test_a_stream_that_is_left_is_charged_with_what_came_litellm_36008
    litellm 13245, left before a reply  test_a_reply_that_nobody_waits_for_is_charged_litellm_13245
    litellm 17364, upstream goes on     test_upstream_is_closed_with_its_stream_litellm_17364
    litellm 37992, an explicit zero     test_an_explicit_zero_is_no_unknown_litellm_37992
A process that is killed (floe-guard blocked every call until midnight, or a second settling took another call's hold):
    test_budget_kills.py, and in tests/stores: test_a_lease_that_runs_out_is_charged_in_full,
    test_an_id_is_settled_once_however_often_it_is_told
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from budget_lab import ASKED, FLAVOURS, GPT, SAID, SPENT, WAYS, Lab, Way, each, ready
from budget_pod import LIMIT, USERS

import tokeneff
from tokeneff.budgets import Budget
from tokeneff.errors import BudgetExceeded
from tokeneff.stores import Amounts, open_store
from tokeneff.testing import FakeProvider, Reply, Usage, faults

CHAT, MESSAGES = WAYS[0], WAYS[-1]
POD = Path(__file__).with_name("budget_pod.py")

by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)
by_way = pytest.mark.parametrize("way", WAYS, ids=str)


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Each in a thread of its own, from one moment on; what came of them."""
    found: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def one(number: int) -> None:
        gate.wait()
        try:
            found[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - looked at by who called
            found[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def passed(found: list[Any]) -> int:
    """How many passed; the others were all refused."""
    others = [one for one in found if isinstance(one, Exception)]
    assert {type(one) for one in others} <= {BudgetExceeded}
    return len(found) - len(others)


async def test_check_then_record_race_of_a_session_litellm_34732(lab: Lab) -> None:
    """Calls of one session that are on their way together share what the session has."""
    client = lab.client("openai", "async", Budget(requests=3, per="session"))
    lab.provider.default = faults.slow_first_byte(0.2, SAID)
    with tokeneff.tag(session="s1"):
        found = await asyncio.gather(*(ready(CHAT.ask(client)) for _ in range(20)), return_exceptions=True)
    assert (passed(found), lab.provider.request_count, lab.spent().requests) == (3, 3, 3)


@by_way
def test_first_requests_of_an_unknown_user_litellm_40095(lab_sync: Lab, way: Way) -> None:
    """A user nobody has seen has no row yet that a limit could be read from; 16 first calls at once."""
    client = lab_sync.client(way.sdk, "sync", Budget(requests=2, per="day", by="user"))
    lab_sync.provider.default = faults.slow_first_byte(0.2, SAID)

    def call() -> Any:
        with tokeneff.tag(user="nobody knows"):
            return way.ask(client)

    assert passed(at_once([call] * 16)) == 2
    assert (lab_sync.provider.request_count, lab_sync.spent().requests) == (2, 2)


async def test_a_burst_that_is_recorded_only_afterwards_litellm_26672(lab: Lab) -> None:
    """All of a burst passes where spending is written when calls are over; here what they may cost is held before."""
    client = lab.client("openai", "async", Budget(usd="0.001"))
    lab.provider.default = faults.slow_first_byte(0.2, Reply(text="x", usage=Usage(20, 50)))
    found = await asyncio.gather(*(ready(CHAT.ask(client)) for _ in range(40)), return_exceptions=True)
    assert 5 <= passed(found) <= 1_000_000 // (20 * 400 + 50 * 1600)
    assert lab.spent() == Amounts(passed(found) * 88_000, passed(found) * 70, passed(found))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_lock_on_each_method_is_not_enough_floe_guard_18_20(lab_sync: Lab, kind: str, tmp_path: Path) -> None:
    """16 of 16 were admitted where there was room for one: checking and recording have to be one step, over clients."""
    lab_sync.store = f"sqlite:///{tmp_path}/budgets.db" if kind == "sqlite" else f"memory://{tmp_path}"
    clients = [lab_sync.client("openai", "sync", Budget(requests=1)) for _ in range(16)]
    lab_sync.provider.default = faults.slow_first_byte(0.3, SAID)
    assert passed(at_once([lambda client=client: CHAT.ask(client) for client in clients])) == 1
    assert lab_sync.provider.request_count == 1


@by_flavour
@by_way
async def test_holds_do_not_leak_litellm_27639(lab: Lab, way: Way, flavour: str) -> None:
    """After calls that failed in every way the whole of the budget is there for one that does not."""
    asked = await _held(lab, way, flavour)
    lab.store = type(lab.store)()
    client = lab.client(way.sdk, flavour, [Budget(usd=asked.usd_limit), Budget(tokens=10**9, per="day")])
    wrong = (faults.bad_request(), faults.rate_limit(), faults.server_error(), faults.overloaded())
    for fault in (*wrong, *wrong):
        lab.provider.queue(fault)
        with pytest.raises(Exception, match=r"\S") as raised:
            await ready(way.ask(client))
        assert not isinstance(raised.value, BudgetExceeded)
    with pytest.raises(BudgetExceeded):  # more than there is, and refused by the one of two
        await ready(way.ask(client, **{way_cap(way): 20_000}))
    assert lab.store.holds() == []
    assert {state.balance.held for state in lab.store.states()} == {Amounts()}
    lab.provider.queue(SAID)
    await ready(way.ask(client))


class Asked:
    """What one call is held for."""

    def __init__(self, nano: int) -> None:
        self.usd_limit = f"{nano / 1e9:.9f}"


async def _held(lab: Lab, way: Way, flavour: str) -> Asked:
    await ready(way.ask(lab.client(way.sdk, flavour, Budget(usd=1))))
    return Asked(lab.store.journal()[0].held.usd)


def way_cap(way: Way) -> str:
    return "max_output_tokens" if way.name == "responses" else "max_tokens"


@pytest.fixture
def own_redis() -> Iterator[Any]:
    """A server of this test's own."""
    sys.path.append(str(Path(__file__).parents[1] / "stores"))
    try:
        from servers import Server
    finally:
        sys.path.pop()
    with Server() as server:
        yield server


@pytest.mark.parametrize("kind", ["sqlite", "redis"] if os.environ.get("TOKENEFF_SOAK") else ["sqlite"])
def test_processes_that_begin_do_not_multiply_spend_litellm_28247_28283_30661_39390(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Two processes meet an account together, and two more find it: it has what was spent, and one limit.

    Counted for each process, the limit would have been as many limits; seeded by each, the spending as many times what
    it was.
    """
    url = request.getfixturevalue("own_redis").url() if kind == "redis" else f"sqlite:///{tmp_path}/budgets.db"
    with FakeProvider(SAID) as provider:
        rounds = [_pods(provider, url, calls) for calls in (8, 20)]
    store = open_store(url)
    by_name = {(state.budget, state.scope): state.balance.spent for state in store.states()}
    held = store.holds()
    store.close()
    cost = SPENT[GPT]
    assert rounds == [[8, 8], rounds[1]]
    assert sum(rounds[1]) == 2 * LIMIT - 16
    assert by_name == {
        ("month", ""): Amounts(*(2 * LIMIT * one for one in cost)),
        **{("total by user", f"user={user}"): Amounts(*(LIMIT * one for one in cost)) for user in USERS},
    }
    assert provider.request_count == 2 * LIMIT
    assert held == []


def _pods(provider: FakeProvider, url: str, calls: int) -> list[int]:
    with ExitStack() as stack:
        pods = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, str(POD), provider.openai_url, url, str(calls)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(2)
        ]
        for pod in pods:
            assert pod.stdout is not None
            assert pod.stdout.readline() == "ready\n"
        for pod in pods:
            assert pod.stdin is not None
            pod.stdin.write("go\n")
            pod.stdin.flush()
        return [int(pod.communicate(timeout=120)[0]) for pod in pods]


def test_store_timeouts_do_not_inflate_spend_litellm_30460(lab_sync: Lab, own_redis: Any) -> None:
    """Steps whose answer does not come in time may have been taken; told again, they count once."""
    url = own_redis.url()
    lab_sync.store = url
    client = lab_sync.client("openai", "sync", Budget(usd=1))
    lab_sync.provider.default = SAID
    for number in range(12):
        if number % 4 == 2:
            own_redis.pause()
        CHAT.ask(client)
        if number % 4 == 3:
            own_redis.resume()
            _until(lambda: own_redis.client().ping())
    store = open_store(url)
    _until(lambda: not store.holds() and store.states()[0].balance.spent.requests >= 12)
    assert store.states()[0].balance.spent == Amounts(*(12 * one for one in SPENT[GPT]))
    store.close()


def _until(done: Callable[[], Any]) -> None:
    import time

    for _ in range(200):
        try:
            if done():
                return
        except Exception:  # noqa: BLE001 - not there yet
            pass
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_reset_is_seen_at_once_litellm_30002(lab_sync: Lab, kind: str, tmp_path: Path) -> None:
    """A client that was refused has no copy of the spending that would refuse it still after a reset."""
    lab_sync.store = f"sqlite:///{tmp_path}/budgets.db" if kind == "sqlite" else f"memory://{tmp_path}"
    one, two = (lab_sync.client("openai", "sync", Budget(requests=1, per="month")) for _ in range(2))
    lab_sync.provider.default = SAID
    CHAT.ask(one)
    for client in (one, two):
        with pytest.raises(BudgetExceeded):
            CHAT.ask(client)
    store = open_store(lab_sync.store)
    store.reset(store.states()[0].balance.account)
    store.close()
    CHAT.ask(two)
    with pytest.raises(BudgetExceeded) as refused:
        CHAT.ask(one)
    assert refused.value.spent == 1


@by_flavour
@by_way
async def test_spend_is_what_was_billed_litellm_36926_27735(lab: Lab, way: Way, flavour: str) -> None:
    """One process, no Redis: plain calls, streams and calls that were tried again, and a refusal that says the same."""
    client = lab.client(way.sdk, flavour, Budget(requests=9), max_retries=2)
    for number in range(9):
        if number % 3 == 1:
            lab.provider.queue(faults.rate_limit(retry_after=0.001))
        lab.provider.queue(SAID)
        more = {"stream_options": {"include_usage": True}} if way is CHAT and number % 3 == 2 else {}
        reply = await ready(way.ask(client, stream=number % 3 == 2, **more))
        if number % 3 == 2:
            assert [event async for event in each(reply)]
    billed = Amounts(*(9 * one for one in SPENT[way.model]))
    assert lab.spent() == billed
    with pytest.raises(BudgetExceeded) as refused:
        await ready(way.ask(client))
    assert (refused.value.spent, refused.value.held, refused.value.limit) == (9, 0, 9)


def _long(pause: float = 0.005, **usage: int) -> Any:
    return faults.slow_chunks(pause, Reply(chunks=[" token"] * 2000, usage=Usage(**(usage or {"input_tokens": 30}))))


async def _left(lab: Lab, way: Way, flavour: str, after: int) -> None:
    """Ask for a stream and leave it after so many of its events."""
    client = lab.client(way.sdk, flavour, Budget(usd=1))
    stream = await ready(way.ask(client, stream=True, **{way_cap(way): 3000}))
    count = 0
    async for _ in each(stream):
        count += 1
        if count == after:
            break
    await ready(stream.close())


@by_flavour
@by_way
async def test_a_stream_that_is_left_is_not_free_litellm_33736_37558_37734(lab: Lab, way: Way, flavour: str) -> None:
    """Left after its first event, before any usage could be told: the input was read, and is billed."""
    lab.provider.queue(_long())
    await _left(lab, way, flavour, 1)
    spent = lab.spent()
    assert spent.requests == 1
    assert spent.tokens >= tokeneff.count({"messages": ASKED}, way.model).input_tokens - 5
    assert spent.usd >= spent.tokens * 400


@by_flavour
@by_way
async def test_a_stream_that_is_left_is_charged_with_what_came_litellm_36008(lab: Lab, way: Way, flavour: str) -> None:
    """Not with what its caller has read only, nor with what the events before said of usage."""
    lab.provider.queue(_long(input_tokens=30, output_tokens=2000))
    await _left(lab, way, flavour, 110)
    assert 115 <= lab.spent().tokens <= 110 + 30 + 60


async def test_a_reply_that_nobody_waits_for_is_charged_litellm_13245(lab: Lab) -> None:
    """No stream, and cancelled while the provider works: it goes on, and bills all of it."""
    client = lab.client("openai", "async", Budget(usd=1))
    lab.provider.queue(faults.slow_first_byte(5, SAID))
    task = asyncio.ensure_future(CHAT.ask(client))
    await asyncio.to_thread(lab.provider.wait_for, lambda provider: provider.request_count == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lab.spent() == lab.store.journal()[0].held
    assert lab.spent().usd >= SPENT[GPT].usd


@by_flavour
@by_way
@pytest.mark.parametrize("how", ["left", "cut"])
async def test_upstream_is_closed_with_its_stream_litellm_17364(lab: Lab, way: Way, flavour: str, how: str) -> None:
    """The provider sees the connection close, so that it stops to say and to bill what nobody reads."""
    lab.provider.queue(_long(0.001))
    if how == "left":
        await _left(lab, way, flavour, 20)
    else:
        client = lab.client(way.sdk, flavour, Budget(tokens=400))
        with pytest.raises(BudgetExceeded) as cut:
            async for _ in each(await ready(way.ask(client, stream=True, **{way_cap(way): 3000}))):
                pass
        assert cut.value.partial is not None
    await asyncio.to_thread(lab.provider.wait_for, lambda provider: provider.disconnects == 1)


@by_flavour
@by_way
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
async def test_an_explicit_zero_is_no_unknown_litellm_37992(lab: Lab, way: Way, flavour: str, stream: bool) -> None:
    """A provider that says 0 tokens is believed, and not corrected by our estimate."""
    lab.provider.queue(Reply(text="Free of charge", usage=Usage()))
    more = {"stream_options": {"include_usage": True}} if way is CHAT and stream else {}
    reply = await ready(way.ask(lab.client(way.sdk, flavour, Budget(usd=1)), stream=stream, **more))
    if stream:
        assert [event async for event in each(reply)]
    assert lab.spent() == Amounts(0, 0, 1)


@pytest.fixture
def lab_sync() -> Iterator[Lab]:
    made = Lab()
    yield made
    asyncio.run(made.close())
