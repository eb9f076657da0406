"""Anthropic's messages, as its SDK reads them."""

from __future__ import annotations

import importlib.util
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from tokeneff.testing import FakeProvider, Reply, ToolCall, Usage, faults

ASK: dict[str, Any] = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hello there"}]}
FULL = Usage(
    input_tokens=100, output_tokens=30, cache_read=40, cache_write=20, cache_write_1h=5, reasoning=7, web_searches=2
)
REPLY = Reply(
    chunks=["H", "i"],
    reasoning="I think",
    signature="c2ln",
    tool_calls=(ToolCall("search", {"q": "a longer query"}),),
    usage=FULL,
)
COUNTS = {
    "input_tokens": 40,
    "cache_creation_input_tokens": 20,
    "cache_read_input_tokens": 40,
    "output_tokens": 30,
    "output_tokens_details": {"thinking_tokens": 7},
    "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
}
USAGE = {
    **COUNTS,
    "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
    "service_tier": "standard",
}


def message(number: str) -> dict[str, Any]:
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "thinking", "thinking": "I think", "signature": "c2ln"},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": f"toolu_{number}_0", "name": "search", "input": {"q": "a longer query"}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": USAGE,
    }


def without_unset(value: Any) -> Any:
    """The helpers fill optional fields in with None."""
    if isinstance(value, dict):
        return {key: without_unset(one) for key, one in value.items() if one is not None or key == "stop_sequence"}
    return [without_unset(one) for one in value] if isinstance(value, list) else value


async def test_a_whole_message(provider: FakeProvider, claude: Any) -> None:
    provider.queue(REPLY)
    assert (await claude(lambda c: c.messages.create(**ASK))).to_dict() == message("000001")


async def test_a_stream(provider: FakeProvider, claude: Any) -> None:
    provider.queue(REPLY)
    events = await claude(lambda c: c.messages.create(**ASK, stream=True))
    opening = {key: value for key, value in USAGE.items() if key not in ("output_tokens_details", "server_tool_use")}
    started = {**message("000001"), "content": [], "stop_reason": None, "usage": {**opening, "output_tokens": 1}}
    tool = {"type": "tool_use", "id": "toolu_000001_0", "name": "search", "input": {}}

    def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            {"type": "content_block_start", "index": index, "content_block": start},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index},
        ]

    assert [event.to_dict() for event in events] == [
        {"type": "message_start", "message": started},
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "I"},
            {"type": "thinking_delta", "thinking": " think"},
            {"type": "signature_delta", "signature": "c2ln"},
        ),
        *block(
            1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "H"}, {"type": "text_delta", "text": "i"}
        ),
        *block(
            2,
            tool,
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"q":"a long'},
            {"type": "input_json_delta", "partial_json": 'er query"}'},
        ),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": COUNTS},
        {"type": "message_stop"},
    ]


async def test_pings_are_on_the_wire(provider: FakeProvider) -> None:
    with anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k") as client:
        raw = client.messages.with_raw_response.create(**ASK, stream=True)
        body = raw.http_response.read()
    assert body.count(b'event: ping\ndata: {"type":"ping"}\n\n') == 1
    assert raw.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (raw.headers["request-id"], raw.headers.get("x-request-id")) == (
        "req_000001",
        None,
    )


async def test_the_stream_helper_gives_what_create_gives(provider: FakeProvider, claude: Any) -> None:
    provider.queue(REPLY)
    events, final = await claude.helper(lambda c: c.messages.stream(**ASK), "get_final_message")
    assert without_unset(final.to_dict()) == message("000001")
    assert [event.text for event in events if event.type == "text"] == ["H", "i"]


async def test_the_beta_namespace(provider: FakeProvider, claude: Any) -> None:
    provider.queue(REPLY, REPLY)
    whole = await claude(lambda c: c.beta.messages.create(**ASK))
    assert without_unset(whole.to_dict()) == message("000001")
    _, final = await claude.helper(lambda c: c.beta.messages.stream(**ASK), "get_final_message")
    assert without_unset(final.to_dict())["usage"] == USAGE
    assert {one.path for one in provider.requests} == {"/v1/messages"}


class Answer(BaseModel):
    number: int


async def test_structured_outputs_parse(provider: FakeProvider, claude: Any) -> None:
    provider.queue(Reply(text='{"number": 4}'))
    parsed = await claude(lambda c: c.messages.parse(**ASK, output_format=Answer))
    assert parsed.parsed_output == Answer(number=4)


@pytest.mark.parametrize(
    ("given", "sent"),
    [("stop", "end_turn"), ("length", "max_tokens"), ("tool_calls", "tool_use"), ("pause_turn", "pause_turn")],
)
async def test_stop_reasons(provider: FakeProvider, claude: Any, given: str, sent: str) -> None:
    provider.queue(Reply(text="x", finish_reason=given))
    assert (await claude(lambda c: c.messages.create(**ASK))).stop_reason == sent


async def test_stop_sequences_and_refusals(provider: FakeProvider, claude: Any) -> None:
    provider.queue(Reply(text="x", finish_reason="stop_sequence"), Reply(refusal="I will not."))
    stopped = await claude(lambda c: c.messages.create(**ASK, stop_sequences=["END"]))
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "END")
    events = await claude(lambda c: c.messages.create(**ASK, stream=True))
    assert events[-2].delta.stop_reason == "refusal"
    assert events[-2].delta.to_dict()["stop_details"]["explanation"] == "I will not."


