"""``budget()``: a budget of the calls inside a block, wherever "inside" may be."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import gc
import inspect
import os
import pickle
import threading
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

import tokeneff
from tokeneff.budgets import Block, Remaining, Spending, block_store, current_blocks
from tokeneff.stores import Amounts, Claim, Granted, Limits, Refused

MINUTE = 60_000_000
ids = count()


def call(usd: int = 0, tokens: int = 0, requests: int = 1) -> str | None:
    """What a wrapped client does before a call: ask every block around; ``None`` if it does not fit."""
    name = f"call-{next(ids)}"
    claims = [block.claim for block in current_blocks()]
    found = block_store().reserve(name, Amounts(usd, tokens, requests), claims, MINUTE)
    assert isinstance(found, (Granted, Refused))
    return name if isinstance(found, Granted) else None


def over(name: str | None, usd: int = 0, tokens: int = 0, requests: int = 1) -> None:
    """And afterwards."""
    assert name is not None
    block_store().settle(name, Amounts(usd, tokens, requests), [block.claim for block in current_blocks()])


def test_a_block_holds_inside_and_not_after() -> None:
    assert current_blocks() == ()
    with tokeneff.budget(usd=0.10) as block:
        assert current_blocks() == (block,)
        assert isinstance(block, Block)
    assert current_blocks() == ()


def test_it_says_where_it_stands_inside_and_afterwards() -> None:
    with tokeneff.budget(usd=0.10, requests=3) as block:
        assert block.spent == block.held == Spending(Decimal(0), 0, 0)
        assert block.remaining == Remaining(Decimal("0.1"), None, 3)
        first, second = call(20_000_000, 70), call(30_000_000, 50)
        over(first, 15_000_000, 60)
        assert block.spent == Spending(Decimal("0.015"), 60, 1)
        assert block.held == Spending(Decimal("0.03"), 50, 1)
        assert block.remaining == Remaining(Decimal("0.055"), None, 1)
        assert call(55_000_001) is None
        over(second, 130_000_000, 50)
    assert block.spent == Spending(Decimal("0.145"), 110, 2)
    assert block.held == Spending(Decimal(0), 0, 0)
    assert block.remaining == Remaining(Decimal(0), None, 1)


def test_it_is_asked_for_as_a_budget_is() -> None:
    with tokeneff.budget("0.5", tokens=7, then="warn", at=0.5, tell=print, cap_output=True, name="agent") as block:
        assert block.budget == tokeneff.Budget(
            "0.5", tokens=7, then="warn", at=0.5, tell=print, cap_output=True, name="agent"
        )
        (claim,) = [one.claim for one in current_blocks()]
        assert claim == Claim(claim.account, Limits(5 * 10**8, 7), enforced=False, budget="agent")
    assert repr(block) == f"<tokeneff.budget {block.budget!r}>"
    assert tokeneff.budget(requests=1).budget.name == "block"
    with pytest.raises(TypeError, match=r"a budget of nothing: write usd="):
        tokeneff.budget()
    with pytest.raises(ValueError, match=r"usd=0 lets nothing pass"):
        tokeneff.budget(0)
    with pytest.raises(TypeError, match="per"):
        tokeneff.budget(1, per="day")  # type: ignore[call-arg]


def test_blocks_nest_and_a_call_has_to_fit_each() -> None:
    with tokeneff.budget(requests=3) as outer:
        with tokeneff.budget(requests=1) as inner:
            assert current_blocks() == (outer, inner)
            over(call())
            assert call() is None
        with tokeneff.budget(requests=5) as another:
            over(call())
            over(call())
            assert call() is None
        assert (outer.spent.requests, inner.spent.requests, another.spent.requests) == (3, 1, 2)
        assert (outer.remaining.requests, inner.remaining.requests, another.remaining.requests) == (0, 0, 3)


def test_an_error_leaves_the_block() -> None:
    with pytest.raises(KeyError), tokeneff.budget(usd=1):
        raise KeyError("mine")
    assert current_blocks() == ()


def test_one_object_is_one_budget_however_often_it_is_entered() -> None:
    block, inner = tokeneff.budget(requests=2), tokeneff.budget(requests=9)
    for _ in range(2):
        with block, inner, block:
            assert current_blocks() == (block, inner)
            over(call())
        assert current_blocks() == ()
    with block:
        assert call() is None
    assert block.spent.requests == 2


async def test_tasks_and_threads_of_a_copied_context_share_it() -> None:
    async def within() -> str | None:
        await asyncio.sleep(0)
        name = call()
        await asyncio.sleep(0.001)
        if name is not None:
            over(name)
        return name

    async with tokeneff.budget(requests=3) as block:
        found = await asyncio.gather(*[within() for _ in range(3)], asyncio.to_thread(call))
        assert sorted(name is None for name in found) == [False, False, False, True]
        thread = threading.Thread(target=contextvars.copy_context().run, args=(call,))
        thread.start()
        thread.join()
        bare: list[Any] = []
        thread = threading.Thread(target=contextvars.Context().run, args=(lambda: bare.append(current_blocks()),))
        thread.start()
        thread.join()
        assert bare == [()]
        assert block.remaining.requests == 0
        task = asyncio.create_task(within())
    assert await task is None


def test_each_call_of_a_decorated_function_has_its_own() -> None:
    found: list[Block] = []

    @tokeneff.budget(requests=1, name="job")
    def job(again: bool = False) -> str | None:
        """Docs."""
        found.append(current_blocks()[-1])
        return call() or (job() if again else None)

    assert [job() is None, job() is None] == [False, False]
    assert len({block.claim.account for block in found}) == 2
    assert {block.budget for block in found} == {tokeneff.Budget(requests=1, name="job")}
    assert (job.__name__, job.__doc__) == ("job", "Docs.")
    assert current_blocks() == ()


def test_a_decorated_function_within_itself_is_in_both_budgets() -> None:
    @tokeneff.budget(requests=2)
    def job(depth: int) -> int:
        return job(depth - 1) if depth else len(current_blocks())

    assert job(2) == 3


async def test_coroutine_functions() -> None:
    @tokeneff.budget(requests=1)
    async def job() -> str | None:
        await asyncio.sleep(0)
        over(call())
        return call()

    assert inspect.iscoroutinefunction(job)
    assert await asyncio.gather(job(), job()) == [None, None]
    assert current_blocks() == ()


def test_generators_have_it_while_they_run_and_only_then() -> None:
    @tokeneff.budget(requests=2)
    def steps() -> Iterator[tuple[Block, ...]]:
        while call():
            yield current_blocks()

    with tokeneff.budget(requests=100) as outer:
        first, second = steps(), steps()
        seen = [next(first), next(second), next(first)]
        assert current_blocks() == (outer,)
        assert seen[0] == seen[2] != seen[1]
        assert [len(one) for one in seen] == [2, 2, 2]
        assert list(first) == []
        assert len(list(second)) == 1
    assert outer.held.requests == 4


async def test_asynchronous_generators_too() -> None:
    @tokeneff.budget(requests=2)
    async def steps() -> AsyncIterator[tuple[Block, ...]]:
        while call():
            yield current_blocks()

    items = steps()
    seen = [await items.__anext__()]
    assert current_blocks() == ()
    seen += [item async for item in items]
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_methods_can_be_decorated() -> None:
    class Agent:
        @tokeneff.budget(requests=1)
        def run(self, word: str) -> tuple[str, int]:
            return word, len(current_blocks())

    assert Agent().run("x") == ("x", 1)


def test_a_copy_is_a_budget_of_its_own() -> None:
    block = tokeneff.budget(usd=0.10, name="agent")
    for again in (copy.copy(block), copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert again.budget == block.budget
        assert again.claim.account != block.claim.account


def accounts() -> int:
    return len(block_store().states())


def test_accounts_go_with_their_blocks() -> None:
    gc.collect()
    tokeneff.budget(requests=1)
    before = accounts()
    for _ in range(2000):
        with tokeneff.budget(requests=5) as block:
            over(call())
            block_store().once(block.claim.account, "0.5")
    assert accounts() <= before + 3
    assert block.spent.requests == 1
    assert len(block_store()._marks) <= before + 3  # pyright: ignore[reportPrivateUsage]


def test_an_account_stays_while_a_call_is_out() -> None:
    with tokeneff.budget(requests=5) as block:
        name = call()
        account, claims = block.claim.account, [block.claim]
    del block
    gc.collect()
    for _ in range(3):
        tokeneff.budget(requests=1)
    assert [state.balance.held for state in block_store().states(account)] == [Amounts(0, 0, 1)]
    block_store().settle(name or "", Amounts(0, 0, 1), claims)
    tokeneff.budget(requests=1)
    assert block_store().states(account) == []


def test_a_task_that_goes_on_keeps_its_block() -> None:
    with tokeneff.budget(requests=5) as block:
        account = block.claim.account
        over(call())
        context = contextvars.copy_context()
    del block
    gc.collect()
    tokeneff.budget(requests=1)
    assert context.run(lambda: current_blocks()[0].spent.requests) == 1
    del context
    gc.collect()
    tokeneff.budget(requests=1)
    assert block_store().states(account) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_goes_on_from_what_was_spent() -> None:
    with tokeneff.budget(requests=2) as block:
        over(call())
        child = os.fork()
        if child == 0:
            try:
                over(call())
                os._exit(block.spent.requests * 10 + (call() is None))
            finally:
                os._exit(99)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 21
        assert block.remaining.requests == 1
