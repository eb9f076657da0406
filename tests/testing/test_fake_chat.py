"""Chat completions and legacy completions, as the OpenAI SDK reads them."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tokeneff.testing import FakeProvider, Reply, ToolCall, Usage

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello there"}]}
FULL = Usage(
    input_tokens=100, output_tokens=30, cache_read=40, cache_write=20, reasoning=7, audio_input=3, audio_output=2
)
FULL_USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 30,
    "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 3, "cache_write_tokens": 20},
    "completion_tokens_details": {
        "reasoning_tokens": 7,
        "audio_tokens": 2,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
CALLS = (ToolCall("search", {"q": "a longer query"}), ToolCall("stop", "{}", id="call_own"))


async def test_a_whole_reply(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(text="hi", tool_calls=CALLS, usage=FULL, reasoning="hmm"))
    completion = await ask(lambda c: c.chat.completions.create(**ASK))
    assert completion.to_dict() == {
        "id": "chatcmpl-000001",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "hi",
                    "refusal": None,
                    "annotations": [],
                    "reasoning_content": "hmm",
                    "tool_calls": [
                        {
                            "id": "call_000001_0",
                            "type": "function",
                            "function": {"name": "search", "arguments": '{"q":"a longer query"}'},
                        },
                        {"id": "call_own", "type": "function", "function": {"name": "stop", "arguments": "{}"}},
                    ],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": FULL_USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }


async def test_the_default_reply_counts_its_tokens(provider: FakeProvider, ask: Any) -> None:
    first = await ask(lambda c: c.chat.completions.create(**ASK))
    second = await ask(lambda c: c.chat.completions.create(**ASK))
    assert first.choices[0].message.content == "Hello from the fake provider."
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (4, 8)  # 15 and 29 characters
    assert (first.id, second.id) == ("chatcmpl-000001", "chatcmpl-000002")
    assert second.to_dict() == {**first.to_dict(), "id": second.id}


async def test_a_stream_with_usage(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(chunks=["h", "i"], usage=FULL))
    options = {"include_usage": True}
    chunks = await ask(lambda c: c.chat.completions.create(**ASK, stream=True, stream_options=options))
    base = {
        "id": "chatcmpl-000001",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": "m",
        "service_tier": "default",
        "system_fingerprint": "fp_fake",
    }

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**base, "choices": [choice], "usage": None}

    assert [one.to_dict() for one in chunks] == [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "h"}),
        chunk({"content": "i"}),
        chunk({}, "stop"),
        {**base, "choices": [], "usage": FULL_USAGE},
    ]


async def test_a_stream_has_usage_only_when_asked(provider: FakeProvider, ask: Any) -> None:
    chunks = await ask(lambda c: c.chat.completions.create(**ASK, stream=True))
    assert {"usage" in one.to_dict() for one in chunks} == {False}
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == "Hello from the fake provider."


async def test_tool_arguments_stream_in_pieces(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(tool_calls=CALLS))
    chunks = await ask(lambda c: c.chat.completions.create(**ASK, stream=True))
    deltas = [call for one in chunks for call in one.choices[0].delta.tool_calls or []]
    assert [(d.index, d.id, d.function.name, d.function.arguments) for d in deltas] == [
        (0, "call_000001_0", "search", ""),
        (0, None, None, '{"q":"a long'),
        (0, None, None, 'er query"}'),
        (1, "call_own", "stop", ""),
        (1, None, None, "{}"),
    ]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_the_stream_helper_gives_what_create_gives(provider: FakeProvider, ask: Any) -> None:
    reply = Reply(text="Hi there.", tool_calls=CALLS, usage=FULL, refusal=None)
    provider.queue(reply, reply)
    options = {"include_usage": True}
    _, streamed = await ask.helper(
        lambda c: c.chat.completions.stream(**ASK, stream_options=options), "get_final_completion"
    )
    whole = await ask(lambda c: c.chat.completions.create(**ASK))
    assert streamed.usage.to_dict() == whole.usage.to_dict()
    assert streamed.choices[0].message.content == whole.choices[0].message.content
    assert [(call.function.name, call.function.arguments) for call in streamed.choices[0].message.tool_calls] == [
        (call.function.name, call.function.arguments) for call in whole.choices[0].message.tool_calls
    ]


class Answer(BaseModel):
    number: int


async def test_structured_outputs_parse(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(text='{"number": 4}'), Reply(chunks=['{"num', 'ber": 5}']))
    parsed = await ask(lambda c: c.chat.completions.parse(**ASK, response_format=Answer))
    assert parsed.choices[0].message.parsed == Answer(number=4)
    _, streamed = await ask.helper(
        lambda c: c.chat.completions.stream(**ASK, response_format=Answer), "get_final_completion"
    )
    assert streamed.choices[0].message.parsed == Answer(number=5)


async def test_choices_and_logprobs(provider: FakeProvider, ask: Any) -> None:
    reply = Reply(text="a b", choices=("c",))
    provider.queue(reply, reply)
    whole = await ask(lambda c: c.chat.completions.create(**ASK, n=3, logprobs=True, top_logprobs=1))
    assert [choice.message.content for choice in whole.choices] == ["a b", "c", "c"]
    assert [token.token for token in whole.choices[0].logprobs.content] == ["a", " b"]
    assert whole.choices[0].logprobs.content[0].top_logprobs[0].to_dict() == {
        "token": "a",
        "logprob": -0.25,
        "bytes": [97],
    }
    chunks = await ask(lambda c: c.chat.completions.create(**ASK, n=3, stream=True, logprobs=True))
    texts = ["", "", ""]
    for chunk in chunks:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == ["a b", "c", "c"]
    assert [c.choices[0].logprobs.content[0].token for c in chunks if c.choices[0].logprobs] == ["a", " b", "c", "c"]


async def test_a_refusal(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(refusal="I will not."), Reply(refusal="I will not."))
    whole = await ask(lambda c: c.chat.completions.create(**ASK))
    assert (whole.choices[0].message.content, whole.choices[0].message.refusal) == (None, "I will not.")
    _, streamed = await ask.helper(lambda c: c.chat.completions.stream(**ASK), "get_final_completion")
    assert streamed.choices[0].message.refusal == "I will not."


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("length", "length"),
    ],
)
async def test_finish_reasons(provider: FakeProvider, ask: Any, given: str, sent: str) -> None:
    provider.queue(Reply(text="x", finish_reason=given), Reply(text="x", finish_reason=given))
    whole = await ask(lambda c: c.chat.completions.create(**ASK))
    chunks = await ask(lambda c: c.chat.completions.create(**ASK, stream=True))
    assert (whole.choices[0].finish_reason, chunks[-1].choices[0].finish_reason) == (sent, sent)


async def test_tiers_models_ids_and_headers(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(text="x", model="m-2026", id="own", system_fingerprint="fp_1", headers={"X-Own": "1"}))
    raw = await ask(lambda c: c.chat.completions.with_raw_response.create(**ASK, service_tier="flex"))
    one = raw.parse()
    assert (one.model, one.id, one.system_fingerprint, one.service_tier) == ("m-2026", "own", "fp_1", "flex")
    kept = ("content-type", "x-request-id", "openai-processing-ms", "openai-version", "x-own")
    assert [raw.headers[name] for name in kept] == ["application/json", "req_000001", "12", "2020-10-01", "1"]


@pytest.mark.parametrize("stream", [False, True])
async def test_gzip(provider: FakeProvider, ask: Any, stream: bool) -> None:
    provider.queue(Reply(text="squeezed well", gzip=True))
    raw = await ask(lambda c: c.chat.completions.with_raw_response.create(**ASK, stream=stream))
    assert raw.headers["content-encoding"] == "gzip"
    parsed = raw.parse()
    if not stream:
        assert parsed.choices[0].message.content == "squeezed well"
        return
    chunks = [one async for one in parsed] if isinstance(parsed, openai.AsyncStream) else list(parsed)
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == "squeezed well"


async def test_azure(provider: FakeProvider) -> None:
    # Not strict: the first chunk, of the prompt's filter results, has an empty `object`, as Azure sends it.
    with openai.AzureOpenAI(azure_endpoint=provider.anthropic_url, api_key="k", api_version="2024-10-21") as client:
        whole = client.chat.completions.create(**ASK)
        chunks = list(client.chat.completions.create(**ASK, stream=True))
    assert [(r.path, r.query) for r in provider.requests] == [
        ("/openai/deployments/m/chat/completions", "api-version=2024-10-21")
    ] * 2
    assert whole.to_dict()["prompt_filter_results"][0]["prompt_index"] == 0
    assert chunks[0].to_dict()["choices"] == []
    assert "prompt_filter_results" in chunks[0].to_dict()


async def test_a_legacy_completion(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(text="a b", usage=FULL, finish_reason="max_tokens"))
    whole = await ask(lambda c: c.completions.create(model="m", prompt=["x", "y"], logprobs=1))
    logprobs = {
        "tokens": ["a", " b"],
        "token_logprobs": [-0.25, -0.25],
        "top_logprobs": [{"a": -0.25}, {" b": -0.25}],
        "text_offset": [0, 1],
    }
    choice = {"text": "a b", "logprobs": logprobs, "finish_reason": "length"}
    assert whole.to_dict() == {
        "id": "cmpl-000001",
        "object": "text_completion",
        "created": 1767225600,
        "model": "m",
        "system_fingerprint": "fp_fake",
        "choices": [{"index": 0, **choice}, {"index": 1, **choice}],
        "usage": FULL_USAGE,
    }


async def test_a_legacy_stream(provider: FakeProvider) -> None:
    # Not strict: the types want a finish reason in every chunk, which OpenAI does not send.
    provider.queue(Reply(text="a b", usage=FULL))
    with openai.OpenAI(base_url=provider.openai_url, api_key="k") as client:
        options = {"include_usage": True}
        chunks = list(client.completions.create(model="m", prompt="x", stream=True, stream_options=options))
    assert [c.choices[0].text for c in chunks[:-1]] == ["a", " b", ""]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.to_dict() == FULL_USAGE