async def test_counted_tokens(provider: FakeProvider, claude: Any) -> None:
    counted = await claude(lambda c: c.messages.count_tokens(model="m", messages=ASK["messages"]))
    assert counted.input_tokens == 4  # 15 characters
    provider.queue(Reply(usage=FULL))
    assert (await claude(lambda c: c.messages.count_tokens(model="m", messages=ASK["messages"]))).input_tokens == 100


async def test_batches(provider: FakeProvider, claude: Any) -> None:
    requests = [{"custom_id": name, "params": ASK} for name in ("a", "b")]
    provider.queue(REPLY)
    made = await claude(lambda c: c.messages.batches.create(requests=requests))
    assert (made.processing_status, made.request_counts.processing) == ("in_progress", 2)
    ended = await claude(lambda c: c.messages.batches.retrieve(made.id))
    assert (ended.processing_status, ended.request_counts.succeeded) == ("ended", 2)
    decoder = await claude(lambda c: c.messages.batches.results(made.id))
    results = [one async for one in decoder] if hasattr(decoder, "__aiter__") else list(decoder)
    expected = message("000001")
    expected["content"][2]["id"] = "toolu_000001_0"
    assert [(one.custom_id, one.result.message.to_dict()) for one in results] == [
        (name, {**expected, "id": f"msg_000001_{index}"}) for index, name in enumerate("ab")
    ]
    second = await claude(lambda c: c.messages.batches.create(requests=requests[:1]))
    assert [one.id for one in await claude.pages(lambda c: c.messages.batches.list(limit=1))] == [made.id, second.id]
    assert (await claude(lambda c: c.messages.batches.cancel(made.id))).processing_status == "canceling"
    assert (await claude(lambda c: c.messages.batches.delete(made.id))).id == made.id
    with pytest.raises(anthropic.NotFoundError, match="No such batch"):
        await claude(lambda c: c.messages.batches.retrieve(made.id))


async def test_running_usage(provider: FakeProvider) -> None:
    provider.queue(faults.odd_usage("every_chunk", Reply(text="a b", usage=FULL)))
    with anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k") as client:
        events = list(client.messages.create(**ASK, stream=True))
    counts = [event.usage.output_tokens for event in events if event.type == "message_delta"]
    assert counts == [2, 30]


async def test_no_usage(provider: FakeProvider) -> None:
    provider.queue(faults.no_usage(Reply(text="x")), faults.no_usage(Reply(text="x")))
    with anthropic.Anthropic(base_url=provider.anthropic_url, api_key="k") as client:
        assert "usage" not in client.messages.create(**ASK).to_dict()
        events = [event.to_dict() for event in client.messages.create(**ASK, stream=True)]
    assert "usage" not in events[0]["message"]
    assert "usage" not in events[-2]


async def test_vertex(provider: FakeProvider) -> None:
    with anthropic.AnthropicVertex(
        region="europe-west1", project_id="p", access_token="t", base_url=f"{provider.anthropic_url}/v1"
    ) as client:
        provider.queue(REPLY, REPLY)
        assert client.messages.create(**ASK).to_dict() == message("000001")
        events = list(client.messages.create(**ASK, stream=True))
        assert events[0].message.model == "m"
        assert client.messages.count_tokens(model="m", messages=ASK["messages"]).input_tokens > 0
    assert [r.path.rpartition("/")[2] for r in provider.requests] == [
        "m:rawPredict",
        "m:streamRawPredict",
        "count-tokens:rawPredict",
    ]


async def test_bedrock(provider: FakeProvider) -> None:
    assert importlib.util.find_spec("boto3"), "the test environments have boto3"
    with anthropic.AnthropicBedrock(
        aws_region="eu-west-1", aws_access_key="a", aws_secret_key="s", base_url=provider.anthropic_url
    ) as client:
        provider.queue(REPLY, REPLY)
        assert client.messages.create(**ASK).to_dict() == message("000001")
        with client.messages.stream(**ASK) as stream:
            final = stream.get_final_message()
    assert without_unset(final.to_dict()) == message("000002")
    assert [r.path for r in provider.requests] == ["/model/m/invoke", "/model/m/invoke-with-response-stream"]


@pytest.mark.parametrize("fault", [faults.stream_error(1, REPLY), faults.cut(1, REPLY)])
async def test_bedrock_streams_break_off(provider: FakeProvider, fault: Any) -> None:
    provider.queue(fault)
    seen: list[Any] = []
    with anthropic.AnthropicBedrock(
        aws_region="eu-west-1", aws_access_key="a", aws_secret_key="s", base_url=provider.anthropic_url
    ) as client:
        stream = client.messages.create(**ASK, stream=True)
        with pytest.raises(Exception, match=r"verloaded|onnection|peer closed"):
            [seen.append(event.type) for event in stream]
        stream.close()
    assert seen == ["message_start", "content_block_start", "content_block_delta"]


async def test_foundry_and_its_prefix(provider: FakeProvider) -> None:
    with anthropic.AnthropicFoundry(api_key="k", base_url=f"{provider.anthropic_url}/anthropic") as client:
        assert client.messages.create(**ASK).content[0].text == "Hello from the fake provider."
    assert provider.requests[0].path == "/anthropic/v1/messages"
