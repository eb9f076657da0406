"""Through the front door: what reaches the provider differs from what the caller wrote by the additions alone."""

from __future__ import annotations

import copy
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import pytest
from prompt_host import LONG, Host, breakpoints, done, read, without

import tokeneff
from tokeneff.ledger import Ledger
from tokeneff.promptcache._book import STAKE

TOOLS: list[Any] = [
    {"name": "find", "description": LONG[:3000], "input_schema": {"type": "object", "properties": {}}},
    {"name": "read", "description": "Read.", "input_schema": {"type": "object", "properties": {}}},
]
MARK = {"type": "ephemeral"}


pytestmark = pytest.mark.usefixtures("fresh")


def asked(**more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": "claude-sonnet-5",
        "max_tokens": 64,
        "system": LONG,
        "tools": TOOLS,
        "messages": [{"role": "user", "content": "Hello " + LONG}],
    }
    return {name: value for name, value in {**body, **more}.items() if value is not None}


@pytest.mark.parametrize("stream", [False, True])
async def test_breakpoints_are_all_that_is_added(awaiting: bool, stream: bool) -> None:
    host, bare = Host(), Host()
    client, other = host.client(awaiting=awaiting), bare.client(awaiting=awaiting, wrapped=False)
    given = asked()
    before = copy.deepcopy(given)
    for _ in range(3):
        for each in (client, other):
            reply = each.messages.create(**given, stream=True) if stream else each.messages.create(**given)
            await (read if stream else done)(reply)
        assert given == before
        given["messages"] = [
            *given["messages"],
            {"role": "assistant", "content": "Fine."},
            {"role": "user", "content": "And then?"},
        ]
        before = copy.deepcopy(given)
    assert [without(body) for body in host.bodies] == [without(body) for body in bare.bodies]
    first, second, third = host.bodies
    assert first["system"] == [{"type": "text", "text": LONG, "cache_control": MARK}]
    assert first["tools"] in (TOOLS, [TOOLS[0], {**TOOLS[1], "cache_control": MARK}])  # from 1,024 tokens on
    assert first["messages"][0]["content"] == [{"type": "text", "text": "Hello " + LONG, "cache_control": MARK}]
    assert second["messages"][-1]["content"] == [{"type": "text", "text": "And then?", "cache_control": MARK}]
    assert third["messages"][1] == {"role": "assistant", "content": "Fine."}
    assert all(1 <= len(breakpoints(body)) <= 4 for body in host.bodies)
    placed = [outcome.placed for outcome in host.outcomes]
    assert [one.said for one in placed] == ["placed"] * 3
    assert placed[0].saved < 0 < placed[1].saved < placed[2].saved
    assert placed[1].read > 6000


async def test_what_was_saved_is_what_the_provider_says_at_its_rates() -> None:
    host = Host()
    client = host.client()
    given = asked(tools=None)
    client.messages.create(**given)
    client.messages.create(**given, stop_sequences=["x"])
    for outcome in host.outcomes:
        tokens = outcome.tokens
        # claude-sonnet-5: $2 per million of input from the price list, a tenth to read, 1.25 times to write.
        rates = tokeneff.prices.Prices().rates("claude-sonnet-5", "anthropic")
        assert rates is not None
        saved = tokens.cache_read * (rates.input - rates.cache_read) - tokens.cache_write * (
            rates.cache_write - rates.input
        )
        assert abs(outcome.placed.saved - saved) <= 1
    assert host.outcomes[0].placed.saved < 0 < host.outcomes[1].placed.saved


@pytest.mark.parametrize(
    "own",
    [
        {"cache_control": MARK},
        {"system": [{"type": "text", "text": LONG, "cache_control": MARK}]},
        {"tools": [{**TOOLS[0], "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": LONG, "cache_control": MARK}]}]},
        {
            "messages": [
                {"role": "user", "content": LONG},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "find", "input": {}}]},
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "t",
                            "content": [{"type": "text", "text": "x", "cache_control": MARK}],
                        }
                    ],
                },
            ]
        },
        {"extra_body": {"cache_control": MARK}},
        {"extra_body": {"system": "Be brief."}},
    ],
)
async def test_a_callers_own_settings_win(own: dict[str, Any]) -> None:
    host, bare = Host(), Host()
    for each in (host.client(), bare.client(wrapped=False)):
        for _ in range(2):
            each.messages.create(**asked(**own))
    assert host.bodies == bare.bodies
    assert [outcome.placed for outcome in host.outcomes] == [None, None]


async def test_bypass_leaves_the_call_as_it_is_for_that_block(awaiting: bool) -> None:
    host = Host()
    client = host.client(awaiting=awaiting)
    for mode in ("bypass", None):
        with tokeneff.override(cache=mode):
            await done(client.messages.create(**asked()))
    assert host.bodies[0] == asked()
    assert breakpoints(host.bodies[1])
    assert [outcome.placed is None for outcome in host.outcomes] == [True, False]


async def test_what_is_too_short_is_left_as_it_is() -> None:
    host, bare = Host(), Host()
    short = asked(system="Be brief.", tools=None, messages=[{"role": "user", "content": "Hello"}])
    for each in (host.client(), bare.client(wrapped=False)):
        each.messages.create(**short)
        each.messages.create(**{**short, "model": "claude-haiku-4-5", "system": LONG[:8000]})
    assert host.bodies == bare.bodies


