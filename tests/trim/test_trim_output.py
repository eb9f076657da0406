"""Defaults for the output of calls: what is sent, to whom, and what happens when a provider refuses it."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from trim_clients import FLAVOURS, Clients, ready
from trim_told_kit import records

import tokeneff
from tokeneff import Output
from tokeneff.stores.memory import MemoryStore
from tokeneff.testing import FakeProvider, Reply, Usage, faults
from tokeneff.trim.output._output import Wanted
from tokeneff.trim.output._takes import takes

ASKED: list[dict[str, Any]] = [{"role": "user", "content": "Hello."}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
ALL = Output(max_tokens=2_000, effort="low", verbosity="low")
OWN = ("model", "messages", "input", "stream", "tools")


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(Reply(text='{"a": 1}', usage=Usage(input_tokens=9, output_tokens=5))) as made:
        yield made


@pytest.fixture
def wrapped(bare: Clients) -> Callable[..., Any]:
    def make(sdk: str, flavour: str = "sync", output: Output = ALL, **more: Any) -> Any:
        return tokeneff.wrap(bare(sdk, flavour), trim=tokeneff.Trim(output=output), **more)

    return make


async def chat(client: Any, model: str = "gpt-5.1", **more: Any) -> Any:
    return await ready(client.chat.completions.create(model=model, messages=ASKED, **more))


async def responses(client: Any, model: str = "gpt-5.1", **more: Any) -> Any:
    return await ready(client.responses.create(model=model, input="Hello.", **more))


async def messages(client: Any, model: str = "claude-sonnet-4-6", **more: Any) -> Any:
    return await ready(client.messages.create(**{"model": model, "messages": ASKED, "max_tokens": 90, **more}))


def sent(provider: FakeProvider, at: int = -1) -> dict[str, Any]:
    """What a request said of its output."""
    return {name: value for name, value in provider.requests[at].json.items() if name not in OWN}


WANTS: list[Any] = [
    (chat, "gpt-5.1", {"max_completion_tokens": 2_000, "reasoning_effort": "low", "verbosity": "low"}),
    (chat, "gpt-4o", {"max_completion_tokens": 2_000}),
    (chat, "o3-mini", {"max_completion_tokens": 2_000, "reasoning_effort": "low"}),
    (chat, "gpt-5-pro", {"max_completion_tokens": 2_000, "verbosity": "low"}),
    (chat, "gpt-5-chat-latest", {"max_completion_tokens": 2_000}),
    (chat, "deepseek-chat", {"max_tokens": 2_000, "reasoning_effort": "low"}),
    (chat, "my-own", {"max_tokens": 2_000, "reasoning_effort": "low", "verbosity": "low"}),
    (responses, "gpt-5.1", {"max_output_tokens": 2_000, "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}}),
    (responses, "gpt-4.1", {"max_output_tokens": 2_000}),
    (messages, "claude-sonnet-4-6", {"max_tokens": 90, "output_config": {"effort": "low"}}),
    (messages, "claude-haiku-4-5", {"max_tokens": 90}),
    (messages, "us.anthropic.claude-sonnet-4-5-v1:0", {"max_tokens": 90}),
]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_each_api_and_model_gets_what_it_has_a_name_for(
    provider: FakeProvider, wrapped: Any, flavour: str
) -> None:
    clients = {sdk: wrapped(sdk, flavour) for sdk in ("openai", "anthropic")}
    got = []
    for ask, model, _ in WANTS:
        await ask(clients["anthropic" if ask is messages else "openai"], model)
        got.append((ask, model, sent(provider)))
    assert got == WANTS


OPEN: list[Any] = [
    (chat, {"max_tokens": 50}, {"max_tokens": 50, "reasoning_effort": "low", "verbosity": "low"}),
    (chat, {"extra_body": {"max_tokens": 50, "reasoning": {"max_tokens": 9}}}, None),
    (chat, {"reasoning_effort": "high", "verbosity": "high", "max_completion_tokens": 7}, None),
    (chat, {"tools": [TOOL]}, {"max_completion_tokens": 2_000, "reasoning_effort": "low", "verbosity": "low"}),
    (
        responses,
        {"text": {"format": {"type": "text"}}, "reasoning": {"summary": "auto"}, "max_output_tokens": 70},
        None,
    ),
    (responses, {"text": {"verbosity": "high"}, "reasoning": {"effort": "high"}, "max_output_tokens": 70}, None),
    (responses, {"prompt": {"id": "pmpt_1"}}, {"prompt": {"id": "pmpt_1"}}),
    (messages, {"output_config": {"effort": "high"}}, None),
    (messages, {"extra_body": {"output_config": {"format": None}}}, None),
]


async def test_what_the_caller_says_stays_as_it_is(provider: FakeProvider, wrapped: Any) -> None:
    clients = {sdk: wrapped(sdk) for sdk in ("openai", "anthropic")}
    for ask, more, wanted in OPEN:
        before = copy.deepcopy(more)
        await ask(clients["anthropic" if ask is messages else "openai"], **more)
        assert more == before, "the caller's own is not touched"
        got = sent(provider)
        if wanted is not None:
            assert got == wanted
        for name, value in {**more, **more.get("extra_body", {})}.items():
            if isinstance(value, dict) and name in got:
                assert value.items() <= got[name].items()
            elif name in got:
                assert got[name] == value
    assert sent(provider, 1) == {"max_tokens": 50, "reasoning": {"max_tokens": 9}, "verbosity": "low"}
    assert sent(provider, 4)["reasoning"] == {"summary": "auto", "effort": "low"}
    assert sent(provider, 4)["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert sent(provider, 5) == OPEN[5][1]


async def test_newer_models_take_no_effort_with_tools_in_chat(provider: FakeProvider, wrapped: Any) -> None:
    client = wrapped("openai")
    await chat(client, "gpt-5.4", tools=[TOOL])
    assert "reasoning_effort" not in sent(provider)
    await chat(client, "gpt-5.4")
    assert sent(provider)["reasoning_effort"] == "low"


TAGGED = Output(
    max_tokens=2_000,
    effort="low",
    by={
        "feature": {
            "chat": Output(max_tokens=400),
            "report": Output(max_tokens=False, effort="high"),
            3: Output(effort=False),
        },
        "user": {"u1": Output(max_tokens=50, verbosity="high")},
    },
)
BY_TAG: list[tuple[dict[str, Any], Wanted]] = [
    ({}, Wanted(2_000, "low")),
    ({"feature": "other"}, Wanted(2_000, "low")),
    ({"feature": "chat"}, Wanted(400, "low")),
    ({"feature": "report"}, Wanted(None, "high")),
    ({"feature": 3}, Wanted(2_000, None)),
    ({"feature": "3"}, Wanted(2_000, None)),
    ({"feature": "chat", "user": "u1"}, Wanted(400, "low", "high")),
    ({"user": "u1"}, Wanted(50, "low", "high")),
]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_values_of_tags_have_defaults_of_their_own(provider: FakeProvider, wrapped: Any, flavour: str) -> None:
    client = wrapped("openai", flavour, TAGGED)
    for tags, wanted in BY_TAG:
        assert TAGGED.wanted(tags) == wanted
        with tokeneff.tag(**tags):
            await chat(client)
        names = {"max_tokens": "max_completion_tokens", "effort": "reasoning_effort", "verbosity": "verbosity"}
        told = {names[name]: value for name, value in wanted._asdict().items() if value is not None}
        assert sent(provider) == told
    with tokeneff.override(trim=False):
        await chat(client)
    assert sent(provider) == {}


def _picky(*fields: str, message: str = "Unsupported parameter: '{}' is not supported with this model.") -> Any:
    def answer(request: Any) -> Any:
        bad = next((name for name in fields if name in request.json), None)
        return faults.bad_request(message.format(bad)) if bad else Reply(text="fine")

    return answer


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_refused_is_given_up_for_that_model_there_and_told_once(
    provider: FakeProvider, wrapped: Any, flavour: str, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    client = wrapped("openai", flavour)
    provider.default = _picky("verbosity")
    for _ in range(3):
        reply = await chat(client, "my-own", stream=stream)
        if stream:
            await ready(reply.close())
    assert [sorted(sent(provider, at)) for at in range(4)] == [
        ["max_tokens", "reasoning_effort", "verbosity"],
        [],
        ["max_tokens", "reasoning_effort"],
        ["max_tokens", "reasoning_effort"],
    ][: len(provider.requests)]
    assert len(provider.requests) == 4
    assert [record.message.count("verbosity='low'") for record in caplog.records if "refused" in record.message] == [1]
    await chat(client, "another")
    assert "verbosity" in provider.requests[4].json, "of another model nothing is known"


async def test_what_is_refused_without_a_word_of_why_is_given_up_as_a_whole(
    provider: FakeProvider, wrapped: Any
) -> None:
    client = wrapped("openai")
    provider.default = _picky("reasoning_effort", message="bad request")
    await chat(client, "my-own")
    await chat(client, "my-own")
    assert [sorted(sent(provider, at)) for at in range(3)] == [["max_tokens", "reasoning_effort", "verbosity"], [], []]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_request_that_is_wrong_by_itself_fails_as_it_would(
    provider: FakeProvider, wrapped: Any, flavour: str, caplog: pytest.LogCaptureFixture
) -> None:
    import openai

    client = wrapped("openai", flavour)
    provider.default = faults.bad_request("messages: no")
    with pytest.raises(openai.BadRequestError, match="messages: no"):
        await chat(client)
    assert len(provider.requests) == 2, "it might have been for the defaults"
    provider.default = Reply(text="fine")
    await chat(client)
    assert "reasoning_effort" in sent(provider), "they were not to blame"
    provider.default = faults.bad_request("messages: no")
    with pytest.raises(openai.BadRequestError, match="messages: no"):
        await chat(client)
    assert len(provider.requests) == 4, "they are known to be taken"
    provider.default = faults.bad_request("max_completion_tokens is too large: 2000")
    with pytest.raises(openai.BadRequestError):
        await chat(client)
    provider.default = _picky("max_completion_tokens", message="{} is too large: 2000")
    await chat(client)
    provider.default = Reply(text="fine")
    await chat(client)
    assert "max_completion_tokens" in sent(provider), "what was taken before is not given up for one call"
    assert "default" not in caplog.text


async def test_what_comes_of_the_second_try_by_accident_says_nothing(provider: FakeProvider, wrapped: Any) -> None:
    import openai

    client = wrapped("openai")
    provider.queue(faults.bad_request("bad request"), faults.server_error(503))
    with pytest.raises(openai.InternalServerError):
        await chat(client)
    await chat(client)
    assert "verbosity" in sent(provider)


async def test_a_trimmed_call_is_not_blamed_for_a_default(provider: FakeProvider, wrapped: Any) -> None:
    client = wrapped("openai")
    asked = [*ASKED]
    for turn in range(4):
        rows = json.dumps([{"id": f"item{turn}-{n}", "price": n * 1.5} for n in range(60)], indent=4)
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        asked.append({"role": "assistant", "tool_calls": [call]})
        asked.append({"role": "tool", "tool_call_id": f"c{turn}", "content": rows})
    provider.default = _picky("verbosity")
    for _ in range(2):
        await ready(client.chat.completions.create(model="gpt-5.1", messages=asked, tools=[TOOL]))
    sizes = [len(json.dumps(request.json["messages"])) for request in provider.requests]
    assert len(sizes) == 3
    assert set(sizes) == {sizes[0]}, "it stays trimmed"
    assert sizes[0] < 0.9 * len(json.dumps(asked))


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_parse_and_raw_responses_have_them_too(provider: FakeProvider, wrapped: Any, flavour: str) -> None:
    import openai
    import pydantic

    class Found(pydantic.BaseModel):
        a: int

    client = wrapped("openai", flavour)
    completions = client.chat.completions if hasattr(client.chat.completions, "parse") else client.beta.chat.completions
    reply = await ready(completions.parse(model="gpt-5.1", messages=ASKED, response_format=Found))
    assert reply.choices[0].message.parsed == Found(a=1)
    assert sent(provider)["verbosity"] == "low"
    found = await ready(client.responses.parse(model="gpt-5.1", input="Hello.", text_format=Found))
    assert found.output_parsed == Found(a=1)
    assert {"format", "verbosity"} <= set(sent(provider)["text"])
    raw = await ready(client.chat.completions.with_raw_response.create(model="gpt-5.1", messages=ASKED))
    assert raw.parse().choices[0].message.content == '{"a": 1}'
    assert sent(provider)["reasoning_effort"] == "low"
    provider.default = Reply(text='{"a"', finish_reason="length")
    with pytest.raises(openai.LengthFinishReasonError):
        await ready(completions.parse(model="gpt-5.1", messages=ASKED, response_format=Found))


async def test_a_cache_knows_calls_by_what_is_set(provider: FakeProvider, wrapped: Any) -> None:
    cache = tokeneff.Cache(store="memory://outputs", when="always")
    client = wrapped("openai", output=TAGGED, cache=cache)
    for feature in ("chat", "report", "chat"):
        with tokeneff.tag(feature=feature):
            await chat(client)
    assert [sent(provider, at).get("max_completion_tokens") for at in range(len(provider.requests))] == [400, None]


async def test_a_smaller_limit_reserves_less(provider: FakeProvider, wrapped: Any) -> None:
    budget = tokeneff.Budget(tokens=3_000)
    with pytest.raises(tokeneff.BudgetExceeded):
        await chat(wrapped("openai", output=Output(effort="low"), budget=budget, store=MemoryStore()))
    await chat(wrapped("openai", budget=budget, store=MemoryStore()))


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
def test_what_is_known_of_models(effort: str) -> None:
    for model, known in {
        "gpt-5-2025-08-07": ("minimal", "low", "medium", "high"),
        "openai/gpt-5.1": ("none", "low", "medium", "high"),
        "gpt-5.6-sol": ("none", "low", "medium", "high", "xhigh", "max"),
        "gpt-6.1-sol": ("low", "medium", "high", "xhigh", "max"),
        "gpt-4.1-mini": (),
        "us.anthropic.claude-opus-4-5-20251101-v1:0": ("low", "medium", "high"),
        "claude-opus-5-5": ("low", "medium", "high", "xhigh", "max"),
        "claude-3-5-haiku-latest": (),
    }.items():
        assert takes(model, "effort", effort) is (effort in known), model
    assert takes("nobody-knows", "effort", effort)


def test_an_output_is_a_value() -> None:
    again = pickle.loads(pickle.dumps(TAGGED))
    assert (again, hash(again)) == (TAGGED, hash(TAGGED))
    assert again.wanted({"feature": "chat"}) == Wanted(400, "low")
    trim = tokeneff.Trim(output=TAGGED)
    assert pickle.loads(pickle.dumps(trim)) == trim
    assert repr(Output(max_tokens=400, stop_repetition=True)) == "Output(max_tokens=400, stop_repetition=8000)"
    assert eval(repr(TAGGED), {"Output": Output}) == TAGGED


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"max_tokens": 3}, "fewer than the 16"),
        ({"max_tokens": 2.0}, "write max_tokens=2"),
        ({"max_tokens": True}, "whole number"),
        ({"effort": "lowest"}, "is effort='low' meant"),
        ({"verbosity": 3}, "write one of 'low'"),
        ({"stop_repetition": 10}, "write True, for 8,000"),
        ({"by": "feature"}, "by= takes tags to their values"),
        ({"by": {"feature": Output()}}, "takes values of that tag"),
        ({"by": {"feature": {"chat": 400}}}, "takes a tokeneff.Output"),
        ({"by": {"feature": {None: Output()}}}, "texts, numbers and booleans"),
        ({"by": {"feature": {1: Output(), "1": Output()}}}, "twice"),
        ({"by": {"a b": {}}}, "no name of a tag"),
    ],
)
def test_what_is_wrong_is_said(said: dict[str, Any], error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        Output(**said)


async def test_spans_and_the_ledger_tell_of_it(provider: FakeProvider, wrapped: Any) -> None:
    spans, ledger = InMemorySpanExporter(), tokeneff.Ledger("memory://")
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    output = Output(max_tokens=2_000, verbosity="low", stop_repetition=1_000)
    client = wrapped("openai", output=output, tracer_provider=tracing, ledger=ledger)
    await chat(client)
    provider.default = _picky("verbosity")
    await chat(client, "my-own")
    provider.default = Reply(chunks=["again and "] * 300)
    with pytest.raises(tokeneff.RunawayRepetition):
        for _ in await chat(client, "my-own", stream=True):
            pass
    with tokeneff.override(trim=False):
        await chat(client)
    attributes = [span.attributes or {} for span in spans.get_finished_spans()]
    names = ("tokeneff.output.defaults", "tokeneff.output.refused", "tokeneff.output.repeated", "error.type")
    cut = "tokeneff.errors.RunawayRepetition"
    assert [tuple(found.get(name) for name in names) for found in attributes] == [
        (("max_tokens=2000", "verbosity=low"), None, None, None),
        (("max_tokens=2000", "verbosity=low"), ("verbosity",), None, None),
        (("max_tokens=2000",), None, "text", cut),
        (None, None, None, None),
    ]
    assert [found.get("gen_ai.request.max_tokens") for found in attributes] == [2_000, None, 2_000, None]
    assert [[one for one in record.decisions if one[0] == "output"] for record in records(ledger)] == [
        [("output", "defaults", None)],
        [("output", "refused", 0)],
        [("output", "defaults", None), ("output", "cut", None)],
        [],
    ]
    tracing.shutdown()
