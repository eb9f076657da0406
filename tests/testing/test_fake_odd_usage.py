"""Usage as some compatible servers send it."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tokeneff.testing import FakeProvider, Reply, Usage, faults

ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello there"}]}


def usage_of(chunk: Any) -> Any:
    return chunk.to_dict().get("usage")


async def test_usage_in_odd_places(provider: FakeProvider) -> None:
    # Not strict: these are the servers that break the types.
    reply = Reply(text="a b c", usage=Usage(input_tokens=5, output_tokens=2))
    with openai.OpenAI(base_url=provider.openai_url, api_key="k") as client:

        def stream(kind: Any) -> list[Any]:
            provider.queue(faults.odd_usage(kind, reply))
            return list(client.chat.completions.create(**ASK, stream=True))

        last = stream("last_content_chunk")
        assert [usage_of(c) is not None for c in last] == [False, False, False, False, True]
        assert usage_of(last[-1])["completion_tokens"] == 2
        every = stream("every_chunk")
        assert [usage_of(c)["completion_tokens"] for c in every] == [0, 1, 2, 2, 2]
        missing = stream("choices_missing")
        assert "choices" not in missing[-1].to_dict()
        assert usage_of(missing[-1])["total_tokens"] == 7
        unasked = stream("unasked")
        assert (unasked[-1].choices, usage_of(unasked[-1])["total_tokens"]) == ([], 7)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("null_details", {"prompt_tokens": 5, "prompt_tokens_details": None, "completion_tokens_details": None}),
        ("no_details", {"prompt_tokens": 5}),
        ("no_total", {"prompt_tokens": 5}),
        ("floats", {"prompt_tokens": 5.0, "total_tokens": 7.0}),
    ],
)
async def test_odd_usage_objects(provider: FakeProvider, kind: Any, expected: dict[str, Any]) -> None:
    provider.queue(faults.odd_usage(kind, Reply(text="x", usage=Usage(input_tokens=5, output_tokens=2))))
    with openai.OpenAI(base_url=provider.openai_url, api_key="k") as client:
        body = client.chat.completions.with_raw_response.create(**ASK).http_response.json()["usage"]
    assert {key: body[key] for key in expected} == expected
    assert ("total_tokens" in body) == (kind != "no_total")
    assert ("prompt_tokens_details" in body) == (kind != "no_details")
    assert isinstance(body["prompt_tokens"], float) == (kind == "floats")