@pytest.mark.parametrize("base", ["https://gateway.example/anthropic", "http://127.0.0.1:4000"])
async def test_hosts_that_are_not_known_to_understand_are_sent_nothing_more(base: str) -> None:
    host, bare = Host(), Host()
    for each in (host.client(base_url=base), bare.client(base_url=base, wrapped=False)):
        each.messages.create(**asked())
    assert host.bodies == bare.bodies
    one, other = Host(), Host()
    messages: list[Any] = [{"role": "user", "content": LONG}]
    for each in (one.client("openai", base_url=base), other.client("openai", base_url=base, wrapped=False)):
        each.chat.completions.create(model="gpt-5", messages=messages)
    assert one.bodies == other.bodies


async def test_a_refused_breakpoint_sends_the_original_once_and_is_told_once(
    awaiting: bool, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host(lambda body: "cache_control: Extra inputs are not permitted" if breakpoints(body) else None)
    client = host.client(awaiting=awaiting)
    with caplog.at_level(logging.WARNING, "tokeneff"):
        for _ in range(3):
            assert (await done(client.messages.create(**asked()))).content[0].text == "Fine."
    assert [len(breakpoints(body)) > 0 for body in host.bodies] == [True, False, False, False]
    assert host.bodies[1] == asked()
    assert [outcome.placed and outcome.placed.said for outcome in host.outcomes] == ["refused", None, None]
    assert len([record for record in caplog.records if "refused what was added" in record.getMessage()]) == 1


async def test_a_refusal_of_another_kind_is_the_callers(awaiting: bool) -> None:
    host = Host(lambda body: "max_tokens: too large")
    client = host.client(awaiting=awaiting)
    with pytest.raises(anthropic.BadRequestError, match="too large"):
        await done(client.messages.create(**asked()))
    assert len(host.bodies) == 1


async def test_a_refused_stream_is_sent_again_too(awaiting: bool) -> None:
    host = Host(lambda body: "cache_control is not allowed" if breakpoints(body) else None)
    events = await read(host.client(awaiting=awaiting).messages.create(**asked(), stream=True))
    assert events[-1].type == "message_stop"
    assert len(host.bodies) == 2


async def test_one_shots_are_left_alone_once_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_800_000_000.0]
    monkeypatch.setattr("tokeneff.promptcache._policy.time.time", lambda: now[0])
    host = Host()
    client = host.client()
    for number in range(12):
        now[0] += 4000
        client.messages.create(
            **asked(system=None, tools=None, messages=[{"role": "user", "content": f"{number} {LONG}"}])
        )
    marked = [bool(breakpoints(body)) for body in host.bodies]
    assert marked[0]
    assert not any(marked[6:])


async def test_a_thinking_turn_and_a_beginning_of_the_reply_are_not_marked() -> None:
    host = Host()
    talk: list[Any] = [
        {"role": "user", "content": [{"type": "text", "text": LONG}, {"type": "text", "text": "So?"}]},
        {"role": "assistant", "content": "I think"},
    ]
    host.client().messages.create(**asked(messages=talk))
    messages = host.bodies[0]["messages"]
    assert messages[1] == talk[1]
    assert messages[0]["content"] == [talk[0]["content"][0], {"type": "text", "text": "So?", "cache_control": MARK}]


async def test_the_stream_helper_and_raw_replies_work(awaiting: bool) -> None:
    host = Host()
    client = host.client(awaiting=awaiting)
    raw = await done(client.messages.with_raw_response.create(**asked()))
    assert (await done(raw.parse())).content[0].text == "Fine."
    if awaiting:
        async with client.messages.stream(**asked()) as stream:
            assert await stream.get_final_text() == "Fine."
    else:
        with client.messages.stream(**asked()) as stream:
            assert stream.get_final_text() == "Fine."
    assert all(breakpoints(body) for body in host.bodies)
    assert host.outcomes[1].placed.read > 6000


async def test_counting_tokens_is_left_alone() -> None:
    host = Host()
    body = {name: value for name, value in asked().items() if name != "max_tokens"}
    host.client().messages.count_tokens(**body)
    assert host.bodies[0] == body


def test_calls_under_way_at_once_do_not_spend_the_same_stake() -> None:
    host = Host()
    client = host.client()
    client.messages.create(**asked(messages=[{"role": "user", "content": "Hello"}], system=None, tools=None))
    host.gate.clear()
    bodies = [asked(system=None, tools=None, messages=[{"role": "user", "content": f"{n} {LONG}"}]) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(lambda body=body: client.messages.create(**body)) for body in bodies]
        while len(host.bodies) < 9:
            time.sleep(0.001)
        host.gate.set()
        assert [future.result().content[0].text for future in sent] == ["Fine."] * 8
    assert 1 <= sum(bool(breakpoints(body)) for body in host.bodies) <= STAKE + 1


def test_decisions_are_in_the_ledger(tmp_path: Path) -> None:
    host = Host()
    bare = host.client(wrapped=False)
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    client = tokeneff.wrap(bare, cache=tokeneff.Cache(None, prompt=True), ledger=ledger)
    for _ in range(2):
        client.messages.create(**asked())
    with Ledger(ledger) as kept:
        kept.flush()
        with closing(kept.connect()) as link:
            rows = link.execute("SELECT decisions FROM calls ORDER BY time").fetchall()
    (first,), (second,) = (json.loads(row[0]) for row in rows)
    assert (first[:2], second[:2]) == (["prompt cache", "breakpoints"],) * 2
    assert first[2] < 0 < second[2]


async def test_a_dropped_stream_and_a_reply_without_usage_do_no_harm() -> None:
    host = Host()
    client = host.client()
    stream = client.messages.create(**asked(), stream=True)
    next(iter(stream))
    stream.close()
    host.silent = True
    client.messages.create(**asked())
    assert host.outcomes[-1].placed.said == "placed"
