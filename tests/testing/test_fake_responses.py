"""The Responses API, as the OpenAI SDK reads it."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tokeneff.testing import FakeProvider, Reply, ToolCall, Usage, faults

ASK: dict[str, Any] = {"model": "m", "input": "hello there"}
REPLY = Reply(
    chunks=["H", "i"],
    reasoning="I think",
    tool_calls=(ToolCall("search", {"q": "a longer query"}),),
    usage=Usage(input_tokens=100, output_tokens=30, cache_read=40, cache_write=20, reasoning=7),
)
USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 20},
    "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 7},
    "total_tokens": 130,
}


def outputs(number: str) -> list[dict[str, Any]]:
    text = {"type": "output_text", "annotations": [], "logprobs": [], "text": "Hi"}
    return [
        {"id": f"rs_{number}", "type": "reasoning", "summary": [{"type": "summary_text", "text": "I think"}]},
        {"id": f"msg_{number}", "type": "message", "status": "completed", "role": "assistant", "content": [text]},
        {
            "id": f"fc_{number}_0",
            "type": "function_call",
            "status": "completed",
            "arguments": '{"q":"a longer query"}',
            "call_id": f"call_{number}_0",
            "name": "search",
        },
    ]


async def test_a_whole_response(provider: FakeProvider, ask: Any) -> None:
    provider.queue(REPLY)
    response = await ask(lambda c: c.responses.create(**ASK, instructions="be brief", temperature=0.5))
    assert response.output_text == "Hi"
    assert response.to_dict() == {
        "id": "resp_000001",
        "object": "response",
        "created_at": 1767225600,
        "completed_at": 1767225600,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "m",
        "output": outputs("000001"),
        "usage": USAGE,
        "service_tier": "default",
        "background": False,
        "instructions": "be brief",
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "store": True,
        "temperature": 0.5,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
    }


async def test_a_stream(provider: FakeProvider, ask: Any) -> None:
    provider.queue(REPLY)
    events = await ask(lambda c: c.responses.create(**ASK, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        *["reasoning_summary_text.delta"] * 2,
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * 2,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        *["function_call_arguments.delta"] * 2,
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == ["H", "i"]
    assert events[0].response.to_dict() | {"usage": None} == events[0].response.to_dict()
    assert events[0].response.output == []
    assert events[-1].response.to_dict()["output"] == outputs("000001")
    assert events[-1].response.usage.to_dict() == USAGE
    assert {event.output_index for event in events[2:-1]} == {0, 1, 2}


async def test_the_stream_helper(provider: FakeProvider, ask: Any) -> None:
    provider.queue(REPLY)
    events, final = await ask.helper(lambda c: c.responses.stream(**ASK), "get_final_response")
    assert final.output_text == "Hi"
    assert final.usage.to_dict() == USAGE
    assert [event.snapshot for event in events if event.type == "response.output_text.delta"] == ["H", "Hi"]
    assert final.output[2].arguments == '{"q":"a longer query"}'


class Answer(BaseModel):
    number: int


async def test_structured_outputs_parse(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(text='{"number": 4}'), Reply(text='{"number": 5}'))
    parsed = await ask(lambda c: c.responses.parse(**ASK, text_format=Answer))
    assert parsed.output_parsed == Answer(number=4)
    _, final = await ask.helper(lambda c: c.responses.stream(**ASK, text_format=Answer), "get_final_response")
    assert final.output_parsed == Answer(number=5)


@pytest.mark.parametrize(("given", "reason"), [("max_tokens", "max_output_tokens"), ("refusal", "content_filter")])
async def test_incomplete(provider: FakeProvider, ask: Any, given: str, reason: str) -> None:
    provider.queue(Reply(text="x", finish_reason=given), Reply(text="x", finish_reason=given))
    whole = await ask(lambda c: c.responses.create(**ASK))
    events = await ask(lambda c: c.responses.create(**ASK, stream=True))
    assert (whole.status, whole.incomplete_details.reason) == ("incomplete", reason)
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.incomplete_details.reason == reason


async def test_a_refusal(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(refusal="I will not."))
    events = await ask(lambda c: c.responses.create(**ASK, stream=True))
    assert "".join(event.delta for event in events if event.type == "response.refusal.delta") == "I will not."
    assert events[-1].response.output[0].content[0].to_dict() == {"type": "refusal", "refusal": "I will not."}


async def test_logprobs(provider: FakeProvider, ask: Any) -> None:
    provider.queue(Reply(text="a b"))
    events = await ask(lambda c: c.responses.create(**ASK, stream=True, include=["message.output_text.logprobs"]))
    assert [e.logprobs[0].token for e in events if e.type == "response.output_text.delta"] == ["a", " b"]
    assert [one.token for one in events[-1].response.output[0].content[0].logprobs] == ["a", " b"]


async def test_stored_responses(provider: FakeProvider, ask: Any) -> None:
    made = await ask(lambda c: c.responses.create(**ASK))
    again = await ask(lambda c: c.responses.retrieve(made.id))
    assert again.to_dict() == made.to_dict()
    items = await ask.pages(lambda c: c.responses.input_items.list(made.id))
    assert [item.role for item in items] == ["user"]
    assert (await ask(lambda c: c.responses.cancel(made.id))).status == "cancelled"
    assert await ask(lambda c: c.responses.delete(made.id)) is None
    with pytest.raises(openai.NotFoundError, match="No such response"):
        await ask(lambda c: c.responses.retrieve(made.id))
    unstored = await ask(lambda c: c.responses.create(**ASK, store=False))
    with pytest.raises(openai.NotFoundError):
        await ask(lambda c: c.responses.retrieve(unstored.id))


async def test_no_usage(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.no_usage(REPLY), faults.no_usage(REPLY))
    assert (await ask(lambda c: c.responses.create(**ASK))).usage is None
    events = await ask(lambda c: c.responses.create(**ASK, stream=True))
    assert events[-1].response.usage is None
