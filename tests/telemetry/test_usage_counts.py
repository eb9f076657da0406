"""Whose word is taken for what, and how odd it may be: usage as servers say it, and as they do not."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from telemetry_lab import FLAVOURS, Flavour, Lab, listed, ready, run
from telemetry_shapes import ASKED, COUNTS, MODEL, SAID, TEXT

from tokeneff.testing import Reply, Usage, faults

by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)
ODD = (
    "last_content_chunk",
    "every_chunk",
    "choices_missing",
    "unasked",
    "null_details",
    "no_details",
    "floats",
    "no_total",
)
TOTALS = {name: COUNTS[name] for name in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")}


def counts(lab: Lab) -> dict[str, Any]:
    return {
        name: value
        for name, value in lab.attributes.items()
        if name.startswith("gen_ai.usage.") or name.endswith(("usage.source", "input_source", "output_source"))
    }


async def ask(lab: Lab, flavour: Flavour, sdk: str = "openai", **more: Any) -> None:
    client = lab.client(sdk, flavour)

    async def work() -> None:
        if sdk == "openai":
            got = await ready(client.chat.completions.create(model=MODEL, messages=ASKED, **more))
        else:
            got = await ready(client.messages.create(**SAID, **more))
        if more.get("stream"):
            await listed(got)

    await run(lab, flavour, work)


@by_flavour
@pytest.mark.parametrize("kind", ODD)
async def test_odd_usage_in_a_stream(lab: Lab, kind: Any, flavour: Flavour) -> None:
    lab.provider.queue(faults.odd_usage(kind, TEXT))

    await ask(lab, flavour, stream=True, stream_options={"include_usage": True})

    details = kind not in ("null_details", "no_details")
    assert counts(lab) == (COUNTS if details else TOTALS | {"tokeneff.usage.source": "provider"})


@by_flavour
@pytest.mark.parametrize("kind", ["null_details", "no_details", "floats", "no_total"])
async def test_odd_usage_in_one_piece(lab: Lab, kind: Any, flavour: Flavour) -> None:
    lab.provider.queue(faults.odd_usage(kind, TEXT))

    await ask(lab, flavour)

    details = kind not in ("null_details", "no_details")
    assert counts(lab) == (COUNTS if details else TOTALS | {"tokeneff.usage.source": "provider"})


@by_flavour
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
async def test_no_usage_is_estimated(lab: Lab, sdk: str, stream: bool, flavour: Flavour) -> None:
    lab.provider.queue(faults.no_usage(TEXT))

    await ask(lab, flavour, sdk, stream=stream)

    assert counts(lab) == {
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 3,
        "tokeneff.usage.source": "estimated",
    }
    assert lab.sums("gen_ai.client.token.usage") == []
    assert lab.sums("gen_ai.client.inference.usage.input_tokens") == []
    assert lab.sums("gen_ai.client.inference.operation.input_tokens") == []


@by_flavour
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
async def test_a_count_of_zero_is_a_count(lab: Lab, sdk: str, stream: bool, flavour: Flavour) -> None:
    lab.provider.queue(Reply(text="one two three", usage=Usage()))

    await ask(lab, flavour, sdk, **({"stream": True} if stream else {}), **_usage_asked(sdk, stream))

    assert counts(lab) == {
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
        "tokeneff.usage.source": "provider",
    }


def _usage_asked(sdk: str, stream: bool) -> dict[str, Any]:
    return {"stream_options": {"include_usage": True}} if sdk == "openai" and stream else {}


CHAT: dict[str, Any] = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
}


@pytest.mark.parametrize(
    ("usage", "wanted"),
    [
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 150,
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            {"input_tokens": 100, "output_tokens": 50, "reasoning.output_tokens": 30},
            id="xAI counts reasoning beside the completion",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "completion_tokens_details": {"reasoning_tokens": 30},
            },
            {"input_tokens": 100, "output_tokens": 50, "reasoning.output_tokens": 30},
            id="OpenAI counts it within",
        ),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "prompt_cache_hit_tokens": 64},
            {"input_tokens": 100, "output_tokens": 20, "cache_read.input_tokens": 64},
            id="DeepSeek says cache hits beside the totals",
        ),
        pytest.param(
            {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120, "cached_tokens": 64},
            {"input_tokens": 100, "output_tokens": 20, "cache_read.input_tokens": 64},
            id="Moonshot says cached tokens beside the totals",
        ),
        pytest.param(
            {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 120,
                "prompt_tokens_details": {"audio_tokens": 40, "image_tokens": 10, "text_tokens": 50},
                "completion_tokens_details": {"audio_tokens": 15, "text_tokens": 5},
            },
            {
                "input_tokens": 100,
                "output_tokens": 20,
                "audio.input_tokens": 40,
                "image.input_tokens": 10,
                "text.input_tokens": 50,
                "audio.output_tokens": 15,
                "text.output_tokens": 5,
            },
            id="by modality",
        ),
    ],
)
def test_usage_of_compatible_servers(lab: Lab, usage: dict[str, Any], wanted: dict[str, int]) -> None:
    lab.provider.queue(Reply(json=CHAT | {"usage": usage}))

    lab.client("openai").chat.completions.create(model=MODEL, messages=ASKED)

    assert counts(lab) == {f"gen_ai.usage.{name}": value for name, value in wanted.items()} | {
        "tokeneff.usage.source": "provider"
    }


@pytest.mark.parametrize(
    "usage",
    [
        {},
        None,
        {"prompt_tokens": None},
        {"prompt_tokens": -1},
        {"prompt_tokens": "many"},
        {"prompt_tokens": 1 << 40, "completion_tokens": 1 << 62},  # as what was never filled in
        {"prompt_tokens": 1e300, "completion_tokens": 1 << 200},
    ],
)
def test_usage_that_says_nothing_is_estimated(lab: Lab, usage: Any) -> None:
    lab.provider.queue(Reply(json=CHAT | {"usage": usage}))

    lab.client("openai").chat.completions.create(model=MODEL, messages=ASKED)

    assert counts(lab) == {
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 1,
        "tokeneff.usage.source": "estimated",
    }


def test_anthropics_input_is_made_inclusive(lab: Lab) -> None:
    reply = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 46,
            "cache_creation_input_tokens": 1000,
            "cache_read_input_tokens": 960,
            "output_tokens": 7,
        },
    }
    lab.provider.queue(Reply(json=reply))

    lab.client("anthropic").messages.create(**SAID)

    assert counts(lab) == {
        "gen_ai.usage.input_tokens": 2006,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 960,
        "gen_ai.usage.cache_write.input_tokens": 1000,
        "tokeneff.usage.source": "provider",
    }


def test_a_response_fetched_again_is_not_counted_again(lab: Lab) -> None:
    client = lab.client("openai")
    made = client.responses.create(model=MODEL, input="How many?", store=True)

    client.responses.retrieve(made.id)

    first, again = lab.spans
    assert (first.attributes or {})["gen_ai.usage.input_tokens"] == 3
    assert again.name == "fetch_response"
    assert not [name for name in again.attributes or {} if "usage" in name]


# -- whose endpoint it is


@pytest.fixture
def everything_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name resolves to the loopback interface."""
    known = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        return known("127.0.0.1", port, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


HOSTS = {
    "api.openai.com": "openai",
    "eu.api.openai.com": "openai",
    "mine.openai.azure.com": "azure.ai.openai",
    "mine.services.ai.azure.com": "azure.ai.inference",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "us-east5-aiplatform.googleapis.com": "gcp.vertex_ai",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "api.cohere.com": "cohere",
    "bedrock-runtime.us-east-1.amazonaws.com": "aws.bedrock",
    "openrouter.ai": "openrouter",
    "my-own-vllm.example": "openai",
    "notapi.openai.com.evil.example": "openai",
}


@pytest.mark.usefixtures("everything_is_here")
@pytest.mark.parametrize(("host", "provider"), HOSTS.items())
def test_the_provider_is_told_by_the_base_url(lab: Lab, host: str, provider: str) -> None:
    port = lab.provider.port
    client = lab.client("openai", options={"base_url": f"http://{host}:{port}/v1"})

    client.chat.completions.create(model=MODEL, messages=ASKED)

    found = lab.attributes
    assert (found["gen_ai.provider.name"], found["server.address"], found["server.port"]) == (provider, host, port)
    assert lab.sampler.seen[0][2]["gen_ai.provider.name"] == provider


@by_flavour
@pytest.mark.usefixtures("everything_is_here")
async def test_usage_is_asked_of_those_who_know_the_option_and_kept_from_the_caller(lab: Lab, flavour: Flavour) -> None:
    lab.provider.queue(TEXT, TEXT)
    options = {"base_url": f"http://api.openai.com:{lab.provider.port}/v1"}
    ours, theirs = lab.client("openai", flavour, options=options), lab.bare("openai", flavour, **options)

    async def work() -> list[Any]:
        got: list[Any] = []
        for client in (ours, theirs):
            stream = await ready(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))
            got.append([chunk.to_dict() for chunk in await listed(stream)])
        return got

    with_us, without = await run(lab, flavour, work)

    assert with_us == without
    assert [request.json.get("stream_options") for request in lab.provider.requests] == [{"include_usage": True}, None]
    assert counts(lab) == COUNTS


