"""Calls that are not streamed: what is held before they are sent, and what they are charged with."""

from __future__ import annotations

import pickle
import socket
from pathlib import Path
from typing import Any

import pytest
from budget_lab import ASKED, FLAVOURS, GPT, SAID, SPENT, WAYS, Lab, Way, ready

import tokeneff
from tokeneff.budgets import Budget
from tokeneff.errors import BudgetExceeded, PriceUnknown, StoreError
from tokeneff.stores import Amounts
from tokeneff.stores.memory import MemoryStore
from tokeneff.testing import Reply, Usage, faults

by_way = pytest.mark.parametrize("way", WAYS, ids=str)
by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


@by_flavour
@by_way
async def test_a_call_is_held_for_and_settled_on_its_usage(lab: Lab, way: Way, flavour: str) -> None:
    lab.provider.queue(SAID)

    await ready(way.ask(lab.client(way.sdk, flavour, Budget(usd=1))))

    assert lab.spent() == SPENT[way.model]
    held = lab.store.journal()[0].held
    assert held.usd > SPENT[way.model].usd
    assert held.tokens >= 25 + 50 - 5
    assert [(entry.step, entry.note) for entry in lab.store.journal()] == [("reserve", ""), ("settle", "usage")]


@by_flavour
@by_way
async def test_what_does_not_fit_is_not_sent(lab: Lab, way: Way, flavour: str) -> None:
    client = lab.client(way.sdk, flavour, Budget(tokens=60, per="day", tz="Europe/Berlin", name="small"))

    with pytest.raises(BudgetExceeded) as raised:
        await ready(way.ask(client))

    error = raised.value
    assert lab.provider.requests == []
    assert (error.budget, error.scope, error.unit, error.limit, error.spent, error.held) == (
        "small", "", "tokens", 60, 0, 0,
    )  # fmt: skip
    assert error.asked > 60
    assert error.partial is None
    assert error.resets is not None
    assert str(error.resets.tzinfo) == "Europe/Berlin"
    assert error.guard.action == "block"
    assert lab.steps() == []
    assert isinstance(pickle.loads(pickle.dumps(error)), BudgetExceeded)


@by_flavour
@by_way
async def test_an_http_error_costs_nothing_but_the_request(lab: Lab, way: Way, flavour: str) -> None:
    lab.provider.queue(faults.bad_request())

    with pytest.raises(Exception, match="not valid"):
        await ready(way.ask(lab.client(way.sdk, flavour, Budget(usd=1))))

    assert lab.spent() == Amounts(0, 0, 1)


