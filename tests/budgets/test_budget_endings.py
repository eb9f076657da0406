"""Whatever ends a call, and whenever: what was held for it is settled once, and nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from budget_lab import FLAVOURS, GPT, SAID, SPENT, WAYS, Lab, each, ready
from hypothesis import given, settings
from hypothesis import strategies as st

from tokeneff._flow import Facts, Failure, Outcome, Tokens, Written
from tokeneff.accounts import Asked
from tokeneff.budgets import Budget, claims
from tokeneff.budgets._bounds import Bounds
from tokeneff.budgets._holding import Holding, Part
from tokeneff.budgets._settling import Settling
from tokeneff.errors import BudgetExceeded
from tokeneff.prices import Prices
from tokeneff.stores import Amounts
from tokeneff.stores.memory import MemoryStore
from tokeneff.testing import Reply, faults
from tokeneff.tokens import Counter

CHAT = WAYS[0]
by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


class Slow(MemoryStore):
    """A store that has to be waited for, and that stands still in one of its steps."""

    instant = False

    def __init__(self, step: str = "", moment: str = "before", nth: int = 1) -> None:
        super().__init__()
        self.step, self.moment, self.left = step, moment, nth
        self.there, self.free = threading.Event(), threading.Event()

    def _around(self, step: str, work: Callable[[], Any]) -> Any:
        here = False
        if step == self.step:
            self.left -= 1
            here = self.left == 0
        if here and self.moment == "before":
            self._stand()
        found = work()
        if here and self.moment == "after":
            self._stand()
        return found

    def _stand(self) -> None:
        self.there.set()
        self.free.wait(10)

    def reserve(self, *arguments: Any, **named: Any) -> Any:
        return self._around("reserve", lambda: MemoryStore.reserve(self, *arguments, **named))

    def extend(self, *arguments: Any, **named: Any) -> Any:
        return self._around("extend", lambda: MemoryStore.extend(self, *arguments, **named))

    def settle(self, *arguments: Any, **named: Any) -> Any:
        return self._around("settle", lambda: MemoryStore.settle(self, *arguments, **named))


async def nothing_held(lab: Lab) -> None:
    from tokeneff.budgets import _heartbeat

    for _ in range(300):
        gc.collect()
        if not lab.store.holds() and not _heartbeat.held():
            break
        await asyncio.sleep(0.01)
    assert lab.store.holds() == []
    assert _heartbeat.held() == 0
    settled = [entry.hold for entry in lab.store.journal() if entry.step == "settle"]
    assert len(settled) == len(set(settled)), "each only once"
    assert "expire" not in lab.steps()


POINTS = [(step, moment) for step in ("reserve", "settle") for moment in ("before", "after")]


@pytest.mark.parametrize("how", ["task.cancel()", "cancel scope"])
@pytest.mark.parametrize(("step", "moment"), POINTS)
async def test_cancelled_while_a_store_is_at_work(lab: Lab, step: str, moment: str, how: str) -> None:
    lab.store = slow = Slow(step, moment)
    client = lab.client("openai", "async", Budget(usd=1))
    lab.provider.queue(SAID)
    scope = anyio.CancelScope()

    async def work() -> None:
        with scope:
            await ready(CHAT.ask(client))

    task = asyncio.ensure_future(work())
    await asyncio.to_thread(slow.there.wait, 10)
    if how == "cancel scope":
        scope.cancel()
    else:
        task.cancel()
    await asyncio.sleep(0.05)
    slow.free.set()
    if how == "cancel scope":
        await task
    else:
        with pytest.raises(asyncio.CancelledError):
            await task

    await nothing_held(lab)
    sent = lab.provider.request_count
    assert sent == (0 if step == "reserve" else 1)
    assert [state.balance.spent for state in lab.store.states() if any(state.balance.spent)] == (
        [] if step == "reserve" else [SPENT[GPT]]
    )


@pytest.mark.parametrize("how", ["task.cancel()", "cancel scope"])
async def test_cancelled_while_sending(lab: Lab, how: str) -> None:
    """Nobody knows what becomes of a request that nobody waits for: it is charged with all that was held."""
    lab.store = Slow()
    client = lab.client("openai", "async", Budget(usd=1))
    lab.provider.queue(faults.hang())
    scope = anyio.CancelScope()

    async def work() -> None:
        with scope:
            await ready(CHAT.ask(client))

    task = asyncio.ensure_future(work())
    await asyncio.to_thread(lab.provider.wait_for, lambda p: p.request_count == 1)
    if how == "cancel scope":
        scope.cancel()
        await task
    else:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await nothing_held(lab)
    assert lab.spent() == lab.store.journal()[0].held


@pytest.mark.parametrize("instant", [True, False])
@pytest.mark.parametrize("how", ["task.cancel()", "cancel scope"])
async def test_cancelled_while_streaming(lab: Lab, how: str, instant: bool) -> None:
    if not instant:
        lab.store = Slow()
    client = lab.client("openai", "async", Budget(usd=1))
    lab.provider.queue(faults.slow_chunks(0.005, Reply(chunks=[" token"] * 2000)))
    scope, seen = anyio.CancelScope(), asyncio.Event()

    async def work() -> None:
        with scope:
            number = 0
            async for _ in await ready(CHAT.ask(client, max_tokens=None, stream=True)):
                number += 1
                if number == 50:
                    seen.set()

    task = asyncio.ensure_future(work())
    await seen.wait()
    if how == "cancel scope":
        scope.cancel()
        await task
    else:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await nothing_held(lab)
    assert 60 <= lab.spent().tokens < 200
    await asyncio.to_thread(lab.provider.wait_for, lambda p: p.disconnects == 1)


async def test_an_event_loop_is_not_held_up_by_a_store_while_a_stream_is_extended(lab: Lab) -> None:
    lab.store = slow = Slow("extend", "before")
    client = lab.client("openai", "async", Budget(tokens=5000))
    lab.provider.queue(Reply(chunks=[" token"] * 2000))
    turns = 0

    async def ticking() -> None:
        nonlocal turns
        while not slow.free.is_set():
            turns += 1
            if slow.there.is_set() and turns > 50:
                slow.free.set()
            await asyncio.sleep(0.01)

    other = asyncio.ensure_future(ticking())
    events = [event async for event in await ready(CHAT.ask(client, max_tokens=None, stream=True))]
    await other

    assert len(events) > 2000
    await nothing_held(lab)


async def test_an_event_loop_is_not_held_up_and_the_stream_is_cut_all_the_same(lab: Lab) -> None:
    lab.store = Slow()
    client = lab.client("openai", "async", Budget(tokens=900))
    lab.provider.queue(faults.slow_chunks(0.001, Reply(chunks=[" token"] * 3000)))

    with pytest.raises(BudgetExceeded) as raised:
        async for _ in await ready(CHAT.ask(client, max_tokens=None, stream=True)):
            pass

    assert raised.value.partial is not None
    await nothing_held(lab)
    assert 0.95 * 900 <= lab.spent().tokens <= 900
    await asyncio.to_thread(lab.provider.wait_for, lambda p: p.disconnects == 1)


def test_interrupted_while_a_store_is_at_work(lab_sync: Lab) -> None:
    class Interrupting(MemoryStore):
        def reserve(self, *arguments: Any, **named: Any) -> Any:
            MemoryStore.reserve(self, *arguments, **named)
            raise KeyboardInterrupt

    for instant in (True, False):
        lab_sync.store = store = Interrupting()
        store.instant = instant  # type: ignore[misc]
        with pytest.raises(KeyboardInterrupt):
            CHAT.ask(lab_sync.client("openai", "sync", Budget(usd=1)))
        assert store.holds() == []
    assert lab_sync.provider.requests == []


@pytest.fixture
def lab_sync() -> Any:
    made = Lab()
    yield made
    asyncio.run(made.close())


@by_flavour
async def test_a_process_that_was_stopped_for_longer_than_a_lease_is_charged_rightly(lab: Lab, flavour: str) -> None:
    now = [1_800_000_000_000_000]
    lab.store.clock = lambda: now[0]
    client = lab.client("openai", flavour, Budget(tokens=10_000))
    lab.provider.queue(faults.slow_chunks(0.001, Reply(chunks=[" token"] * 1000)))

    made = await ready(CHAT.ask(client, max_tokens=None, stream=True))
    number = 0
    async for _ in each(made):
        number += 1
        if number == 100:
            now[0] += 100_000_000

    assert "expire" in lab.steps()
    assert 1000 <= lab.spent().tokens <= 1040


@by_flavour
async def test_one_that_was_stopped_and_finds_its_budget_used_up_is_cut_and_charged(lab: Lab, flavour: str) -> None:
    from tokeneff.budgets import block_store, budget

    of_others = block_store().holds()
    now = [1_800_000_000_000_000]
    lab.store.clock = lambda: now[0]
    client = lab.client("openai", flavour, Budget(tokens=1000))
    lab.provider.queue(faults.slow_chunks(0.001, Reply(chunks=[" token"] * 1000)), SAID)

    async def read() -> None:
        number = 0
        async for _ in each(await ready(CHAT.ask(client, max_tokens=None, stream=True))):
            number += 1
            if number == 100:
                now[0] += 100_000_000
                lab.store.holds()
                (state,) = lab.store.states()
                lab.store.top_up(state.balance.account, Amounts(tokens=-700))

    with budget(tokens=50_000) as block, pytest.raises(BudgetExceeded):
        await read()
    assert lab.store.holds() == []
    assert lab.store.states()[0].balance.spent.tokens == block.spent.tokens > 250
    assert block.held.tokens == 0
    assert block_store().holds() == of_others


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_leaves_its_parents_holds_alone(lab_sync: Lab) -> None:
    from tokeneff.budgets import _heartbeat

    client = lab_sync.client("openai", "sync", Budget(usd=1))
    lab_sync.provider.queue(faults.slow_chunks(0.001, Reply(chunks=[" token"] * 500)))
    stream = CHAT.ask(client, max_tokens=None, stream=True)
    next(iter(stream))
    assert _heartbeat.held() == 1

    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os._exit(0 if _heartbeat.held() == 0 and not _heartbeat._running else 1)
    assert os.waitpid(child, 0)[1] == 0

    list(stream)
    assert lab_sync.store.holds() == []


def test_nothing_is_held_again_for_a_call_that_is_over() -> None:
    """A stream's hold may be on its way to be extended by a thread when its caller leaves."""
    store, budget = MemoryStore(), Budget(tokens=1_000)
    holding = Holding([Part(store, (budget,), claims((budget,), {}, store.now()))], 60_000_000)
    holding.reserve(Amounts(0, 100, 1))
    holding.settle(Amounts(0, 40, 1))

    assert holding.extend(Amounts(0, 356, 1), Amounts(0, 41, 1)) is None

    assert store.holds() == []
    assert [state.balance.spent for state in store.states()] == [Amounts(0, 40, 1)]


