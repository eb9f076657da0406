"""What happens to calls that do not fit: another model, a limit to their output, waiting, telling, recording."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from budget_lab import FLAVOURS, GPT, SAID, WAYS, Lab, each, ready

from tokeneff.budgets import Budget, Threshold, rolling
from tokeneff.errors import BudgetExceeded
from tokeneff.stores import Amounts
from tokeneff.testing import Reply, Usage, faults

by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)
CHAT, RESPONSES, MESSAGES = WAYS
NANO = "gpt-4.1-nano"


def outcomes(client: Any) -> list[Any]:
    """What the policies of a client make of its calls from now on."""
    from tokeneff._settings import settings_of

    found: list[Any] = []
    settings = settings_of(client)

    def watching(call: Any) -> Any:
        from tokeneff._flow import forward

        outcome = yield from forward(call)
        found.append(outcome)
        return outcome

    settings.policies = (watching, *settings.policies)
    return found


def names(outcome: Any) -> list[str]:
    return [event.name for event in outcome.guard.events]


@by_flavour
async def test_a_call_that_does_not_fit_is_made_of_another_model(lab: Lab, flavour: str, tmp_path: Any) -> None:
    from tokeneff.ledger import Ledger

    ledger = Ledger(f"sqlite:///{tmp_path}/calls.db")
    budget = Budget(usd="0.00005", then="downgrade", to=NANO)  # 50 × 1,600 nano-dollars are too much, 50 × 400 not
    client = lab.client("openai", flavour, budget, ledger=ledger)
    seen = outcomes(client)
    lab.provider.queue(SAID)

    await ready(CHAT.ask(client))
    ledger.close()

    assert lab.last["model"] == NANO
    assert lab.spent() == Amounts(20 * 100 + 5 * 400, 25, 1)
    assert (seen[0].guard.action, names(seen[0])) == ("downgrade", ["downgraded"])
    import sqlite3

    connection = sqlite3.connect(f"{tmp_path}/calls.db")
    assert connection.execute("select model, request_model, cost from calls").fetchall() == [(NANO, GPT, 4000)]
    connection.close()


@by_flavour
async def test_a_cheaper_model_that_does_not_fit_either_is_refused(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, Budget(usd="0.00001", then="downgrade", to=NANO))

    with pytest.raises(BudgetExceeded) as raised:
        await ready(CHAT.ask(client))

    assert lab.provider.requests == []
    assert [event.name for event in raised.value.guard.events] == ["downgraded", "refused"]


@by_flavour
async def test_two_that_downgrade_to_each_others_models_come_to_an_end(lab: Lab, flavour: str) -> None:
    budgets = [Budget(usd="0.00005", then="downgrade", to=NANO), Budget(tokens=10, name="b", then="downgrade", to=GPT)]

    with pytest.raises(BudgetExceeded) as raised:
        await ready(CHAT.ask(lab.client("openai", flavour, budgets), model="gpt-4.1"))

    assert [event.name for event in raised.value.guard.events] == ["downgraded", "downgraded", "refused"]
    assert lab.provider.requests == []


@by_flavour
async def test_one_that_blocks_decides_over_one_that_downgrades(lab: Lab, flavour: str) -> None:
    budgets = [Budget(usd="0.00005", then="downgrade", to=NANO), Budget(tokens=10, name="hard")]

    with pytest.raises(BudgetExceeded) as raised:
        await ready(CHAT.ask(lab.client("openai", flavour, budgets)))

    assert (raised.value.budget, raised.value.guard.action) == ("hard", "block")


@by_flavour
async def test_the_callers_own_request_is_not_changed(lab: Lab, flavour: str) -> None:
    lab.provider.queue(SAID)
    extra = {"model": GPT}
    client = lab.client("openai", flavour, Budget(usd="0.00005", then="downgrade", to=NANO))

    await ready(CHAT.ask(client, extra_body=extra))

    assert lab.last["model"] == NANO
    assert extra == {"model": GPT}


@by_flavour
@pytest.mark.parametrize(("way", "field"), [(CHAT, "max_completion_tokens"), (RESPONSES, "max_output_tokens")], ids=str)
async def test_output_is_capped_to_what_the_budget_can_afford(lab: Lab, flavour: str, way: Any, field: str) -> None:
    client = lab.client("openai", flavour, Budget(tokens=1000, cap_output=True))
    seen = outcomes(client)
    lab.provider.queue(SAID)

    nothing = {"max_tokens": None} if way is CHAT else {"max_output_tokens": None}
    await ready(way.ask(client, **nothing))

    held = lab.store.journal()[0].held.tokens
    assert held == 1000
    assert 900 < lab.last[field] < 990
    assert (seen[0].guard.action, names(seen[0])) == ("", ["capped"])


@by_flavour
async def test_output_is_not_capped_to_next_to_nothing(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, Budget(tokens=45, cap_output=True))

    with pytest.raises(BudgetExceeded):
        await ready(CHAT.ask(client, max_tokens=None))

    assert lab.provider.requests == []


@by_flavour
async def test_a_stream_is_capped_instead_of_cut(lab: Lab, flavour: str) -> None:
    lab.provider.queue(Reply(chunks=[" token"] * 100))
    client = lab.client("openai", flavour, Budget(tokens=500, cap_output=True))

    made = await ready(CHAT.ask(client, max_tokens=None, stream=True))
    events = [event async for event in each(made)]

    assert len(events) > 100
    assert 400 < lab.last["max_completion_tokens"] < 480


@by_flavour
async def test_a_call_waits_until_it_fits(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, Budget(tokens=100, per=rolling("1s"), then="queue", wait="20s"))
    seen = outcomes(client)
    lab.provider.queue(SAID, SAID, SAID)
    began = time.monotonic()

    for _ in range(3):
        await ready(CHAT.ask(client))

    assert time.monotonic() - began > 0.9, "the spending of the first has to leave the window"
    assert seen[0].guard.action == ""
    assert "queue" in [outcome.guard.action for outcome in seen]


@by_flavour
async def test_a_call_that_waits_in_vain_is_refused(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, Budget(requests=1, then="queue", wait=0.2))
    lab.provider.queue(SAID)
    stream = await ready(CHAT.ask(client, stream=True))  # on its way, so that there may be room at any moment
    began = time.monotonic()

    with pytest.raises(BudgetExceeded) as raised:
        await ready(CHAT.ask(client))

    assert time.monotonic() - began >= 0.2
    assert [event.name for event in raised.value.guard.events] == ["queued", "refused"]
    await ready(stream.close())


@by_flavour
async def test_a_call_for_which_nothing_will_make_room_does_not_wait(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, Budget(requests=1, per="month", then="queue", wait="60s"))
    lab.provider.queue(SAID)
    await ready(CHAT.ask(client))
    began = time.monotonic()

    with pytest.raises(BudgetExceeded) as raised:
        await ready(CHAT.ask(client))

    assert time.monotonic() - began < 30
    assert [event.name for event in raised.value.guard.events] == ["refused"]


@by_flavour
async def test_a_call_does_not_wait_for_one_budget_where_another_makes_no_room(lab: Lab, flavour: str) -> None:
    budgets = [
        Budget(requests=1, per=rolling("50s"), then="queue", wait="60s"),
        Budget(requests=1, per="month", then="queue", wait="60s"),
    ]
    client = lab.client("openai", flavour, budgets)
    lab.provider.queue(SAID)
    await ready(CHAT.ask(client))

    with pytest.raises(BudgetExceeded) as raised:
        await ready(CHAT.ask(client))

    assert raised.value.budget == "month"
    assert [event.name for event in raised.value.guard.events] == ["refused"]


@by_flavour
async def test_a_call_that_can_never_fit_does_not_wait(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, Budget(tokens=10, then="queue", wait="60s"))
    began = time.monotonic()

    with pytest.raises(BudgetExceeded):
        await ready(CHAT.ask(client))

    assert time.monotonic() - began < 30


async def test_one_that_waits_can_be_cancelled(lab: Lab) -> None:
    client = lab.client("openai", "async", Budget(requests=1, then="queue", wait="60s"))
    lab.provider.queue(SAID)
    stream = await ready(CHAT.ask(client, stream=True))

    task = asyncio.ensure_future(ready(CHAT.ask(client)))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [chunk async for chunk in stream]
    assert (lab.spent().requests, lab.store.holds()) == (1, [])
    assert lab.provider.request_count == 1


@by_flavour
async def test_thresholds_are_told_once_in_a_window(lab: Lab, flavour: str, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Threshold] = []

    def tell(threshold: Threshold) -> None:
        told.append(threshold)
        raise ZeroDivisionError("the user's own")

    client = lab.client("openai", flavour, Budget(requests=5, at=(0.4, 0.8), tell=tell, name="few"))
    seen = outcomes(client)
    lab.provider.queue(*[SAID] * 5)

    for _ in range(5):
        await ready(CHAT.ask(client))

    assert [(one.budget, one.at, one.unit, one.spent, one.limit) for one in told] == [
        ("few", 0.4, "requests", 2, 5),
        ("few", 0.8, "requests", 4, 5),
    ]
    assert [names(outcome) for outcome in seen] == [[], ["threshold"], [], ["threshold"], []]
    assert "a budget's callback failed" in caplog.text


@by_flavour
async def test_warned_of_calls_pass(lab: Lab, flavour: str) -> None:
    told: list[Threshold] = []
    client = lab.client("openai", flavour, Budget(requests=1, then="warn", tell=told.append))
    seen = outcomes(client)
    lab.provider.queue(*[SAID] * 3)

    for _ in range(3):
        await ready(CHAT.ask(client))

    assert [one.at for one in told] == [1.0]
    assert [outcome.guard.action for outcome in seen] == ["warn", "warn", "warn"]
    assert lab.spent().requests == 3


@by_flavour
async def test_a_shadow_records_what_would_have_been_blocked(lab: Lab, flavour: str) -> None:
    client = lab.client("openai", flavour, Budget(requests=1, then="shadow"))
    seen = outcomes(client)
    lab.provider.queue(*[SAID] * 2)

    for _ in range(2):
        await ready(CHAT.ask(client))

    assert [(outcome.guard.action, names(outcome)) for outcome in seen] == [("", []), ("shadow", ["would_block"])]
    guard = seen[1].guard
    assert (guard.unit, guard.limit, guard.spent, guard.held, guard.remaining) == ("requests", 1, 2, 0, -1)


@by_flavour
async def test_limits_may_change_while_spending_goes_on(lab: Lab, flavour: str) -> None:
    small = lab.client("openai", flavour, Budget(requests=1, per="day"))
    lab.provider.queue(*[SAID] * 3)
    await ready(CHAT.ask(small))
    with pytest.raises(BudgetExceeded):
        await ready(CHAT.ask(small))

    await ready(CHAT.ask(lab.client("openai", flavour, Budget(requests=2, per="day"))))
    with pytest.raises(BudgetExceeded):
        await ready(CHAT.ask(small))
    (state,) = lab.store.states()
    lab.store.top_up(state.balance.account, Amounts(requests=2))
    await ready(CHAT.ask(small))

    assert lab.spent().requests == 3


@by_flavour
async def test_a_store_whose_clock_differs_is_asked_again_by_its_clock(lab: Lab, flavour: str) -> None:
    lab.store.clock = lambda: time.time_ns() // 1000 + 30 * 86_400_000_000
    client = lab.client("openai", flavour, Budget(requests=2, per="day"))
    lab.provider.queue(*[SAID] * 2)

    for _ in range(2):
        await ready(CHAT.ask(client))

    (state,) = lab.store.states()
    assert state.balance.spent.requests == 2
    assert state.start > time.time() * 1e6


def test_many_threads_stay_within_the_limit(lab: Lab) -> None:
    client = lab.client("openai", "sync", Budget(tokens=1000))
    lab.provider.default = Reply(text="x", usage=Usage(input_tokens=20, output_tokens=50))
    refused: list[BudgetExceeded] = []

    def work() -> None:
        for _ in range(5):
            try:
                CHAT.ask(client)
            except BudgetExceeded as error:
                refused.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    spent = lab.spent()
    assert 900 <= spent.tokens <= 1000
    assert spent.requests + len(refused) == 40


async def test_many_tasks_stay_within_the_limit(lab: Lab) -> None:
    client = lab.client("openai", "async", Budget(tokens=1000))
    lab.provider.default = Reply(text="x", usage=Usage(input_tokens=20, output_tokens=50))

    found = await asyncio.gather(*[ready(CHAT.ask(client)) for _ in range(40)], return_exceptions=True)

    spent = lab.spent()
    assert spent.tokens <= 1000
    assert spent.requests + sum(isinstance(one, BudgetExceeded) for one in found) == 40


@by_flavour
async def test_a_hold_is_renewed_while_its_call_goes_on(lab: Lab, flavour: str) -> None:
    from tokeneff._settings import settings_of
    from tokeneff.budgets import _heartbeat
    from tokeneff.budgets._holding import Place
    from tokeneff.budgets._policy import Guards

    client = lab.client("openai", flavour, Budget(requests=5))
    settings = settings_of(client)
    guards = Guards(Place(lab.store, (Budget(requests=5),)), settings.prices, lease=300_000)
    settings.policies = (*settings.policies[:-1], guards.policy)
    lab.provider.queue(faults.slow_first_byte(1.2, SAID))

    await ready(CHAT.ask(client))

    assert lab.steps() == ["reserve", "settle"], "its lease did not run out"
    assert _heartbeat.held() == 0
    for _ in range(100):
        if not any(thread.name == "tokeneff-heartbeat" for thread in threading.enumerate()):
            break
        await asyncio.sleep(0.05)
        _heartbeat._wake.set()
    assert not _heartbeat._running