@by_flavour
@pytest.mark.usefixtures("everything_is_here")
async def test_stream_usage_off_leaves_the_request_alone(lab: Lab, flavour: Flavour) -> None:
    lab.provider.queue(TEXT)
    options = {"base_url": f"http://api.openai.com:{lab.provider.port}/v1"}
    client = lab.client("openai", flavour, options=options, stream_usage="off")

    async def work() -> None:
        await listed(await ready(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True)))

    await run(lab, flavour, work)

    assert "stream_options" not in lab.provider.requests[0].json
    assert lab.attributes["tokeneff.usage.source"] == "estimated"


@by_flavour
@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_fast_is_of_the_fast_tier(lab: Lab, flavour: Flavour, stream: bool) -> None:
    usage = {"input_tokens": 1000, "output_tokens": 1000, "service_tier": "standard", "speed": "fast"}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5",
        "content": [],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": usage,
    }
    events = [
        {"type": "message_start", "message": message},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 1000, "service_tier": "standard"},
        },
        {"type": "message_stop"},
    ]
    frames = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    streamed = Reply(data=frames.encode(), headers={"content-type": "text/event-stream"})
    lab.provider.queue(streamed if stream else Reply(json=message))

    await ask(lab, flavour, "anthropic", **({"stream": True} if stream else {}))

    assert lab.attributes["anthropic.response.service_tier"] == "fast"