COUNTER, PRICES = Counter(), Prices()
BOUNDS, SETTLING = Bounds(COUNTER, PRICES), Settling(COUNTER, PRICES)
ENDINGS = ("read", "broken_off", "dropped", "cancelled", "failed")
counts = st.integers(0, 300)


@settings(max_examples=150, deadline=None)
@given(
    model=st.sampled_from(("gpt-4.1-mini", "gpt-5", "o3", "claude-sonnet-4-6", "gpt-4o-audio-preview")),
    text=st.text(max_size=300),
    cap=st.integers(1, 5000),
    n=st.integers(1, 3),
    parts=st.tuples(counts, counts, counts, counts),
    ending=st.sampled_from(ENDINGS),
)
def test_no_ending_costs_more_than_was_held(
    model: str, text: str, cap: int, n: int, parts: tuple[int, int, int, int], ending: Any
) -> None:
    """As long as the provider keeps to its counts: input as expected, output as it was allowed."""
    claude = model.startswith("claude")
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": cap, "n": n}
    provider = "anthropic" if claude else "openai"
    asked = Asked("messages" if claude else "chat", body, model, provider, f"api.{provider}.com", None, 1.8e9)
    bound = BOUNDS.of(asked)
    held = bound.amounts
    total = bound.input
    read = min(parts[0], total)
    write = min(parts[1], total - read) if not claude else 0
    tokens = Tokens(
        total, min(cap, parts[2] * 20) * n, cache_read=read, cache_write=write, reasoning=min(cap, parts[3])
    )
    written = Written("word " * min(parts[2], cap // 2))
    status = None if ending in ("failed", "cancelled") and parts[3] % 2 else 200
    for known in (tokens, Tokens(input_source="unknown", output_source="unknown")):
        failure = Failure("openai.APITimeoutError", "", None, "ReadTimeout") if ending == "failed" else None
        outcome = Outcome(
            ending, 1.0, 2.0, known, Facts(model=model, written=written), failure, chunks=parts[2], status=status
        )
        found = SETTLING.of(outcome, asked, bound, held).amounts
        assert all(spent <= most for spent, most in zip(found, held, strict=True))
