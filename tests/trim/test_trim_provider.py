"""Histories that are left to their provider: what it is asked, and when; what it did, and what it would not do."""

from __future__ import annotations

import asyncio
import json
import tomllib
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trim_via_host import CLEARED, Host, cleared_of, done, items, messages

import tokeneff
from tokeneff import _log
from tokeneff.prices import Prices
from tokeneff.promptcache import rule_of
from tokeneff.trim import _market
from tokeneff.trim.provider import _plan as _provider_plan
from tokeneff.trim.provider._facts import Means, means_of

EDIT, BETA, SUMMING = "clear_tool_uses_20250919", "context-management-2025-06-27", "compact-2026-01-12"
PAUSE = 4_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(now=1.8e9)
    monkeypatch.setattr(_market, "time", SimpleNamespace(time=lambda: made.now))
    return made


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    _log._forget()
    yield
    _log._forget()


async def talk(host: Host, clock: SimpleNamespace, create: Any, turns: list[int], pause: int = 8, **more: Any) -> None:
    """A conversation that goes on; before one of its turns everybody has slept."""
    for turn in turns:
        clock.now += PAUSE if turn == pause else 5.0
        host.clock = clock.now
        await done(create(**messages(turn), **more))


def edits(body: dict[str, Any]) -> list[Any]:
    return (body.get("context_management") or {}).get("edits", [])


WAYS = [
    pytest.param("Anthropic", False, id="sync"),
    pytest.param("AsyncAnthropic", False, id="async"),
    pytest.param("Anthropic", True, id="beta"),
    pytest.param("AsyncAnthropic", True, id="async beta"),
]


@pytest.mark.parametrize(("kind", "beta"), WAYS)
async def test_results_are_cleared_once_that_pays_and_the_same_ones_ever_after(
    clock: SimpleNamespace, kind: str, beta: bool
) -> None:
    host = Host()
    client = host.client(kind)
    part, more = (client.beta.messages, {"betas": ["other-beta"]}) if beta else (client.messages, {})
    await talk(host, clock, part.create, [7, 8, 9, 10], **more)
    asked = [messages(turn) for turn in (7, 8, 9, 10)]
    for sent, own in zip(host.bodies, asked, strict=True):
        assert {name: value for name, value in sent.items() if name != "context_management"} == own
    found = [next((edit for edit in edits(body) if edit["type"] == EDIT), None) for body in host.bodies]
    assert found[0] is None
    assert found[1:] == [
        {
            "type": EDIT,
            "trigger": {"type": "input_tokens", "value": 12_000},
            "keep": {"type": "tool_uses", "value": keep},
        }
        for keep in (3, 4, 5)
    ]
    for before, after in pairwise(map(cleared_of, host.bodies[1:])):
        assert after[: len(before)] == before, "what the provider makes of it stays, byte for byte"
    betas = [headers.get("anthropic-beta") for headers in host.headers]
    assert all(BETA in (one or "") for one in betas[1:])
    assert beta or betas == [None, BETA, BETA, BETA]
    assert not beta or all("other-beta" in (one or "") for one in betas)
    told = [outcome.trimmed for outcome in host.outcomes]
    assert [one.said for one in told] == ["whole", "trimmed", "trimmed", "trimmed"]
    assert [dict(one.edits) for one in told[1:]] == [{"cleared_by_provider": 5}] * 3
    assert all(one.saved >= 10_000 for one in told[1:])


async def test_more_is_cleared_when_it_pays_again_and_only_if_enough_is(clock: SimpleNamespace) -> None:
    host = Host()
    await talk(host, clock, host.client().messages.create, list(range(7, 14)))
    found = [edit for body in host.bodies for edit in edits(body)]
    keeps = [edit["keep"]["value"] for edit in found]
    again = next(place for place, (before, after) in enumerate(pairwise(keeps), 1) if after <= before)
    assert keeps[again] == 3
    assert "clear_at_least" not in found[0], "of what is not in the cache any more, clearing anything pays"
    least = found[again]["clear_at_least"]["value"]
    before, after = (json.dumps(cleared_of(body)) for body in host.bodies[again : again + 2])
    new = after.count(CLEARED) - before.count(CLEARED)
    assert (
        1_000
        < least
        < new * tokeneff.count({"model": "claude-sonnet-4-6", "messages": messages(1)["messages"]}).input_tokens
    )


async def test_tools_that_are_to_be_kept_are_named(clock: SimpleNamespace) -> None:
    host = Host()
    await talk(host, clock, host.client(keep_tools={"read_file"}).messages.create, [7, 8])
    assert [edit["exclude_tools"] for edit in edits(host.bodies[1])] == [["read_file"]]
    host = Host()
    await talk(host, clock, host.client(keep_tools={"list"}).messages.create, [7, 8])
    assert not edits(host.bodies[1]), "there is nothing else"


