"""Summaries of what is left out together: when they are written, what stays, and what happens where none comes."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import anthropic
import openai
import pytest
from trim_via_host import Host, done, messages, results

import tokeneff
from tokeneff import _log
from tokeneff._flow import forward
from tokeneff._settings import settings_of
from tokeneff.testing import FakeProvider, Reply, Usage
from tokeneff.trim import _market
from tokeneff.trim.summaries import _summing

PAUSE = 4_000.0
SMALL = {"OpenAI": "gpt-5.4-nano", "AsyncOpenAI": "gpt-5.4-nano"}


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


def small(host: Host, kind: str = "OpenAI", **more: Any) -> tokeneff.Summarise:
    return tokeneff.Summarise(host.client(kind, wrapped=False), SMALL.get(kind, "claude-haiku-4-5"), **more)


async def talk(host: Host, clock: SimpleNamespace, client: Any, turns: list[int], pause: int = 8) -> None:
    """A conversation that goes on; before one of its turns everybody has slept."""
    for turn in turns:
        clock.now += PAUSE if turn == pause else 5.0
        host.clock = clock.now
        await done(client.messages.create(**messages(turn)))


def told(body: dict[str, Any]) -> list[str]:
    """What stands in place of results."""
    contents = [block["content"] for one in body["messages"] for block in one["content"] if "content" in block]
    return [text for text in contents if text.startswith("[Left out of this result")]


SUMMARY = "\n[Summary of the 5 results that were left out here: Pages 0 to 4 are all about a fox.]"
BOTH = [
    pytest.param("OpenAI", "Anthropic", id="blocking"),
    pytest.param("AsyncOpenAI", "AsyncAnthropic", id="on the call's own loop"),
    pytest.param("AsyncAnthropic", "Anthropic", id="on a loop of its own"),
    pytest.param("Anthropic", "AsyncAnthropic", id="blocking, from a loop"),
]


@pytest.mark.parametrize(("kind", "main"), BOTH)
async def test_what_is_cleared_together_is_summed_up_once_in_its_first(
    clock: SimpleNamespace, kind: str, main: str
) -> None:
    writer, host = Host(), Host()
    writer.says = "Pages 0 to 4 are all about a fox.\n"
    client = host.client(main, via="tokeneff", summarise=small(writer, kind))
    await talk(host, clock, client, [7, 8, 9])
    first, *rest = told(host.bodies[1])
    assert first.endswith(SUMMARY)
    assert len(rest) == 4
    assert not any("Summary" in text for text in rest)
    assert told(host.bodies[0]) == []
    assert told(host.bodies[2]) == told(host.bodies[1]), "it stays, byte for byte"
    ours = asyncio.get_running_loop()
    assert [loop is ours for loop in writer.loops] == {"AsyncOpenAI": [True], "AsyncAnthropic": [False]}.get(kind, [])
    (asked,) = writer.bodies
    material = asked["messages"][-1]["content"]
    assert all(results(turn, 150) in material for turn in range(5))
    assert results(5, 150) not in material
    assert "of='list({\"page\":0})'" in material
    assert [dict(outcome.trimmed.edits) for outcome in host.outcomes[1:]] == [{"cleared": 5, "summarised": 1}] * 2


async def test_what_was_written_once_is_there_for_whoever_asks_next(clock: SimpleNamespace, tmp_path: Any) -> None:
    writer, store = Host(), f"sqlite:///{tmp_path / 'trim.db'}"
    first, second = Host(), Host()
    writer.says = "a fox"
    key = base64.b64encode(b"k" * 32).decode()
    for host in (first, second):
        client = host.client(via="tokeneff", summarise=small(writer), store=store, key=key)
        await talk(host, clock, client, [7, 8])
        writer.says = "another one"
    assert len(writer.bodies) == 1
    assert [text.endswith("here: a fox]") for text in (told(first.bodies[1])[0], told(second.bodies[1])[0])] == [
        True
    ] * 2
    assert b"a fox" not in b"".join(path.read_bytes() for path in tmp_path.iterdir()), "it is kept under the key"


async def test_another_model_s_conversation_has_the_same_summary(clock: SimpleNamespace) -> None:
    writer, host = Host(), Host()
    client = host.client(via="tokeneff", summarise=small(writer))
    for model in ("claude-sonnet-4-6", "claude-opus-4-8"):
        for turn in (7, 8):
            clock.now += PAUSE
            client.messages.create(**{**messages(turn), "model": model})
    assert len(writer.bodies) == 1
    assert told(host.bodies[1]) == told(host.bodies[3]) != []


@pytest.mark.parametrize(
    ("model", "written"),
    [pytest.param("gpt-5.4-pro", 0, id="dear"), pytest.param("gpt-5.4-nano", 1, id="cheap")],
)
async def test_a_summary_is_written_only_where_it_still_pays_with_its_own_price(
    clock: SimpleNamespace, model: str, written: int
) -> None:
    writer, host = Host(), Host()
    summarise = tokeneff.Summarise(writer.client("OpenAI", wrapped=False), model)
    await talk(host, clock, host.client(via="tokeneff", summarise=summarise), [7, 8])
    assert len(writer.bodies) == written
    assert len(told(host.bodies[1])) == 5


async def test_a_model_whose_price_is_not_known_writes_none(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    writer, host = Host(), Host()
    summarise = tokeneff.Summarise(writer.client("OpenAI", wrapped=False), "house-model-1")
    await talk(host, clock, host.client(via="tokeneff", summarise=summarise), [7, 8])
    assert (writer.bodies, len(told(host.bodies[1]))) == ([], 5)
    assert "what house-model-1 costs is not known" in caplog.text


@pytest.mark.parametrize("says", ["", "  \n"])
async def test_where_none_comes_results_are_cleared_without(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture, says: str
) -> None:
    writer, host = Host(), Host()
    writer.says = says
    client = host.client(via="tokeneff", summarise=small(writer))
    await talk(host, clock, client, [7, 8])
    assert (len(told(host.bodies[1])), "Summary" in json.dumps(host.bodies[1])) == (5, False)
    assert "wrote no summary" in caplog.text
    other = messages(8)
    other["messages"][0]["content"] = "And there?"
    for size in (14, None):
        clock.now += PAUSE
        client.messages.create(**{**other, "messages": other["messages"][: size or 17]})
    assert len(writer.bodies) == 1, "after one that failed it is left alone for a while"


@pytest.mark.parametrize("kind", ["OpenAI", "AsyncOpenAI"])
@pytest.mark.parametrize("main", ["Anthropic", "AsyncAnthropic"])
async def test_a_call_is_held_up_for_so_long_and_no_longer(clock: SimpleNamespace, kind: str, main: str) -> None:
    writer, host, late = Host(), Host(), threading.Event()
    answer = writer._answer

    async def slowly(request: Any) -> Any:
        await asyncio.sleep(5.0)
        return answer(request)

    writer._aanswer = slowly  # type: ignore[method-assign]
    writer._answer = lambda request: (late.wait(5.0), answer(request))[1]  # type: ignore[method-assign]
    client = host.client(main, via="tokeneff", summarise=small(writer, kind, timeout=0.05))
    began = time.perf_counter()
    await talk(host, clock, client, [7, 8])
    late.set()
    assert time.perf_counter() - began < 4.5
    assert (len(told(host.bodies[1])), "Summary" in json.dumps(host.bodies[1])) == (5, False)


async def test_a_window_that_forces_something_out_has_it_summed_up_too(clock: SimpleNamespace) -> None:
    writer, host = Host(), Host()
    client = host.client(via="tokeneff", summarise=small(writer, max_tokens=200), max_input_tokens=12_000)
    for turn in (8, 9):
        clock.now += 5.0
        client.messages.create(**messages(turn))
    assert len(writer.bodies) == 1
    held = [text for text in told(host.bodies[0]) if "\n[Summary of the " in text]
    assert len(held) == 1
    assert held[0].endswith("that were left out here: Fine.]")
    assert tokeneff.count(host.bodies[0]).input_tokens <= 12_000
    assert [text for text in told(host.bodies[1]) if "\n[Summary of the " in text] == held


def test_a_wrapped_client_counts_it_with_the_tags_of_the_call(clock: SimpleNamespace) -> None:
    host, writer = Host(), Host()
    asked = writer.client("OpenAI", via="tokeneff")
    known: list[Any] = []

    def spy(call: Any) -> Any:
        known.append(dict(call.tags))
        return (yield from forward(call))

    settings_of(asked).policies = (spy, *settings_of(asked).policies)
    client = host.client(via="tokeneff", summarise=tokeneff.Summarise(asked, "gpt-5.4-nano"))
    with tokeneff.tag(feature="shop"):
        asyncio.run(talk(host, clock, client, [7, 8]))
    assert known == [{"feature": "shop"}]
    assert tokeneff.usage(asked).models["gpt-5.4-nano"].input_tokens == 4_000
    assert tokeneff.usage(client).models["claude-sonnet-4-6"].calls == 2


def test_an_async_client_is_used_on_many_loops(clock: SimpleNamespace) -> None:
    """Its connections are those of one loop, so each loop gets its own."""
    with FakeProvider(Reply(text="All of a fox.", usage=Usage(input_tokens=12_000, output_tokens=40))) as provider:
        writer = openai.AsyncOpenAI(base_url=provider.openai_url, api_key="k", max_retries=0)
        summarise = tokeneff.Summarise(writer, "gpt-5.4-nano")
        for _ in range(2):
            host = Host()
            asyncio.run(talk(host, clock, host.client(via="tokeneff", summarise=summarise), [7, 8]))
            assert told(host.bodies[1])[0].endswith("here: All of a fox.]")
        assert provider.request_count == 2


def test_reading_more_than_a_model_can_is_not_tried(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_summing, "window_of", lambda model, body: 1_000)
    writer, host = Host(), Host()
    asyncio.run(talk(host, clock, host.client(via="tokeneff", summarise=small(writer)), [7, 8]))
    assert (writer.bodies, len(told(host.bodies[1]))) == ([], 5)


CLIENT = anthropic.Anthropic(api_key="k")


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"client": "openai"}, TypeError, r"as OpenAI\(\), not a value of type str"),
        ({"client": anthropic.Anthropic}, TypeError, "not the class Anthropic: call it"),
        ({"model": 3}, TypeError, "model= takes a text"),
        ({"model": " "}, ValueError, "gpt-5.4-nano"),
        ({"instructions": ""}, ValueError, "what to do"),
        ({"max_tokens": 0}, ValueError, "from 16 to 32,000"),
        ({"max_tokens": 1.5}, TypeError, "whole number"),
        ({"timeout": 0}, ValueError, "above 0"),
        ({"timeout": "soon"}, TypeError, "number of seconds"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(given: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        tokeneff.Summarise(**{"client": CLIENT, "model": "claude-haiku-4-5", **given})


def test_it_says_what_it_is_without_its_client_s_secrets() -> None:
    made = tokeneff.Summarise(CLIENT, "claude-haiku-4-5", timeout=5)
    assert repr(made) == "Summarise(Anthropic(…), 'claude-haiku-4-5', timeout=5.0)"
    assert made == tokeneff.Summarise(CLIENT, "claude-haiku-4-5", timeout=5)
    assert hash(made) == hash(tokeneff.Summarise(CLIENT, "claude-haiku-4-5", timeout=5))
    trim = tokeneff.Trim(summarise=made, store=f"memory://{uuid.uuid4().hex}")
    assert "Summarise(Anthropic(…)" in repr(trim)
    for wrong in (CLIENT, "claude-haiku-4-5", tokeneff.Summarise):
        with pytest.raises(TypeError, match=r"tokeneff\.Summarise"):
            tokeneff.Trim(summarise=wrong)  # pyright: ignore[reportArgumentType]
