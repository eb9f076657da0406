"""Budgets of users in a FastAPI service: the manual's example."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs fastapi: make test-frameworks")

import httpx
import openai
from framework_examples import example, wrapped

import tokeneff
from tokeneff.stores import Amounts, open_store
from tokeneff.testing import FakeProvider, Reply, Usage, faults

SMALL = Reply(text="Green tea.", usage=Usage(20, 5))


@pytest.fixture
async def app(provider: FakeProvider) -> Any:
    provider.default = SMALL
    return example("from fastapi import")["app"]


@pytest.fixture
async def service(app: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield client


async def ask(service: httpx.AsyncClient, user: str, path: str = "/answer") -> httpx.Response:
    return await service.get(path, params={"question": "Which tea?"}, headers={"x-user": user})


async def leave(service: httpx.AsyncClient, user: str, nano_usd: int) -> None:
    """Have a user ask once, and so much be left of the hour's 2 US dollars."""
    assert (await ask(service, user)).status_code == 200
    store = open_store(os.environ["TOKENEFF_STORE"])
    (balance,) = [state.balance for state in store.states() if state.scope == f"user={user}"]
    store.top_up(balance.account, Amounts(usd=nano_usd + balance.spent.usd - 2_000_000_000))


@pytest.mark.parametrize("path", ["/answer", "/stream"])
async def test_a_user_without_budget_is_told_when_to_come_again(
    service: httpx.AsyncClient, provider: FakeProvider, path: str
) -> None:
    await leave(service, "u1", 1_000)
    refused = await ask(service, "u1", path)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    assert refused.json()["detail"].startswith("budget 'hour by user' of user=u1: the call may cost up to 0.00")
    assert provider.request_count == 1
    other = await ask(service, "u2", path)
    assert (other.status_code, other.text.strip('"')) == (200, "Green tea.")


async def test_a_stream_that_is_cut_says_so(service: httpx.AsyncClient, provider: FakeProvider) -> None:
    await leave(service, "u1", 400_000)
    provider.queue(Reply(chunks=[f" word{number}" for number in range(5000)]))
    said = (await ask(service, "u1", "/stream")).text
    assert said.startswith(" word0 word1 word2")
    assert said.endswith("\n(cut off: your budget of this hour is used up)")


async def test_what_the_provider_refuses_is_something_else(service: httpx.AsyncClient, provider: FakeProvider) -> None:
    provider.queue(faults.bad_request())
    told = await ask(service, "u1")
    assert (told.status_code, told.json()) == (502, {"detail": "the model cannot be reached"})


async def test_users_who_ask_at_once_are_told_apart(service: httpx.AsyncClient, provider: FakeProvider) -> None:
    await leave(service, "u1", 1_000)
    users = ["u1", "u2", "u3"] * 5
    told = await asyncio.gather(*(ask(service, user) for user in users))
    assert [one.status_code for one in told] == [429 if user == "u1" else 200 for user in users]


async def test_endpoints_in_threads_know_the_user_too(
    app: Any, service: httpx.AsyncClient, provider: FakeProvider
) -> None:
    client = wrapped(openai.OpenAI(), budget=tokeneff.Budget(requests=1, by="user", name="asked"))

    @app.get("/thread")
    def in_thread(question: str) -> str:
        return client.responses.create(model="gpt-4o-mini", input=question, max_output_tokens=50).output_text

    told = [(await ask(service, user, "/thread")) for user in ("u1", "u1", "u2")]
    assert [one.status_code for one in told] == [200, 429, 200]
    assert "retry-after" not in told[1].headers