@pytest.mark.parametrize("way", ["beta", "extra_body"])
async def test_what_the_caller_asks_for_himself_is_his(clock: SimpleNamespace, way: str) -> None:
    own = {"edits": [{"type": EDIT, "trigger": {"type": "input_tokens", "value": 50_000}}]}
    bare, host = Host(), Host()
    for one, client in ((bare, bare.client(wrapped=False)), (host, host.client())):
        create = client.beta.messages.create if way == "beta" else client.messages.create
        more = (
            {"context_management": own, "betas": [BETA]}
            if way == "beta"
            else {"extra_body": {"context_management": own}}
        )
        await talk(one, clock, create, [7, 8, 9], **more)
    assert host.bodies == bare.bodies
    assert [one.get("anthropic-beta") for one in host.headers] == [one.get("anthropic-beta") for one in bare.headers]


async def test_what_a_provider_refuses_is_sent_as_it_was_and_not_asked_for_again(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host(lambda body: "context_management: no such field" if body.get("context_management") else None)
    client = host.client()
    await talk(host, clock, client.messages.create, [7, 8, 9])
    assert [bool(edits(body)) for body in host.bodies] == [False, True, False, False]
    assert host.bodies[2] == messages(8)
    assert "anthropic-beta" not in host.headers[2]
    assert host.outcomes[1].trimmed.said == "refused"
    assert caplog.text.count("refused to leave something out of the history") == 1
    await talk(host, clock, client.messages.create, [10, 11], pause=11)
    assert not edits(host.bodies[-1])
    assert "[Left out of this result" in json.dumps(host.bodies[-1]), "it is edited here instead"


@pytest.mark.parametrize("kind", ["OpenAI", "AsyncOpenAI"])
async def test_openai_is_asked_for_a_summary_from_where_it_pays(clock: SimpleNamespace, kind: str) -> None:
    host = Host()
    client = host.client(kind)
    await done(client.responses.create(**items(3)))
    short = host.client(kind, max_input_tokens=60_000)
    await done(short.responses.create(**items(3)))
    given, limited = (body.pop("context_management") for body in host.bodies)
    assert host.bodies == [items(3), items(3)]
    assert [one["type"] for one in (*given, *limited)] == ["compaction", "compaction"]
    assert 100_000 <= given[0]["compact_threshold"] <= 400_000
    assert limited[0]["compact_threshold"] == 60_000
    assert [outcome.trimmed[:3] for outcome in host.outcomes] == [("whole", {}, None)] * 2
    own = [{"type": "compaction", "compact_threshold": 5_000}]
    await done(client.responses.create(**items(3), extra_body={"context_management": own}))
    assert host.bodies[-1]["context_management"] == own


async def test_a_request_with_an_earlier_response_is_asked_for_a_summary_too(clock: SimpleNamespace) -> None:
    host = Host()
    await done(host.client("OpenAI").responses.create(model="gpt-5.4", input="And now?", previous_response_id="r1"))
    assert host.bodies[0]["context_management"][0]["type"] == "compaction"
    assert {name: host.bodies[0][name] for name in ("input", "previous_response_id")} == {
        "input": "And now?",
        "previous_response_id": "r1",
    }


async def test_a_summary_that_is_not_sent_back_is_not_asked_for_again(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host()
    client, host.compacts = host.client("OpenAI"), True
    for turns in (1, 2):
        await done(client.responses.create(**items(turns)))
    assert [bool(body.get("context_management")) for body in host.bodies] == [True, False]
    assert [dict(outcome.trimmed.edits) for outcome in host.outcomes] == [{"compacted": 1}, {}]
    assert caplog.text.count("was not sent back") == 1
    body = items(3)
    body["input"][1:1] = [{"type": "compaction", "encrypted_content": "sealed", "id": "k"}]
    await done(client.responses.create(**body))
    assert host.bodies[-1]["context_management"]


@pytest.mark.parametrize("stream", [False, True])
async def test_anthropic_sums_up_where_the_client_knows_its_blocks(clock: SimpleNamespace, stream: bool) -> None:
    host = Host()
    client, host.compacts = host.client(), True
    asked = {**messages(2), "stream": stream}
    for create in (client.messages.create, client.beta.messages.create):
        reply = create(**asked)
        if stream:
            list(reply)
    assert not host.bodies[0].get("context_management"), "only the beta part of the client knows such blocks"
    (edit,) = edits(host.bodies[1])
    assert edit["type"] == "compact_20260112"
    assert 100_000 <= edit["trigger"]["value"] <= 1_000_000
    assert host.headers[1]["anthropic-beta"] == SUMMING
    plain, summed = host.outcomes
    assert dict(summed.trimmed.edits) == {"compacted": 1}
    assert summed.tokens.input_tokens == plain.tokens.input_tokens + 1_000, "its own summary is on the bill"
    assert summed.tokens.output_tokens == plain.tokens.output_tokens + 300


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_cleared_is_read_of_streams_too(clock: SimpleNamespace, stream: bool) -> None:
    host = Host()
    client = host.client()
    for turn in (7, 8):
        clock.now += PAUSE
        reply = client.messages.create(**messages(turn), stream=stream)
        if stream:
            list(reply)
    assert host.outcomes[1].facts.managed == (10_000, 5, False)
    assert dict(host.outcomes[1].trimmed.edits) == {"cleared_by_provider": 5}


@pytest.mark.parametrize("most", [9_500, 15_000])
async def test_a_limit_is_met_by_the_provider_or_else_here(clock: SimpleNamespace, most: int) -> None:
    host = Host()
    await talk(host, clock, host.client(max_input_tokens=most).messages.create, [2, 8, 9], pause=0)
    for body in host.bodies[1:]:
        if most == 15_000:
            assert [edit["trigger"]["value"] for edit in edits(body)] == [11_250]
        else:
            assert not edits(body), "what it would leave is still too long"
        made = {**body, "messages": cleared_of(body)}
        made.pop("context_management", None)
        assert tokeneff.count(made).input_tokens <= most * 1.1
        assert _provider_plan.CLEARED not in json.dumps(body)


def test_both_at_once(clock: SimpleNamespace) -> None:
    host = Host()
    asyncio.run(talk(host, clock, host.client().beta.messages.create, [7, 8]))
    assert [edit["type"] for edit in edits(host.bodies[1])] == [EDIT, "compact_20260112"]
    assert host.headers[1]["anthropic-beta"] == f"{BETA},{SUMMING}"


def test_a_history_whose_provider_called_tools_itself_is_edited_here(clock: SimpleNamespace) -> None:
    host = Host()
    client = host.client()
    for turn in (7, 8):
        clock.now += PAUSE
        body = messages(turn)
        search = {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "x"}}
        found = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []}
        body["messages"][1]["content"][0:0] = [search, found]
        client.messages.create(**body)
    assert not any(edits(body) for body in host.bodies)
    assert "[Left out of this result" in json.dumps(host.bodies[-1])