@by_flavour
@by_way
async def test_what_could_not_be_sent_costs_nothing(lab: Lab, way: Way, flavour: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = lab.client(way.sdk, flavour, Budget(usd=1), base_url=f"http://127.0.0.1:{port}")

    with pytest.raises(Exception, match="onnection"):
        await ready(way.ask(client))

    assert lab.spent() == Amounts()


@by_flavour
@pytest.mark.parametrize("fault", [faults.hang(), faults.disconnect()], ids=["timeout", "connection lost"])
@by_way
async def test_no_answer_is_charged_with_all_that_was_held(lab: Lab, way: Way, flavour: str, fault: Any) -> None:
    lab.provider.queue(fault)

    with pytest.raises(Exception, match=r"onnection|timed out"):
        await ready(way.ask(lab.client(way.sdk, flavour, Budget(usd=1), timeout=0.2)))

    assert lab.spent() == lab.store.journal()[0].held


@by_flavour
@by_way
async def test_tries_that_were_lost_are_charged_with_their_input(lab: Lab, way: Way, flavour: str) -> None:
    lab.provider.queue(faults.disconnect(), faults.rate_limit(retry_after=0.001), SAID)

    await ready(way.ask(lab.client(way.sdk, flavour, Budget(usd=1), max_retries=2)))

    spent, held, said = lab.spent(), lab.store.journal()[0].held, SPENT[way.model]
    assert said.usd < spent.usd <= held.usd
    assert said.tokens < spent.tokens <= held.tokens
    assert spent.requests == 1


@by_flavour
@by_way
async def test_an_explicit_zero_usage_is_believed(lab: Lab, way: Way, flavour: str) -> None:
    lab.provider.queue(Reply(text="Free of charge", usage=Usage()))

    await ready(way.ask(lab.client(way.sdk, flavour, Budget(usd=1))))

    assert lab.spent() == Amounts(0, 0, 1)


@by_flavour
async def test_a_reply_without_usage_is_counted(lab: Lab, flavour: str) -> None:
    lab.provider.queue(faults.no_usage(Reply(text=" token" * 30)))

    await ready(WAYS[0].ask(lab.client("openai", flavour, Budget(usd=1))))

    assert lab.spent().tokens == tokeneff.count({"messages": ASKED}, GPT).input_tokens + 30
    assert lab.settled()[0].note == "counted"


@by_flavour
async def test_a_provider_that_goes_over_its_own_limit_is_charged_in_full(
    lab: Lab, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    lab.provider.queue(Reply(text="x", usage=Usage(input_tokens=100_000, output_tokens=5)))

    await ready(WAYS[0].ask(lab.client("openai", flavour, Budget(usd=1))))

    assert lab.spent() == Amounts(100_000 * 400 + 5 * 1600, 100_005, 1)
    assert "more than was foreseen" in caplog.text


@by_flavour
async def test_work_in_the_background_is_charged_with_all_that_was_held(lab: Lab, flavour: str) -> None:
    lab.provider.queue(Reply(json={"id": "r", "object": "response", "status": "queued", "model": GPT, "output": []}))

    await ready(WAYS[1].ask(lab.client("openai", flavour, Budget(usd=1)), background=True))

    assert lab.spent() == lab.store.journal()[0].held


@by_flavour
async def test_embeddings_are_held_for_by_their_input(lab: Lab, flavour: str, tmp_path: Path) -> None:
    lab.provider.queue(Reply(usage=Usage(input_tokens=8)))
    prices = tmp_path / "prices.toml"
    prices.write_text('[[model]]\nname = "text-embedding-3-small"\ninput = 0.02\n')
    client = lab.client("openai", flavour, Budget(usd=1), prices=prices)

    await ready(client.embeddings.create(model="text-embedding-3-small", input="Tell me a story of a fox."))

    assert lab.spent() == Amounts(160, 8, 1)
    assert lab.store.journal()[0].held.tokens < 40


@by_flavour
async def test_what_is_no_work_of_a_model_passes(lab: Lab, flavour: str) -> None:
    await ready(lab.client("openai", flavour, Budget(requests=1)).models.list())

    assert lab.store.states() == []


@by_flavour
async def test_a_model_without_a_price_is_refused_by_a_budget_in_dollars(lab: Lab, flavour: str) -> None:
    with pytest.raises(PriceUnknown, match=r'name = "my-llama"'):
        await ready(WAYS[0].ask(lab.client("openai", flavour, Budget(usd=1)), model="my-llama"))
    assert lab.provider.requests == []

    lab.provider.queue(SAID)
    allowing = lab.client("openai", flavour, Budget(usd=1, tokens=10_000, on_unknown_price="allow"))
    await ready(WAYS[0].ask(allowing, model="my-llama"))

    assert lab.spent() == Amounts(0, 25, 1)
    assert lab.settled()[0].note == "unpriced"


@by_flavour
async def test_a_budget_of_tokens_needs_no_price(lab: Lab, flavour: str) -> None:
    lab.provider.queue(SAID)

    await ready(WAYS[0].ask(lab.client("openai", flavour, Budget(tokens=1000)), model="my-llama"))

    assert lab.spent() == Amounts(0, 25, 1)


@by_flavour
@by_way
async def test_each_user_has_a_budget_of_their_own(lab: Lab, way: Way, flavour: str) -> None:
    client = lab.client(way.sdk, flavour, Budget(requests=1, by="user"))
    lab.provider.queue(SAID, SAID, SAID)

    for user in ("u1", "u2", None):
        with tokeneff.tag(user=user):
            await ready(way.ask(client))
            with pytest.raises(BudgetExceeded) as raised:
                await ready(way.ask(client))
        assert raised.value.scope == f"user={user or '(none)'}"

    assert [state.balance.spent.requests for state in lab.store.states()] == [1, 1, 1]


@by_flavour
async def test_all_budgets_have_to_fit(lab: Lab, flavour: str) -> None:
    budgets = [Budget(usd=1), Budget(requests=1, per="hour"), Budget(tokens=10_000, per="day")]
    client = lab.client("openai", flavour, budgets)
    lab.provider.queue(SAID)

    await ready(WAYS[0].ask(client))
    with pytest.raises(BudgetExceeded, match="hour"):
        await ready(WAYS[0].ask(client))

    assert {state.balance.spent for state in lab.store.states()} == {SPENT[GPT]}
    assert lab.store.holds() == []


@by_flavour
@by_way
async def test_a_block_holds_for_any_wrapped_client(lab: Lab, way: Way, flavour: str) -> None:
    from tokeneff.budgets import budget

    client = lab.client(way.sdk, flavour)
    lab.provider.queue(SAID, SAID)

    with budget(requests=3) as outer, budget(usd=0.01, requests=1) as inner:
        await ready(way.ask(client))
        with pytest.raises(BudgetExceeded, match="block"):
            await ready(way.ask(client))
    await ready(way.ask(client))

    assert inner.spent == outer.spent
    assert (inner.spent.tokens, inner.spent.requests) == (25, 1)
    assert inner.held.requests == outer.held.requests == 0


@by_flavour
async def test_a_block_lets_go_what_the_clients_own_budget_refuses(lab: Lab, flavour: str) -> None:
    from tokeneff.budgets import budget

    client = lab.client("openai", flavour, Budget(tokens=10))

    with budget(requests=3) as block, pytest.raises(BudgetExceeded, match="total"):
        await ready(WAYS[0].ask(client))

    assert (block.spent.requests, block.held.requests) == (0, 0)


@by_flavour
async def test_usage_of_the_cache_is_charged_as_it_is_billed(lab: Lab, flavour: str) -> None:
    lab.provider.queue(Reply(text="x", usage=Usage(input_tokens=1000, output_tokens=5, cache_read=900)))

    await ready(WAYS[0].ask(lab.client("openai", flavour, Budget(usd=1))))

    assert lab.spent() == Amounts(100 * 400 + 900 * 100 + 5 * 1600, 1005, 1)


@by_flavour
async def test_a_mark_for_the_cache_is_held_for_at_what_writing_costs(lab: Lab, flavour: str) -> None:
    def asked(mark: Any) -> list[dict[str, Any]]:
        return [{"role": "user", "content": [{"type": "text", "text": "fox " * 2000, **mark}]}]

    client = lab.client("anthropic", flavour, Budget(usd=1))
    marks = ({}, {"cache_control": {"type": "ephemeral"}}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}})
    for mark in marks:
        lab.provider.queue(Reply(text="x", usage=Usage(input_tokens=4000, output_tokens=1)))
        await ready(WAYS[2].ask(client, messages=asked(mark)))

    holds = [entry.held for entry in lab.store.journal() if entry.step == "reserve"]
    assert min(held.tokens for held in holds) > 4000
    assert [(held.usd - 15_000 * 50) / (held.tokens - 50) for held in holds] == [3000, 3750, 6000]


