"""The caller's arguments: read once, and left as they were."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from probing.lab import Lab, probe
from probing.speaking import asked, place, say

BOTH = ("openai", "anthropic")


def portrait(value: Any) -> Any:
    """Identity and content of everything inside; what is inside is kept, or its id could be given to another object."""
    if isinstance(value, Mapping):
        return (Same(value), [(key, portrait(held)) for key, held in value.items()])
    if isinstance(value, list | tuple):
        return (Same(value), [portrait(held) for held in value])
    return (Same(value), repr(value))


class Same:
    """Equal to the same object only."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other.value is self.value

    __hash__ = None  # type: ignore[assignment]


def rich(lab: Lab) -> dict[str, Any]:
    picture = {"url": "data:image/png;base64,eHg="}
    openai = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": picture}]
    source = {"type": "base64", "media_type": "image/png", "data": "eHg="}
    anthropic = [{"type": "text", "text": "See"}, {"type": "image", "source": source}]
    messages = [
        {"role": "user", "content": openai if lab.family == "openai" else anthropic},
        {"role": "assistant", "content": "Seen."},
        {"role": "user", "content": "And?"},
    ]
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    function = {"name": "f", "description": "d", "parameters": schema}
    openai_tool = {"type": "function", "function": function}
    tools = [openai_tool if lab.family == "openai" else {"name": "f", "input_schema": schema}]
    return {
        "messages": messages,
        "tools": tools,
        "metadata": {"user_id": "u"},
        "extra_headers": {"X-A": "1"},
        "extra_query": {"q": "1"},
        "extra_body": {"more": {"deep": [1, {"x": 2}]}},
    }


@probe(*BOTH)
async def left_alone(lab: Lab) -> None:
    given = rich(lab)
    before = portrait(given)
    for more in ({}, {"stream": True}):
        await lab.call(lambda c, m=more: say(lab, c, **given, **m))
        lab.note("untouched", portrait(given) == before)


@probe("openai", wide=False)
async def stream_options_left_alone(lab: Lab) -> None:
    options = {"include_usage": True}
    await lab.call(lambda c: say(lab, c, stream=True, stream_options=options))
    lab.note("options", options)
    for own in ({"include_usage": False}, {"include_obfuscation": False}, {}, None):
        await lab.call(lambda c, o=own: say(lab, c, stream=True, stream_options=o))
    await lab.call(lambda c: say(lab, c, stream=True, extra_body={"stream_options": {"include_usage": True}}))
    await lab.call(lambda c: say(lab, c, extra_body={"stream": True}))


class Once:
    """Messages that can be taken only once, and that count how often they were."""

    def __init__(self, messages: list[Any]) -> None:
        self.messages = messages
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[Any]:
        self.taken.append("iter")
        for message in self.messages:
            self.taken.append("next")
            yield message


@probe(*BOTH, fails=True)
async def taken_once(lab: Lab) -> None:
    for more in ({}, {"stream": True}):
        messages = Once(rich(lab)["messages"])
        await lab.call(lambda c, m=messages, o=more: say(lab, c, **{**asked(lab, **o), "messages": iter(m)}))
        lab.note("taken", messages.taken)
        messages = Once(rich(lab)["messages"])
        await lab.call(lambda c, m=messages, o=more: say(lab, c, **{**asked(lab, **o), "messages": m}))
        lab.note("taken", messages.taken)
        tools = (tool for tool in rich(lab)["tools"])
        await lab.call(lambda c, t=tools, o=more: say(lab, c, **asked(lab, tools=t, **o)))
        lab.note("left", list(tools))


@probe(*BOTH, fails=True, wide=False)
async def failing_iterator(lab: Lab) -> None:
    def messages() -> Iterator[Any]:
        yield {"role": "user", "content": "one"}
        raise LookupError("no more")

    await lab.call(lambda c: say(lab, c, **{**asked(lab), "messages": messages()}))


class Watched(io.BytesIO):
    """A file that remembers how it was read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.name = "watched.txt"
        self.reads: list[Any] = []

    def read(self, size: int | None = -1) -> bytes:
        self.reads.append(size)
        return super().read(size)

    def seek(self, *where: int) -> int:
        self.reads.append(("seek", *where))
        return super().seek(*where)


@probe(*BOTH, wide=False)
async def files_read_once(lab: Lab) -> None:
    for _ in range(2):
        given = Watched(b"hello" * 1000)
        if lab.family == "openai":
            await lab.call(lambda c, g=given: c.files.create(file=g, purpose="assistants"))
        else:
            await lab.call(lambda c, g=given: lab.part("files", "beta.files", client=c).upload(file=g))
        lab.note("reads", [given.reads, given.closed, given.tell()])


@probe(*BOTH, fails=True, wide=False)
async def unusual_arguments(lab: Lab) -> None:
    """Mappings, tuples and pydantic replies in place of plain dicts and lists."""
    messages = rich(lab)["messages"]
    await lab.call(lambda c: say(lab, c, **{**asked(lab), "messages": tuple(messages)}))
    await lab.call(lambda c: say(lab, c, **{**asked(lab), "messages": [MappingProxyType(one) for one in messages]}))
    await lab.call(lambda c: say(lab, c, extra_body=MappingProxyType({"a": 1})))
    first = await lab.call(lambda c: say(lab, c))
    answer = {"role": "assistant", "content": getattr(first, "content", None)}
    said = first.choices[0].message if lab.family == "openai" else answer
    again = [*messages, said, {"role": "user", "content": "Go on"}]
    await lab.call(lambda c: place(lab, c).create(**{**asked(lab), "messages": again}))
    lab.note("kept", said)