@pytest.mark.parametrize(
    ("dialect", "model", "host", "does"),
    [
        ("messages", "claude-sonnet-4-6", "api.anthropic.com", ["clear", "compact"]),
        ("messages", "claude-haiku-4-5-20251001", "API.anthropic.com", ["clear"]),
        ("messages", "claude-opus-5-5", "api.anthropic.com", ["clear", "compact"]),
        ("messages", "claude-3-5-sonnet-latest", "api.anthropic.com", []),
        ("messages", "claude-sonnet-4-6", "gateway.example", []),
        ("messages", "claude-sonnet-4-6", "bedrock-runtime.us-east-1.amazonaws.com", []),
        ("responses", "gpt-5.6-sol", "eu.api.openai.com", ["compact"]),
        ("responses", "gpt-4.1", "api.openai.com", []),
        ("responses", "gpt-5.6", "notapi.openai.com", []),
        ("responses", "gpt-5.6", "localhost", []),
        ("chat", "gpt-5.6", "api.openai.com", []),
    ],
)
def test_who_can_do_what(dialect: str, model: str, host: str, does: list[str]) -> None:
    assert [means.does for means in means_of(dialect, model, host)] == does


def test_each_fact_names_its_source_and_day() -> None:
    table = tomllib.loads(Path(_provider_plan.__file__).with_name("provider.toml").read_text())
    assert all(entry["source"] and entry["as_of"] for entry in table["can"])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([("claude-sonnet-4-6", "anthropic"), ("gpt-5.4", "openai"), ("gpt-5.6-sol", "openai")]),
    st.integers(0, 30_000),
    st.floats(2.0, 60.0),
)
def test_a_summary_is_asked_for_from_where_it_saves_three_halves_of_its_cost(
    whose: tuple[str, str], fixed: int, turns: float
) -> None:
    means, (model, provider) = Means("compact", soonest=1, summary=3_500), whose
    rule, rates = rule_of(model, provider), Prices().rates(model, provider)
    assert rates is not None
    assert rates.output is not None

    def pays(size: int) -> bool:
        written = rates.cache_write if rule.engine in ("marks", "points") else rates.input
        stays = fixed + means.summary
        cost = rates.cache_read * size + rates.output * means.summary + written * stays
        return Fraction(turns) * rates.cache_read * (size - stays) >= Fraction(3, 2) * cost

    found = _provider_plan.threshold(means, rule, rates, fixed, turns, None)
    assert found is not None
    assert (pays(found), pays(found - 1)) == (True, False)
    assert _provider_plan.threshold(means, rule, rates, fixed, 1.4, None) is None
    assert _provider_plan.threshold(means, rule, rates, fixed, turns, 1_000) == 1_000
    assert _provider_plan.threshold(means._replace(least=2_000), rule, rates, fixed, turns, 1_000) is None


def test_other_words_are_refused() -> None:
    with pytest.raises(ValueError, match="'tokeneff' or 'provider'"):
        tokeneff.Trim(via="server")  # pyright: ignore[reportArgumentType]
