"""The Anthropic SDK's endpoints beside the ones that speak."""

from __future__ import annotations

import anthropic

from probing.lab import Lab, probe
from probing.probes.anthropic_text import HELLO, asked
from tokeneff.testing import Reply, ToolCall


@probe("anthropic")
async def models(lab: Lab) -> None:
    await lab.call(lambda c: lab.part("models", "beta.models", client=c).list(limit=1))
    await lab.call(lambda c: lab.part("models", "beta.models", client=c).retrieve("fake-model"))


@probe("anthropic", wide=False)
async def files(lab: Lab) -> None:
    files = lab.part("files", "beta.files")
    made = await lab.call(lambda c: files.upload(file=("a.txt", b"hello", "text/plain")))
    await lab.call(lambda c: files.upload(file=("b.txt", b"more", "text/plain")))
    await lab.call(lambda c: files.list(limit=1))
    await lab.call(
        lambda c: files.retrieve_metadata(made.id) if hasattr(files, "retrieve_metadata") else files.retrieve(made.id)
    )
    await lab.call(lambda c: files.download(made.id))
    await lab.call(lambda c: files.delete(made.id))


@probe("anthropic", wide=False)
async def pages(lab: Lab) -> None:
    models = lab.client.models
    first = await lab.settled(models.list(limit=2))
    lab.note("first", [first.has_next_page(), first.next_page_info(), first])
    second = await lab.settled(first.get_next_page())
    lab.note("second", [second.has_next_page(), second])
    pages = first.iter_pages()
    lab.note("pages", [page async for page in lab.each(pages)])


@probe("anthropic", wide=False)
async def beta_namespaces(lab: Lab) -> None:
    lines = [{"custom_id": name, "params": asked(lab)} for name in ("a", "b")]
    made = await lab.call(lambda c: c.beta.messages.batches.create(requests=lines))
    await lab.call(lambda c: c.beta.messages.batches.results(made.id))
    await lab.call(lambda c: c.beta.messages.batches.list(limit=1))
    await lab.call(lambda c: c.beta.models.list(limit=1))
    lab.provider.queue(*[Reply(json={"id": "x_1", "type": "thing", "data": [], "has_more": False})] * 2)
    await lab.call(lambda c: c.beta.skills.list())
    await lab.call(lambda c: c.beta.agents.list())


@probe("anthropic", wide=False)
async def tool_runner(lab: Lab) -> None:
    """The helper that calls tools and goes on by itself."""
    if lab.awaiting:

        @anthropic.beta_async_tool
        async def weather(city: str) -> str:
            """Tell the weather."""
            return f"rain in {city}"

    else:

        @anthropic.beta_tool
        def weather(city: str) -> str:
            """Tell the weather."""
            return f"rain in {city}"

    lab.provider.queue(Reply(tool_calls=(ToolCall("weather", {"city": "Oslo"}),)), "It rains.")
    runner = lab.client.beta.messages.tool_runner(model=lab.model, max_tokens=64, messages=HELLO, tools=[weather])
    async for message in lab.each(runner):
        lab.note("message", message)
