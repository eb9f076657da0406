"""Where a stream is cut, and what it is charged then: within 2 % of what the provider bills for what had come."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from budget_lab import ASKED, CLAUDE, FLAVOURS, GPT, Lab, each, ready

import tokeneff
from tokeneff.budgets import Budget
from tokeneff.errors import BudgetExceeded
from tokeneff.stores import Amounts
from tokeneff.testing import Reply, Usage, faults
from tokeneff.tokens import counter

PROSE = (
    "The harbour had been quiet since the storm, and Agnieszka counted the boats twice before she believed it. "
    "Forty-one of 63 had come home; the others, said the harbour-master, were 'somewhere out there, probably dry'. "
    "She wrote `total = sum(boat.crew for boat in fleet)` on the back of a receipt (12,50 €), and underlined it. "
    "\n\n## What was lost\n\n- two nets, 1.5 km each\n- the *Marguerite*, 1987\n- nobody, as far as anybody knew\n\n"
)
INPUT, LIMIT = 30, 2_500
SIZES = {"chat": (1, 1), "responses": (1, 4), "messages": (2, 18)}
"""Tokens of a chunk, at least and at most: one by one, in small deltas, in pieces of up to a line."""
BILLED = {"chat": 1.0, "responses": 1.0, "messages": 1.22}
"""Of our count: Anthropic's vocabulary is another one."""


async def _chat(client: Any, **more: Any) -> Any:
    return await ready(client.chat.completions.create(model=GPT, messages=ASKED, **more))


async def _responses(client: Any, **more: Any) -> Any:
    if "max_tokens" in more:
        more["max_output_tokens"] = more.pop("max_tokens")
    return await ready(client.responses.create(model=GPT, input=ASKED[0]["content"], **more))


async def _messages(client: Any, **more: Any) -> Any:
    return await ready(client.messages.create(model=CLAUDE, messages=ASKED, **{"max_tokens": 8_000, **more}))


WAYS: dict[str, Callable[..., Any]] = {"chat": _chat, "responses": _responses, "messages": _messages}


def pieces(sizes: tuple[int, int], seed: int, tokens: int) -> list[str]:
    """Prose in chunks of about so many tokens."""
    chance = random.Random(seed)
    words = re.findall(r" ?\w+|\s+|[^\w\s]+", PROSE) * (tokens // 90)
    found: list[str] = []
    while words:
        count = chance.randint(*sizes)
        found.append("".join(words[:count]))
        del words[:count]
    return found


async def cut(lab: Lab, way: str, flavour: str, seed: int, budget: Budget) -> tuple[Amounts, int, int, int]:
    """What was spent, what the provider bills, and the chunks that were read and that it had sent."""
    ask, model, sdk = WAYS[way], CLAUDE if way == "messages" else GPT, "anthropic" if way == "messages" else "openai"

    def billed(text: str) -> int:
        return round(counter().text(text, model) * BILLED[way])

    client = lab.client(sdk, flavour, [budget])
    for number in range(6):  # how the provider counts is learnt from its replies
        said = "".join(pieces(SIZES[way], seed + number, 200))
        usage = Usage(input_tokens=INPUT, output_tokens=billed(said))
        lab.provider.queue(Reply(text=said, model=model, usage=usage))
        with tokeneff.tag(user="before"):
            await ask(client, max_tokens=800)
    chunks = pieces(SIZES[way], seed, 6_000)
    reply = Reply(chunks=chunks, model=model, usage=Usage(input_tokens=INPUT, output_tokens=9_999))
    lab.provider.queue(faults.slow_chunks(0.001, reply))

    with tokeneff.tag(user="small"), pytest.raises(BudgetExceeded) as raised:
        await _read(await ask(client, stream=True))

    await asyncio.to_thread(lab.provider.wait_for, lambda p: p.disconnects == 1)
    partial = raised.value.partial
    assert partial is not None
    read = next(index for index in range(len(chunks)) if "".join(chunks[: index + 1]) == partial.text) + 1
    (spent,) = (state.balance.spent for state in lab.store.states() if state.scope == "user=small")
    assert lab.store.holds() == []
    return spent, INPUT + billed(partial.text), read, len(chunks)


def some(first: int) -> list[tuple[str, str]]:
    """Every way with one flavour, in turn from this one on; unless there is time, then with every one."""
    if os.environ.get("TOKENEFF_SOAK"):
        return [(way, flavour) for way in WAYS for flavour in FLAVOURS]
    return [(way, FLAVOURS[(number + first) % 2]) for number, way in enumerate(WAYS)]


async def _read(stream: Any) -> None:
    events: AsyncIterator[Any] = each(stream)
    async for _ in events:
        pass


@pytest.mark.parametrize(("way", "flavour"), some(0))
@pytest.mark.parametrize("seed", [1])
async def test_a_cut_stream_is_charged_within_two_percent_of_what_is_billed(
    lab: Lab, way: str, flavour: str, seed: int
) -> None:
    spent, billed, read, sent = await cut(lab, way, flavour, seed, Budget(tokens=LIMIT, by="user"))

    print(f"{way}, {flavour}: {spent.tokens} spent, {billed} billed")
    assert read < sent
    assert spent.tokens <= LIMIT
    assert spent.tokens == pytest.approx(billed, rel=0.02)
    assert billed > 0.96 * LIMIT  # not cut long before it has to be
    assert billed <= 1.02 * LIMIT


@pytest.mark.parametrize(("way", "flavour"), some(1))
async def test_in_dollars_as_well(lab: Lab, way: str, flavour: str) -> None:
    rates = (3_000, 15_000) if way == "messages" else (400, 1_600)
    limit = INPUT * rates[0] + LIMIT * rates[1]
    spent, billed, _, _ = await cut(lab, way, flavour, 3, Budget(usd=f"{limit / 1e9:.9f}", by="user"))

    usd = INPUT * rates[0] + (billed - INPUT) * rates[1]
    print(f"{way}, {flavour}: {spent.usd} spent, {usd} billed")
    assert spent.usd <= limit
    assert spent.usd == pytest.approx(usd, rel=0.02)
    assert usd > 0.96 * limit
