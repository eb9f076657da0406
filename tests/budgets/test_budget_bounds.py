"""What is held for a request before it is sent: never less than it may be billed, by what it says and where it goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from budget_lab import ASKED, CLAUDE, FLAVOURS, GPT, SAID, WAYS, Lab, each, ready

from tokeneff.accounts import Asked
from tokeneff.budgets import Budget
from tokeneff.budgets._bounds import Bounds
from tokeneff.budgets._dearest import dearest, tier_of
from tokeneff.errors import BudgetExceeded, PriceUnknown
from tokeneff.prices import Prices, Tokens
from tokeneff.stores import Amounts
from tokeneff.testing import Reply, Usage
from tokeneff.tokens import Counter

by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)
CHAT, RESPONSES, MESSAGES = WAYS
AT = 1795132800.0  # 2026-11-20
COUNTER, PRICES = Counter(), Prices()
QUICK = "claude-opus-4-8"


def asked(dialect: Any, body: dict[str, Any], provider: str = "openai") -> Asked:
    return Asked(dialect, body, body["model"], provider, f"api.{provider}.com", None, AT)


def bound(dialect: Any, body: dict[str, Any], provider: str = "openai", prices: Prices = PRICES) -> Any:
    return Bounds(COUNTER, prices).of(asked(dialect, body, provider))


# -- lists of prompts


@pytest.mark.parametrize(
    ("prompt", "more", "replies"),
    [
        ("Once", {}, 1),
        (["Once", "Twice", "Thrice"], {}, 3),
        (["Once", "Twice"], {"n": 2, "best_of": 4}, 8),
        ([1, 2, 3], {}, 1),
        ([[1, 2], [3]], {"n": 2}, 4),
        ([], {}, 1),
    ],
)
def test_each_prompt_of_a_list_is_replied_to(prompt: Any, more: dict[str, int], replies: int) -> None:
    found = bound("completions", {"model": "gpt-3.5-turbo-instruct", "prompt": prompt, "max_tokens": 100, **more})

    assert (found.choices, found.output) == (replies, replies * 100)


def test_each_prompt_of_a_list_has_the_whole_context() -> None:
    COUNTER.await_vocabulary("gpt-3.5-turbo-instruct", 30)  # both are counted alike
    long = "fox " * 3_000
    alone = bound("completions", {"model": "gpt-3.5-turbo-instruct", "prompt": long, "max_tokens": 1})
    ten = bound("completions", {"model": "gpt-3.5-turbo-instruct", "prompt": [long] * 10, "max_tokens": 1})

    assert ten.input > 9 * alone.input > 16_385


# -- tiers and speeds


def fast(model: str = QUICK, **more: Any) -> Asked:
    return asked("messages", {"model": model, "messages": ASKED, "max_tokens": 100, **more}, "anthropic")


def test_a_faster_reply_is_held_for_at_its_price() -> None:
    plain, quick = Bounds(COUNTER, PRICES).of(fast()), Bounds(COUNTER, PRICES).of(fast(speed="fast"))
    price = PRICES.cost(Tokens(quick.input, 100), model=QUICK, provider="anthropic", tier="fast", at=AT).nano_usd

    assert price is not None
    assert quick.amounts.usd >= price > plain.amounts.usd


@pytest.mark.parametrize(("tier", "billed"), [("priority", "priority"), ("flex", None), ("default", None)])
def test_the_input_of_a_stream_is_taken_at_the_dearest_tier_that_can_apply(tier: str, billed: str | None) -> None:
    """A call that asked for flex may be served as any other."""
    tokens = Tokens(1_000, 0)
    found = dearest(asked("chat", {"model": "o3", "service_tier": tier}), PRICES, tokens)

    assert found == PRICES.cost(tokens, model="o3", provider="openai", tier=billed, at=AT).nano_usd
    assert dearest(asked("chat", {"model": "my-llama"}, "vllm"), PRICES, tokens) is None


@pytest.mark.parametrize(
    ("body", "said", "tier"),
    [
        ({}, None, None),
        ({}, "priority", "priority"),
        ({"service_tier": "priority"}, None, "priority"),
        ({"service_tier": "priority"}, "auto", "priority"),
        ({"service_tier": "priority"}, "default", "default"),
        ({"service_tier": "flex"}, "flex", "flex"),
        ({"service_tier": "auto"}, None, None),
        ({"speed": "fast"}, "standard", "fast"),
        ({"speed": "fast", "service_tier": "auto"}, None, "fast"),
        ({"speed": "standard"}, "standard", "standard"),
    ],
)
def test_a_reply_is_billed_by_the_tier_that_it_names_else_by_what_was_asked_for(
    body: dict[str, Any], said: str | None, tier: str | None
) -> None:
    assert tier_of(asked("chat", {"model": GPT, **body}), said) == tier


@by_flavour
async def test_a_faster_reply_is_charged_at_its_price(lab: Lab, flavour: str) -> None:
    model = QUICK
    client = lab.client("anthropic", flavour, Budget(usd=1))
    lab.provider.queue(Reply(text="Once", model=model, usage=Usage(input_tokens=20, output_tokens=5)))

    await ready(MESSAGES.ask(client, model=model, extra_body={"speed": "fast"}))

    tokens = Tokens(20, 5)
    usd = PRICES.cost(tokens, model=model, provider="anthropic", tier="fast").nano_usd
    assert usd is not None
    assert usd > (PRICES.cost(tokens, model=model, provider="anthropic").nano_usd or 0)
    assert lab.spent() == Amounts(usd, 25, 1)


@by_flavour
async def test_a_stream_that_is_left_before_it_says_its_tier_is_charged_at_the_one_asked_for(
    lab: Lab, flavour: str
) -> None:
    client = lab.client("openai", flavour, Budget(usd=1))
    lab.provider.queue(Reply(chunks=[" token"] * 40, usage=Usage(input_tokens=20, output_tokens=40)))

    stream = await ready(CHAT.ask(client, service_tier="priority", stream=True))
    async for _ in each(stream):
        break
    await ready(stream.close())

    spent = lab.spent()
    count = Tokens(spent.tokens - 1, 1) if spent.tokens > 1 else Tokens(0, 1)
    plain = PRICES.cost(count, model=GPT, provider="openai").nano_usd or 0
    assert spent.usd > plain


# -- what the user's own file says


def test_limits_of_ones_own_are_read_from_the_prices(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(
        '[[model]]\nname = "acme*"\ninput = 1\noutput = 2\nmax_output = 2_000\ncontext_window = 8_000\n'
        '[[model]]\nname = "gpt-4.1-mini"\nmax_output = 1_000\n'
        '[[model]]\nname = "acme-long"\ncontext_window = 64_000\n'
    )
    prices = Prices(tmp_path / "prices.toml")
    said: list[dict[str, Any]] = [{"role": "user", "content": "fox " * 20_000}]

    def sizes(model: str) -> tuple[int, int, bool]:
        found = bound("chat", {"model": model, "messages": said}, prices=prices)
        return found.input, found.output, found.capped

    assert sizes("acme-7b") == (8_000, 2_000, False)
    assert sizes("acme-long")[1:] == (2_000, False)
    assert 20_000 < sizes("acme-long")[0] < 64_000
    assert sizes("gpt-4.1-mini")[1] == 1_000
    assert sizes("gpt-4.1-nano")[1] == 32_768
    assert prices.cost(Tokens(1_000, 0), model="gpt-4.1-mini", provider="openai", at=AT).nano_usd == 400_000


@by_flavour
async def test_a_model_of_ones_own_holds_for_its_own_longest_reply(lab: Lab, flavour: str, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text('[[model]]\nname = "acme"\ninput = 1\noutput = 2\nmax_output = 2_000\n')
    client = lab.client("openai", flavour, Budget(usd=1), prices=tmp_path / "prices.toml")
    lab.provider.queue(Reply(text="Once", model="acme", usage=Usage(input_tokens=20, output_tokens=5)))

    await ready(CHAT.ask(client, model="acme", max_tokens=None))

    assert 2_020 <= lab.store.journal()[0].held.tokens < 2_100
    assert lab.spent() == Amounts(20 * 1_000 + 5 * 2_000, 25, 1)


# -- what is sealed


def test_a_picture_beside_sealed_thinking_is_counted_as_a_picture() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}}
    thought = {"type": "redacted_thinking", "data": "B" * 5_000}

    def body(*blocks: Any) -> dict[str, Any]:
        said = {"role": "assistant", "content": [thought, {"type": "text", "text": "Once"}]}
        messages = [ASKED[0], said, {"role": "user", "content": [*blocks, {"type": "text", "text": "And then?"}]}]
        return {"model": CLAUDE, "messages": messages, "max_tokens": 10}

    assert 5_000 < bound("messages", body(), "anthropic").input < 6_000
    assert bound("messages", body(picture), "anthropic").input < 30_000


# -- no price


@by_flavour
async def test_why_there_is_no_price_is_said(lab: Lab, flavour: str) -> None:
    with pytest.raises(PriceUnknown) as raised:
        await ready(CHAT.ask(lab.client("openai", flavour, Budget(usd=1)), model="my-llama"))

    assert "127.0.0.1 is on a private network: if it is self-hosted, say so in prices.toml" in raised.value.reason
    assert raised.value.reason in str(raised.value)
    assert 'name = "my-llama"' in str(raised.value)


@by_flavour
async def test_a_downgrade_to_a_model_without_a_price_is_told_at_the_first_call(
    lab: Lab, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = lab.client("openai", flavour, Budget(usd=1, name="mine", then="downgrade", to="my-llama"))
    lab.provider.queue(SAID, SAID)

    await ready(CHAT.ask(client))
    await ready(CHAT.ask(client))

    (warned,) = [record.getMessage() for record in caplog.records if "my-llama" in record.getMessage()]
    assert "budget 'mine' is in US dollars and goes down to 'my-llama', which has no price" in warned
    with pytest.raises(PriceUnknown, match="my-llama"):
        await ready(CHAT.ask(client, max_tokens=10_000_000))


@by_flavour
async def test_nothing_is_told_of_a_downgrade_that_can_be_made(
    lab: Lab, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    lab.provider.queue(SAID, SAID, SAID)
    for budget in (
        Budget(usd=1, then="downgrade", to="gpt-4.1-nano"),
        Budget(tokens=1000, then="downgrade", to="my-llama"),
        Budget(usd=1, then="downgrade", to="my-llama", on_unknown_price="allow", name="any"),
    ):
        await ready(CHAT.ask(lab.client("openai", flavour, budget)))

    assert [record.getMessage() for record in caplog.records if record.name == "tokeneff"] == []


@by_flavour
async def test_of_blocks_inside_each_other_the_error_says_which(lab: Lab, flavour: str) -> None:
    import tokeneff

    async def refused(*limits: int, name: str | None = None) -> str:
        client = lab.client("openai", flavour)
        blocks = [tokeneff.budget(tokens=limit, name=name if index else None) for index, limit in enumerate(limits)]
        with pytest.raises(BudgetExceeded) as raised:
            await _inside(blocks, client)
        return str(raised.value).partition("; ")[2]

    assert await refused(10) == ""
    assert await refused(10, 100_000) == "of 2 blocks inside each other it was the outermost"
    assert await refused(100_000, 10) == "of 2 blocks inside each other it was the innermost"
    assert await refused(100_000, 10, 100_000) == "of 3 blocks inside each other it was the 2. from outside"
    assert await refused(100_000, 10, name="mine") == ""


async def _inside(blocks: list[Any], client: Any) -> None:
    if blocks:
        with blocks[0]:
            await _inside(blocks[1:], client)
    else:
        await ready(CHAT.ask(client, max_tokens=50))