@by_flavour
async def test_installed_clients_have_the_budget(lab: Lab, flavour: str) -> None:
    tokeneff.install(budget=Budget(requests=1), store=lab.store)
    try:
        client = lab.bare("openai", flavour)
    finally:
        tokeneff.uninstall()
    lab.provider.queue(SAID)

    await ready(WAYS[0].ask(client))
    with pytest.raises(BudgetExceeded):
        await ready(WAYS[0].ask(client))


async def test_a_pickled_client_keeps_its_budget(lab: Lab) -> None:
    import anthropic

    lab.provider.queue(SAID)
    plain = tokeneff.wrap(
        anthropic.Anthropic(base_url=lab.provider.anthropic_url, api_key="k"),
        budget=Budget(requests=1, tell=lambda told: None),
        store="memory://pickled",
    )
    from tokeneff._settings import settings_of

    settings = pickle.loads(pickle.dumps(settings_of(plain)))

    assert settings.arguments["budget"] == [Budget(requests=1, at=1.0)]
    assert settings.arguments["store"] == "memory://pickled"
    plain.close()


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"budget": 5}, TypeError, r"Budget\(usd=5\)"),
        ({"budget": [Budget(usd=1), Budget(usd=2)]}, ValueError, "two budgets are named"),
        ({"budget": Budget(usd=1), "store": "postgres://x"}, StoreError, "no store of kind"),
        ({"budget": Budget(usd=1), "store": 5}, StoreError, "URL or an opened store, not int"),
        ({"budget": Budget(usd=1), "on_store_error": "shut"}, ValueError, "'open' or 'closed', not 'shut'"),
    ],
)
def test_wrong_arguments_are_told_when_wrapping(arguments: dict[str, Any], error: type[Exception], told: str) -> None:
    from openai import OpenAI

    bare = OpenAI(api_key="k", base_url="http://127.0.0.1:9")
    try:
        with pytest.raises(error, match=told):
            tokeneff.wrap(bare, **arguments)
    finally:
        bare.close()


