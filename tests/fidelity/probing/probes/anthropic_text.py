"""The Anthropic SDK's endpoints that speak."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from probing.lab import Lab, probe
from tokeneff.testing import Reply, ToolCall, Usage

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
WEATHER: dict[str, Any] = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
THOUGHT = Reply(
    text="Let me see.",
    reasoning="thinking about it",
    tool_calls=(ToolCall("weather", {"city": "Oslo"}),),
    usage=Usage(input_tokens=40, output_tokens=20, cache_read=8, cache_write=4, reasoning=5),
)


class Answer(BaseModel):
    """A structured reply."""

    city: str
    degrees: int


ANSWER = Reply(text='{"city":"Oslo","degrees":7}')


def asked(lab: Lab, **more: Any) -> dict[str, Any]:
    return {"model": lab.model, "max_tokens": 64, "messages": HELLO, **more}


@probe("anthropic")
async def messages_create(lab: Lab) -> None:
    lab.provider.queue(
        "Hi there.", THOUGHT, Reply(text="cut", finish_reason="max_tokens"), Reply(text="zip", gzip=True)
    )
    await lab.call(lambda c: c.messages.create(**asked(lab, system="Be brief.")))
    await lab.call(lambda c: c.messages.create(**asked(lab, tools=[WEATHER], tool_choice={"type": "any"})))
    await lab.call(lambda c: c.messages.create(**asked(lab, stop_sequences=["x"])))
    await lab.call(
        lambda c: c.messages.create(
            **asked(lab), extra_headers={"X-Extra": "1"}, extra_query={"q": 1}, extra_body={"more": [1]}, timeout=12.5
        )
    )


@probe("anthropic")
async def messages_stream(lab: Lab) -> None:
    lab.provider.queue("one two three", THOUGHT, Reply(text="zipped up", gzip=True))
    for _ in range(3):
        await lab.call(lambda c: c.messages.create(**asked(lab, tools=[WEATHER]), stream=True))


@probe("anthropic")
async def messages_stream_helper(lab: Lab) -> None:
    lab.provider.queue("one two three", THOUGHT, "text only", "until done")
    for _ in range(2):
        manager = lab.client.messages.stream(**asked(lab, tools=[WEATHER]))
        lab.note("manager", type(manager))
        async with lab.entered(manager) as stream:
            lab.note("stream", [type(stream), sorted(vars(stream))])
            async for event in lab.each(stream):
                lab.note("event", event)
            lab.note("final", await lab.settled(stream.get_final_message()))
            lab.note("response", stream.response)
    async with lab.entered(lab.client.messages.stream(**asked(lab))) as stream:
        async for text in lab.each(stream.text_stream):
            lab.note("text", text)
        lab.note("request id", stream.request_id)
    async with lab.entered(lab.client.messages.stream(**asked(lab))) as stream:
        await lab.settled(stream.until_done())
        lab.note("text", await lab.settled(stream.get_final_text()))


@probe("anthropic")
async def messages_parse(lab: Lab) -> None:
    lab.provider.queue(ANSWER)
    await lab.call(lambda c: c.messages.parse(**asked(lab), output_format=Answer))


@probe("anthropic", wide=False, fails=True)
async def parse_refused(lab: Lab) -> None:
    lab.provider.queue("not the schema", "not the schema")
    await lab.call(lambda c: c.messages.parse(**asked(lab), output_format=Answer))
    await lab.call(lambda c: c.messages.create(**asked(lab), output_config={"format": Answer}))


@probe("anthropic")
async def messages_count_tokens(lab: Lab) -> None:
    await lab.call(lambda c: c.messages.count_tokens(model=lab.model, messages=HELLO, system="Be brief."))


@probe("anthropic", wide=False)
async def messages_batches(lab: Lab) -> None:
    lines = [{"custom_id": name, "params": asked(lab)} for name in ("a", "b")]
    made = await lab.call(lambda c: c.messages.batches.create(requests=lines))
    await lab.call(lambda c: c.messages.batches.retrieve(made.id))
    await lab.call(lambda c: c.messages.batches.results(made.id))
    await lab.call(lambda c: c.messages.batches.list(limit=1))
    await lab.call(lambda c: c.messages.batches.cancel(made.id))
    await lab.call(lambda c: c.messages.batches.delete(made.id))


@probe("anthropic")
async def beta_messages(lab: Lab) -> None:
    lab.provider.queue("Hi.", "one two", THOUGHT, ANSWER)
    await lab.call(lambda c: c.beta.messages.create(**asked(lab), betas=["some-beta-2026-01-01"]))
    await lab.call(lambda c: c.beta.messages.create(**asked(lab), stream=True))
    async with lab.entered(lab.client.beta.messages.stream(**asked(lab, tools=[WEATHER]))) as stream:
        async for event in lab.each(stream):
            lab.note("event", event)
        lab.note("final", await lab.settled(stream.get_final_message()))
    await lab.call(lambda c: c.beta.messages.parse(**asked(lab), output_format=Answer))
    await lab.call(lambda c: c.beta.messages.count_tokens(model=lab.model, messages=HELLO))
