"""Through the front door of OpenAI: keys, the head that conversations share, and what is not to be written."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from prompt_host import LONG, Host, done, read, without

import tokeneff
from tokeneff.promptcache._book import KNOWN

pytestmark = pytest.mark.usefixtures("fresh")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_key_is_all_that_is_added_for_older_gpt(awaiting: bool, stream: bool) -> None:
    host, bare = Host(), Host()
    clients = host.client("openai", awaiting), bare.client("openai", awaiting, wrapped=False)
    talk: list[Any] = [{"role": "system", "content": LONG}, {"role": "user", "content": "Hello " + LONG}]
    more: dict[str, Any] = {"stream": True} if stream else {}
    for _ in range(2):
        before = copy.deepcopy(talk)
        for each in clients:
            reply = each.chat.completions.create(model="gpt-5", messages=talk, **more)
            await (read if stream else done)(reply)
        assert talk == before
        talk += [{"role": "assistant", "content": "Fine."}, {"role": "user", "content": "More"}]
    if stream:
        for body in host.bodies:
            assert body.pop("stream_options") == {"include_usage": True}
    assert [without(body) for body in host.bodies] == bare.bodies
    keys = {body["prompt_cache_key"] for body in host.bodies}
    assert len(keys) == 1
    assert next(iter(keys)).startswith("tokeneff-")
    assert [outcome.placed.added for outcome in host.outcomes] == ["key", "key"]
    assert [outcome.placed.saved for outcome in host.outcomes] == [None, None]


async def test_bypass_sends_no_key_in_that_block() -> None:
    host = Host()
    client = host.client("openai")
    for mode in ("bypass", None):
        with tokeneff.override(cache=mode):
            client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": LONG}])
    assert ["prompt_cache_key" in body for body in host.bodies] == [False, True]


async def test_a_session_has_a_key_of_its_own() -> None:
    host = Host()
    client = host.client("openai")
    for session in ("a", "b", "a"):
        with tokeneff.tag(session=session):
            client.responses.create(model="gpt-5", instructions=LONG, input="Hello")
    first, second, third = (body["prompt_cache_key"] for body in host.bodies)
    assert first == third != second


@pytest.mark.parametrize(
    "own",
    [
        {"prompt_cache_key": "mine"},
        {"user": "u"},
        {"extra_body": {"prompt_cache_key": "mine"}},
        {"extra_body": {"prompt_cache_options": {"mode": "explicit"}}},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": LONG, "prompt_cache_breakpoint": {"mode": "explicit"}}],
                }
            ]
        },
    ],
)
async def test_a_callers_own_key_wins(own: dict[str, Any]) -> None:
    host, bare = Host(), Host()
    for each in (host.client("openai"), bare.client("openai", wrapped=False)):
        each.chat.completions.create(**{"model": "gpt-5.6", "messages": [{"role": "user", "content": LONG}], **own})
    assert host.bodies == bare.bodies


async def test_the_head_that_conversations_share_gets_a_breakpoint_from_gpt_5_6_on() -> None:
    host = Host()
    client = host.client("openai")
    for name in ("one", "two", "three"):
        talk: list[Any] = [{"role": "system", "content": LONG}, {"role": "user", "content": name}]
        client.chat.completions.create(model="gpt-5.6", messages=talk)
    first, second, third = (body["messages"][0] for body in host.bodies)
    assert first == {"role": "system", "content": LONG}
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    assert second == third == {"role": "system", "content": [{"type": "text", "text": LONG, **mark}]}
    placed = [outcome.placed for outcome in host.outcomes]
    assert [one.added for one in placed] == ["key", "key and breakpoint", "key and breakpoint"]
    assert placed[2].read > 2000
    rates = tokeneff.prices.Prices().rates("gpt-5.6", "openai")
    assert rates is not None
    assert placed[2].saved == round(placed[2].read * (rates.cache_write - rates.cache_read))


async def test_what_is_refused_by_openai_is_sent_again_without(awaiting: bool) -> None:
    host = Host(lambda body: "Unknown parameter: 'prompt_cache_key'." if "prompt_cache_key" in body else None)
    client = host.client("openai", awaiting)
    for _ in range(2):
        await done(client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": LONG}]))
    assert ["prompt_cache_key" in body for body in host.bodies] == [True, False, False]
    assert openai.__version__


class Clock:
    """What the policy takes for the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr("tokeneff.promptcache._policy.time.time", lambda: self.now)