@by_flavour
async def test_the_ledger_says_what_was_decided(lab: Lab, flavour: str, tmp_path: Any) -> None:
    from tokeneff.ledger import Ledger

    ledger = Ledger(f"sqlite:///{tmp_path}/calls.db")
    client = lab.client("openai", flavour, Budget(requests=1), ledger=ledger)
    lab.provider.queue(SAID)
    await ready(WAYS[0].ask(client))
    with pytest.raises(BudgetExceeded):
        await ready(WAYS[0].ask(client))
    ledger.close()

    import sqlite3

    with sqlite3.connect(f"{tmp_path}/calls.db") as connection:
        rows = connection.execute("select * from calls limit 0").description
        names = [row[0] for row in rows]
        found = connection.execute("select ending, cost, decisions from calls order by time").fetchall()
    connection.close()
    assert "decisions" in names
    assert [(ending, cost) for ending, cost, _ in found] == [("read", 16_000), ("refused", 0)]
    assert "block" in str(found[1][2])


@by_flavour
async def test_a_fault_of_ours_lets_the_call_go(
    lab: Lab, flavour: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from tokeneff.budgets import _bounds

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(_bounds.Bounds, "of", broken)
    lab.provider.queue(SAID)

    await ready(WAYS[0].ask(lab.client("openai", flavour, Budget(usd=1))))

    assert lab.store.holds() == []
    assert "went past its budgets" in caplog.text


@by_flavour
async def test_a_fault_of_ours_in_settling_charges_what_was_held(
    lab: Lab, flavour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokeneff.budgets import _settling

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(_settling.Settling, "of", broken)
    lab.provider.queue(SAID)

    await ready(WAYS[0].ask(lab.client("openai", flavour, Budget(usd=1))))

    assert lab.spent() == lab.store.journal()[0].held


async def test_a_store_that_is_not_there_is_passed_by(lab: Lab) -> None:
    class Broken(MemoryStore):
        def reserve(self, *_: Any, **__: Any) -> Any:
            raise OSError("gone")

    lab.store = Broken()
    lab.provider.queue(SAID)

    await ready(WAYS[0].ask(lab.client("openai", "sync", Budget(usd=1))))

    assert lab.provider.request_count == 1


def test_models_have_limits() -> None:
    from tokeneff.budgets._limits import limit_of

    assert limit_of("gpt-4o-mini") == (128_000, 16_384, True)
    assert limit_of("openrouter/anthropic/claude-sonnet-4-5") == (1_000_000, 64_000, True)
    assert limit_of("o3-mini") == (200_000, 100_000, False)
    assert limit_of("nobody-knows-this")[2] is False
