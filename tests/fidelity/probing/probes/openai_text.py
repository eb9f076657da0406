"""The OpenAI SDK's endpoints that speak."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from probing.lab import Lab, probe
from tokeneff.testing import Reply, ToolCall, Usage

HELLO: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
CALLED = Reply(
    tool_calls=(ToolCall("weather", {"city": "Oslo"}), ToolCall("weather", {"city": "Rome"})),
    usage=Usage(input_tokens=40, output_tokens=20, cache_read=8, reasoning=5),
    reasoning="thinking about it",
)


class Answer(BaseModel):
    """A structured reply."""

    city: str
    degrees: int


ANSWER = Reply(text='{"city":"Oslo","degrees":7}', usage=Usage(input_tokens=12, output_tokens=9))


@probe("openai")
async def chat_create(lab: Lab) -> None:
    lab.provider.queue("Hi there.", CALLED, Reply(text="a", choices=("b", "c")), Reply(text="packed", gzip=True))
    await lab.call(lambda c: c.chat.completions.create(model=lab.model, messages=HELLO))
    await lab.call(lambda c: c.chat.completions.create(model=lab.model, messages=HELLO, tools=[WEATHER]))
    await lab.call(lambda c: c.chat.completions.create(model=lab.model, messages=HELLO, n=3, temperature=0.5, seed=7))
    await lab.call(
        lambda c: c.chat.completions.create(
            model=lab.model,
            messages=HELLO,
            extra_headers={"X-Extra": "1"},
            extra_query={"q": 1},
            extra_body={"more": {"deep": [1]}},
            timeout=12.5,
        )
    )


@probe("openai")
async def chat_stream(lab: Lab) -> None:
    lab.provider.queue("one two three", CALLED, Reply(text="n", choices=("m",)), Reply(text="zipped up", gzip=True))
    for more in ({}, {"tools": [WEATHER]}, {"n": 2}, {"stream_options": {"include_usage": True}}):
        await lab.call(lambda c, m=more: c.chat.completions.create(model=lab.model, messages=HELLO, stream=True, **m))


@probe("openai")
async def chat_parse(lab: Lab) -> None:
    lab.provider.queue(ANSWER, Reply(refusal="no"))
    for _ in range(2):
        await lab.call(lambda c: c.chat.completions.parse(model=lab.model, messages=HELLO, response_format=Answer))


@probe("openai", wide=False, fails=True)
async def parse_refused(lab: Lab) -> None:
    lab.provider.queue("not the schema", Reply(text='{"city":', finish_reason="length"), "not the schema")
    for _ in range(2):
        await lab.call(lambda c: c.chat.completions.parse(model=lab.model, messages=HELLO, response_format=Answer))
    await lab.call(lambda c: c.responses.parse(model=lab.model, input="Hello", text_format=Answer))
    await lab.call(lambda c: c.chat.completions.parse(model=lab.model, messages=HELLO, response_format="text"))
    await lab.call(lambda c: c.chat.completions.create(model=lab.model, messages=HELLO, response_format=Answer))


@probe("openai")
async def chat_stream_helper(lab: Lab) -> None:
    lab.provider.queue(ANSWER, CALLED, "plain words")
    for more in ({"response_format": Answer}, {"tools": [WEATHER]}, {}):
        manager = lab.client.chat.completions.stream(model=lab.model, messages=HELLO, **more)
        lab.note("manager", type(manager))
        async with lab.entered(manager) as stream:
            lab.note("stream", [type(stream), sorted(vars(stream))])
            async for event in lab.each(stream):
                lab.note("event", event)
            lab.note("final", await lab.settled(stream.get_final_completion()))


@probe("openai")
async def chat_stored(lab: Lab) -> None:
    for text in ("", "1", "2"):
        lab.provider.queue(Reply(json={"object": "list", "data": [], "has_more": False, "id": text}))
    await lab.call(lambda c: c.chat.completions.list(model=lab.model))
    await lab.call(lambda c: c.chat.completions.retrieve("chatcmpl-1"))
    await lab.call(lambda c: c.chat.completions.delete("chatcmpl-1"))


@probe("openai")
async def responses_create(lab: Lab) -> None:
    lab.provider.queue("Hi there.", CALLED, Reply(refusal="no"))
    tools = [{"type": "function", **WEATHER["function"]}]
    await lab.call(lambda c: c.responses.create(model=lab.model, input="Hello", instructions="Be brief."))
    await lab.call(lambda c: c.responses.create(model=lab.model, input=HELLO, tools=tools))
    made = await lab.call(lambda c: c.responses.create(model=lab.model, input="x", store=True, metadata={"k": "v"}))
    name = made.id if made is not None else "resp_1"
    await lab.call(lambda c: c.responses.retrieve(name))
    await lab.call(lambda c: c.responses.input_items.list(name))
    await lab.call(lambda c: c.responses.delete(name))


@probe("openai")
async def responses_stream(lab: Lab) -> None:
    lab.provider.queue("one two three", CALLED)
    for _ in range(2):
        await lab.call(lambda c: c.responses.create(model=lab.model, input="Hello", stream=True))


@probe("openai")
async def responses_parse(lab: Lab) -> None:
    lab.provider.queue(ANSWER)
    await lab.call(lambda c: c.responses.parse(model=lab.model, input="Hello", text_format=Answer))


@probe("openai")
async def responses_stream_helper(lab: Lab) -> None:
    lab.provider.queue(ANSWER, "plain words")
    for more in ({"text_format": Answer}, {}):
        async with lab.entered(lab.client.responses.stream(model=lab.model, input="Hello", **more)) as stream:
            lab.note("stream", [type(stream), sorted(vars(stream))])
            async for event in lab.each(stream):
                lab.note("event", event)
            lab.note("final", await lab.settled(stream.get_final_response()))


@probe("openai")
async def completions(lab: Lab) -> None:
    lab.provider.queue("and so on", "and so on", "on")
    await lab.call(lambda c: c.completions.create(model=lab.model, prompt="Once", max_tokens=5))
    await lab.call(lambda c: c.completions.create(model=lab.model, prompt=["a", "b"], stream=True))
    await lab.call(lambda c: c.completions.create(model=lab.model, prompt=[1, 2, 3], echo=True))
