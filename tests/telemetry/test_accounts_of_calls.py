"""The account of a call, through the front door: on its span, in the metric, in the totals and in the ledger alike."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from telemetry_lab import ACCOUNT, FLAVOURS, Flavour, Lab, all_attributes, listed, ready, run

import tokeneff
from tokeneff.ledger import read
from tokeneff.testing import Reply, ToolCall, Usage

PRICES = """
[[model]]
name = "test-model"
host = "127.0.0.1"
input = 1.00
cache_read = 0.10
cache_write = 1.25
output = 4.00
"""
MODEL = "test-model"
USAGE = Usage(input_tokens=1000, output_tokens=50, cache_read=600, reasoning=20)
# 400 fresh at $1, 600 read at $0.10, 50 out at $4 a million.
COST = 400 * 1000 + 600 * 100 + 50 * 4000
SYSTEM = "You are a clerk.\nToday is 2026-11-22 10:00:00.\n" + "Answer from the files. " * 40
CHAT_TOOLS: list[Any] = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
TOOLS: list[Any] = [{"name": "look_up", "input_schema": {"type": "object"}}]

CHAT_HISTORY: list[Any] = [
    {"role": "user", "content": "Where is order A1?"},
    {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"id": "A1"}'}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "A1 left the warehouse W7 on Monday"},
    {"role": "assistant", "content": "A1 left W7 on Monday."},
    {"role": "user", "content": "And A2?"},
]
HISTORY: list[Any] = [
    {"role": "user", "content": "Where is order A1?"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "look_up", "input": {"id": "A1"}}]},
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "A1 left the warehouse W7 on Monday"}],
    },
    {"role": "assistant", "content": "A1 left W7 on Monday."},
    {"role": "user", "content": "And A2?"},
]
ITEMS: list[Any] = [
    {"role": "user", "content": "Where is order A1?"},
    {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": '{"id": "A1"}'},
    {"type": "function_call_output", "call_id": "c1", "output": "A1 left the warehouse W7 on Monday"},
    {"role": "assistant", "content": "A1 left W7 on Monday."},
    {"role": "user", "content": "And A2?"},
]


async def chat(client: Any, *, system: str = SYSTEM, **more: Any) -> Any:
    messages = [{"role": "system", "content": system}, *CHAT_HISTORY]
    return await ready(client.chat.completions.create(model=MODEL, messages=messages, tools=CHAT_TOOLS, **more))


async def responses(client: Any, *, system: str = SYSTEM, **more: Any) -> Any:
    tools: Any = [{"type": "function", **CHAT_TOOLS[0]["function"]}]
    return await ready(client.responses.create(model=MODEL, instructions=system, input=ITEMS, tools=tools, **more))


async def messages(client: Any, *, system: str = SYSTEM, **more: Any) -> Any:
    given: Any = {"model": MODEL, "max_tokens": 100, "system": system, "messages": HISTORY, "tools": TOOLS, **more}
    return await ready(client.messages.create(**given))


SHAPES = {"chat": ("openai", chat), "responses": ("openai", responses), "messages": ("anthropic", messages)}
by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)
by_shape = pytest.mark.parametrize("shape", SHAPES)


@pytest.fixture
def prices(tmp_path: Path) -> str:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return str(path)


def account(lab: Lab, number: int = -1) -> dict[str, Any]:
    attributes = all_attributes(lab.spans[number])
    return {key: value for key, value in attributes.items() if key.startswith(ACCOUNT)}


def parts(found: dict[str, Any], kind: str) -> dict[str, int]:
    prefix = f"tokeneff.usage.{kind}."
    return {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}


@by_flavour
@by_shape
@pytest.mark.parametrize("stream", [False, True])
async def test_one_account_in_every_place(
    lab: Lab, prices: str, tmp_path: Path, shape: str, stream: bool, flavour: Flavour
) -> None:
    sdk, ask = SHAPES[shape]
    lab.provider.queue(Reply(text="A2 is on its way.", usage=USAGE, tool_calls=(ToolCall("look_up", {"id": "A2"}),)))
    url = f"sqlite:///{tmp_path}/calls.db"
    client = lab.client(sdk, flavour, prices=prices, ledger=url)
    if stream and shape == "chat":
        extra: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
    else:
        extra = {"stream": True} if stream else {}

    async def work() -> None:
        with tokeneff.tag(session="s1", feature="orders"):
            reply = await ask(client, **extra)
            if stream:
                await listed(reply)

    await run(lab, flavour, work)

    # The span.
    found = account(lab)
    inputs, outputs = parts(found, "input"), parts(found, "output")
    assert sum(inputs.values()) == 1000
    assert set(inputs) == {"system", "tools", "user_history", "assistant_history", "tool_results", "user"}
    assert max(inputs, key=inputs.__getitem__) == "system"
    # Anthropic tells thinking apart only where it was asked for; what the reply says is told apart by our counts.
    assert sum(outputs.values()) == 50
    assert {"text", "tool_calls"} <= set(outputs) <= {"text", "reasoning", "tool_calls"}
    assert found["tokeneff.session.id"] == "s1"
    assert found["tokeneff.prefix.cause"] == "first"
    costs = {key: value for key, value in found.items() if key.startswith("tokeneff.cost.")}
    assert costs.pop("tokeneff.cost.version")
    assert costs == {
        "tokeneff.cost.usd": COST / 1e9,
        "tokeneff.cost.micro_usd": COST // 1000,
        "tokeneff.cost.input_usd": 0.0004,
        "tokeneff.cost.cache_read_usd": 0.00006,
        "tokeneff.cost.output_usd": 0.0002,
        "tokeneff.cost.source": "prices.toml",
        "tokeneff.cost.confidence": "listed",
    }
    # The metric and the totals.
    assert [(dims["tokeneff.cost.confidence"], value) for dims, value, _ in lab.sums("tokeneff.client.cost")] == [
        ("listed", COST / 1e9)
    ]
    usage = tokeneff.usage(client)
    assert (usage.total.nano_usd, usage.total.unpriced) == (COST, 0)
    assert usage.tags["feature"]["orders"].nano_usd == COST
    # The ledger.
    tokeneff.Ledger(url).flush()
    (record,) = read(url)
    assert (record.cost, record.cost_input, record.cost_cache_read, record.cost_output) == (
        COST,
        400_000,
        60_000,
        200_000,
    )
    assert {name: getattr(record, f"in_{name}") for name in inputs} == inputs
    assert {name: getattr(record, f"out_{name}") for name in outputs} == outputs
    assert (record.input_tokens, record.output_tokens, record.cache_read) == (1000, 50, 600)
    assert (record.session, record.tags) == ("s1", (("feature", "orders"), ("session", "s1")))
    assert (record.called, [name for name, _ in record.tools]) == (("look_up",), ["look_up"])
    assert (record.stream, record.ending, record.content) == (stream, "read", None)
    assert (record.scale, record.counted) == (
        found["tokeneff.usage.scale"],
        found["tokeneff.prompt.counted_tokens"],
    )


@by_shape
async def test_a_timestamp_at_the_head_is_told_with_its_price(lab: Lab, prices: str, shape: str) -> None:
    sdk, ask = SHAPES[shape]
    written = 3900 if shape == "messages" else 0
    usage = Usage(input_tokens=4000, output_tokens=50, cache_read=0, cache_write=written)
    lab.provider.queue(Reply(text="a", usage=usage), Reply(text="b", usage=usage))
    client = lab.client(sdk, prices=prices)
    marked = {"cache_control": {"type": "ephemeral"}}
    long = SYSTEM * 20

    for at in ("10:00:00", "10:00:07"):
        text = long.replace("10:00:00", at)
        await ask(client, system=[{"type": "text", "text": text, **marked}] if shape == "messages" else text)

    found = account(lab)
    assert found["tokeneff.prefix.cause"] == "system_changed"
    assert found["tokeneff.prefix.part"] == "system"
    assert "timestamp" in found["tokeneff.prefix.detail"]
    assert "line 2" in found["tokeneff.prefix.detail"]
    assert 0 < found["tokeneff.prefix.lost_tokens"] <= 4000
    assert found["tokeneff.prefix.cost_usd"] > 0
    told = {key: value for key, value in found.items() if not key.startswith("tokeneff.cost.")}
    assert "2026" not in str(told), "nothing of the prompt is told"


async def test_an_unknown_price_is_unknown_everywhere(lab: Lab, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    client = lab.client("openai", ledger=url)
    lab.provider.queue(Reply(text="x", usage=USAGE))
    await ready(client.chat.completions.create(model="no-such-model", messages=CHAT_HISTORY))

    found = account(lab)
    assert found["tokeneff.cost.confidence"] == "unknown"
    assert "tokeneff.cost.usd" not in found
    assert lab.sums("tokeneff.client.cost") == []
    total = tokeneff.usage(client).total
    assert (total.nano_usd, total.unpriced) == (0, 1)
    assert "cost is not known, and not in the sum: 1" in str(tokeneff.usage(client))
    tokeneff.Ledger(url).flush()
    assert [(record.cost, record.price_confidence) for record in read(url)] == [(None, "unknown")]


async def test_totals_are_priced_where_nobody_observes(lab: Lab, prices: str) -> None:
    lab.provider.queue(*[Reply(text="x", usage=USAGE)] * 3)
    client = tokeneff.wrap(lab.bare("openai"), prices=prices)
    for _ in range(3):
        await ready(client.chat.completions.create(model=MODEL, messages=CHAT_HISTORY))

    assert tokeneff.usage(client).total.nano_usd == 3 * COST


async def test_a_refused_call_costs_nothing_and_leaves_a_row(lab: Lab, prices: str, tmp_path: Path) -> None:
    from tokeneff.testing import faults

    url = f"sqlite:///{tmp_path}/calls.db"
    lab.provider.queue(faults.bad_request("no"))
    client = lab.client("openai", prices=prices, ledger=url)
    with pytest.raises(Exception, match="no"):
        await ready(client.chat.completions.create(model=MODEL, messages=CHAT_HISTORY))

    total = tokeneff.usage(client).total
    assert (total.errors, total.nano_usd, total.unpriced) == (1, 0, 0)
    tokeneff.Ledger(url).flush()
    (record,) = read(url)
    assert (record.ending, record.status, record.error, record.cost) == ("failed", 400, "openai.BadRequestError", 0)
    assert (record.input_tokens, record.output_tokens, record.price_source) == (0, 0, "provider")
    assert record.request_hash


async def test_a_tool_that_the_model_made_up_is_not_named(lab: Lab, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    lab.provider.queue(Reply(tool_calls=(ToolCall("look_up", {}), ToolCall("made_up_text", {})), usage=USAGE))
    await chat(lab.client("openai", ledger=url))
    tokeneff.Ledger(url).flush()
    assert [record.called for record in read(url)] == [("look_up", "(undeclared)")]
    assert b"made_up_text" not in (tmp_path / "calls.db").read_bytes()


@by_shape
async def test_content_is_kept_only_when_asked_and_behind_the_mask(lab: Lab, tmp_path: Path, shape: str) -> None:
    sdk, ask = SHAPES[shape]

    def mask(value: Any, name: str) -> Any:
        return json.loads(json.dumps(value).replace("A1", "***"))

    kept = tokeneff.Ledger(f"sqlite:///{tmp_path}/kept.db", content=True)
    client = lab.client(sdk, ledger=kept, mask=mask)
    await ask(client)
    assert not [key for key in all_attributes(lab.span) if key.startswith(("gen_ai.input", "gen_ai.output.m"))]
    kept.flush()
    (record,) = read(kept.url)
    assert record.content is not None
    assert "left the warehouse W7" in record.content
    assert "***" in record.content
    assert "A1" not in record.content
    # Where the mask cannot follow, neither does the content.
    other = pickle.loads(pickle.dumps(tokeneff.wrap(lab.bare(sdk), ledger=kept, mask=mask)._tokeneff))
    assert (other.ledger.url, other.ledger.content) == (kept.url, False)


async def test_the_environment_names_a_ledger(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/env.db"
    monkeypatch.setenv("TOKENEFF_LEDGER", url)
    await ready(lab.client("openai").chat.completions.create(model=MODEL, messages=CHAT_HISTORY))
    await ready(lab.client("openai", ledger=False).chat.completions.create(model=MODEL, messages=CHAT_HISTORY))
    tokeneff.Ledger(url).flush()
    assert len(list(read(url))) == 1


def test_what_cannot_be_used_is_told_when_wrapping(lab: Lab, tmp_path: Path) -> None:
    bare = lab.bare("openai")
    with pytest.raises(tokeneff.LedgerError, match="sqlite:///"):
        tokeneff.wrap(bare, ledger="calls.db")
    with pytest.raises(tokeneff.LedgerError, match="nowhere"):
        tokeneff.wrap(bare, ledger=f"sqlite:///{tmp_path}/nowhere/calls.db")
    with pytest.raises(tokeneff.PricesError, match=r"prices\.toml"):
        tokeneff.wrap(bare, prices=str(tmp_path / "prices.toml"))


@pytest.mark.parametrize("broken", ["open", "close", "ledger", "prices"])
async def test_a_fault_of_ours_costs_no_call(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    from tokeneff.accounts._accounts import Accounts
    from tokeneff.prices._prices import Prices

    def boom(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError("boom")

    url = f"sqlite:///{tmp_path}/calls.db"
    if broken in ("open", "close"):
        monkeypatch.setattr(Accounts, broken, boom)
    elif broken == "ledger":
        monkeypatch.setattr("tokeneff.ledger._building.record_of", boom)
    else:
        monkeypatch.setattr(Prices, "cost", boom)
    client = lab.client("openai", ledger=url)
    reply = await ready(client.chat.completions.create(model=MODEL, messages=CHAT_HISTORY))

    assert reply.choices[0].message.content
    assert lab.attributes["gen_ai.usage.input_tokens"] > 0
    assert tokeneff.usage(client).total.calls == 1
    assert "boom" in caplog.text
    tokeneff.Ledger(url).flush()
    assert len(list(read(url))) == (0 if broken == "ledger" else 1)