def question(number: int, model: str = "gpt-5.6", system: str | None = None) -> dict[str, Any]:
    ask = {"role": "user", "content": f"{number} {LONG}"}
    return {"model": model, "messages": [ask] if system is None else [{"role": "system", "content": system}, ask]}


@pytest.mark.parametrize("stream", [False, True])
async def test_what_nobody_goes_on_from_is_not_written_once_that_is_known(
    awaiting: bool, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, host, bare = Clock(monkeypatch), Host(), Host()
    clients = host.client("openai", awaiting), bare.client("openai", awaiting, wrapped=False)
    more: dict[str, Any] = {"stream": True} if stream else {}
    for number in range(KNOWN + 4):
        clock.now += 4000
        for each in clients:
            await (read if stream else done)(each.chat.completions.create(**question(number), **more))
    modes = [body.pop("prompt_cache_options", None) for body in host.bodies]
    assert modes == [None] * KNOWN + [{"mode": "explicit"}] * 4
    if stream:
        for body in host.bodies:
            del body["stream_options"]
    assert [without(body) for body in host.bodies] == bare.bodies
    last = host.outcomes[-1]
    rates = tokeneff.prices.Prices().rates("gpt-5.6", "openai")
    assert rates is not None
    assert (last.placed.added, last.tokens.cache_write) == ("key and mode", 0)
    assert last.placed.saved == round(last.tokens.input_tokens * (rates.cache_write - rates.input))


async def test_what_such_questions_share_is_read_and_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, host = Clock(monkeypatch), Host()
    client = host.client("openai")
    for number in range(KNOWN + 4):
        clock.now += 600
        with tokeneff.tag(session=str(number)):
            client.chat.completions.create(**question(number, system=LONG))
    last = host.outcomes[-1]
    assert last.placed.added == "key, breakpoint and mode"
    assert 2000 < last.tokens.cache_read < last.tokens.input_tokens
    assert last.tokens.cache_write == 0


async def test_what_others_have_had_written_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, host = Clock(monkeypatch), Host()
    client = host.client("openai")
    for number in range(KNOWN + 2):
        clock.now += 4000
        client.chat.completions.create(**question(number))
    with tokeneff.tag(feature="other"):
        client.chat.completions.create(**question(1000))
    client.chat.completions.create(**question(1000))
    assert ["prompt_cache_options" in body for body in host.bodies[-3:]] == [True, False, False]
    assert host.outcomes[-1].tokens.cache_read > 2000


async def test_where_it_was_gone_on_from_after_all_everything_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, host, bare = Clock(monkeypatch), Host(), Host()
    clients = host.client("openai"), bare.client("openai", wrapped=False)
    cost: list[list[int]] = [[], []]
    rates = tokeneff.prices.Prices().rates("gpt-5.6", "openai")
    assert rates is not None
    for number in range(80):
        clock.now += 4000
        talk = question(number)["messages"]
        for turn in range(1 if number < 40 else 3):
            clock.now += 9
            host.clock = bare.clock = clock.now
            for each, paid in zip(clients, cost, strict=True):
                usage = each.chat.completions.create(model="gpt-5.6", messages=talk).usage
                details = usage.prompt_tokens_details.model_dump()
                read_, written = details["cached_tokens"], details["cache_write_tokens"]
                plain = usage.prompt_tokens - read_ - written
                paid.append(round(read_ * rates.cache_read + written * rates.cache_write + plain * rates.input))
            if turn < 2:
                talk = [*talk, {"role": "assistant", "content": "Fine."}, {"role": "user", "content": "And then?"}]
    ours, theirs = (list(_sums(each)) for each in cost)
    assert all(one <= other * 1.005 for one, other in zip(ours, theirs, strict=True))
    assert ours[-1] < theirs[-1]
    assert "prompt_cache_options" not in host.bodies[-1]


def _sums(paid: list[int]) -> Iterator[int]:
    total = 0
    for one in paid:
        total += one
        yield total


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.5", "gpt-4.1"])
async def test_older_models_write_for_nothing_and_are_told_nothing(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, host = Clock(monkeypatch), Host()
    client = host.client("openai")
    for number in range(KNOWN + 2):
        clock.now += 4000
        client.chat.completions.create(**question(number, model))
    assert not any("prompt_cache_options" in body for body in host.bodies)
