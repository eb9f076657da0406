"""What is around a call: parents and children, threads and event loops, tags on spans, providers, and content."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NoOpTracerProvider
from telemetry_lab import FLAVOURS, Flavour, Lab, after, each, listed, plain_attributes, ready, run
from telemetry_shapes import ASKED, MODEL, SAID, TEXT

import tokeneff
from tokeneff.testing import Reply, ToolCall, faults

by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


def no_detach_faults(caplog: pytest.LogCaptureFixture) -> None:
    # By name: a stream of an earlier test that is collected late is reported to that test's provider, which is closed
    # and says so in the same logger.
    assert [record.getMessage() for record in caplog.records if record.name == "opentelemetry.context"] == []


# -- the context


@by_flavour
async def test_the_current_span_is_the_parent_and_is_current_again_after(lab: Lab, flavour: Flavour) -> None:
    client = lab.client("openai", flavour)
    tracer = lab.tracers.get_tracer("app")

    async def work() -> None:
        with tracer.start_as_current_span("request") as parent:
            await ready(client.chat.completions.create(model=MODEL, messages=ASKED))
            assert trace.get_current_span() is parent
            stream = await ready(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))
            assert trace.get_current_span() is parent
            await listed(stream)

    await run(lab, flavour, work)

    *ours, parent = lab.spans
    assert parent.name == "request"
    assert [(span.parent or parent.context).span_id for span in ours] == [parent.context.span_id] * 2
    assert all(span.context.trace_id == parent.context.trace_id for span in ours)


@by_flavour
async def test_what_traces_the_http_client_is_our_spans_child(lab: Lab, flavour: Flavour) -> None:
    import openai

    tracer = lab.tracers.get_tracer("http")
    module: Any = openai
    kind = module.DefaultHttpxClient if flavour == "sync" else module.DefaultAsyncHttpxClient

    def noted(request: Any) -> None:
        tracer.start_span("POST").end()

    async def anoted(request: Any) -> None:
        noted(request)

    http = kind(verify=False, event_hooks={"request": [noted if flavour == "sync" else anoted]})
    client = lab.client("openai", flavour, options={"http_client": http})
    lab.provider.queue(faults.rate_limit(retry_after=0.01), TEXT)

    await run(lab, flavour, lambda: ready(client.chat.completions.create(model=MODEL, messages=ASKED)))

    *theirs, ours = lab.spans
    assert [span.name for span in theirs] == ["POST", "POST"]
    assert ours.name == f"chat {MODEL}"
    assert {span.parent.span_id for span in theirs if span.parent} == {ours.context.span_id}


async def test_streams_read_in_async_generators_detach_nothing_wrongly(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    client = lab.client("openai", "async")
    tracer = lab.tracers.get_tracer("app")

    async def words() -> Any:
        with tokeneff.tag(feature="words"):
            async for chunk in await client.chat.completions.create(model=MODEL, messages=ASKED, stream=True):
                yield chunk

    async def work() -> None:
        with tracer.start_as_current_span("request"):
            items = words()
            await after(items)
            # Finished in another task, so in another context, as web frameworks do.
            await asyncio.create_task(items.aclose())
            async for _ in words():
                break
            await asyncio.create_task(listed(words()))

    await run(lab, "async", work)

    no_detach_faults(caplog)
    ours = [plain_attributes(span) for span in lab.spans if span.name != "request"]
    assert sorted(about["tokeneff.ending"] for about in ours)[-1] == "read"
    assert [about["tokeneff.tag.feature"] for about in ours] == ["words"] * len(ours)


def test_threads_with_a_copied_context_have_the_parent_and_the_tags(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    client = lab.client("openai")

    def work() -> None:
        client.chat.completions.create(model=MODEL, messages=ASKED)

    with lab.tracers.get_tracer("app").start_as_current_span("request"), tokeneff.tag(user="u1"):
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    *ours, parent = lab.spans
    assert len(ours) == 8
    assert {span.parent.span_id for span in ours if span.parent} == {parent.context.span_id}
    assert {(span.attributes or {})["user.id"] for span in ours} == {"u1"}
    assert tokeneff.usage(client).total.calls == 8
    no_detach_faults(caplog)


def test_many_event_loops_one_after_another(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        client = lab.client("openai", "async")
        await asyncio.gather(*[client.chat.completions.create(model=MODEL, messages=ASKED) for _ in range(4)])
        await listed(await client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))
        await lab.aclose()

    for _ in range(4):
        asyncio.run(work())

    assert len(lab.spans) == 20
    assert len({span.context.span_id for span in lab.spans}) == 20
    no_detach_faults(caplog)


# -- tags on spans


@by_flavour
async def test_tags_are_attributes_of_every_call_inside(lab: Lab, flavour: Flavour) -> None:
    client = lab.client("anthropic", flavour)

    async def work() -> None:
        with tokeneff.tag(user="u1", session="s9", feature="summarise", round=3):
            await ready(client.messages.create(**SAID))
            opened = await ready(client.messages.create(**SAID, stream=True))
        await listed(opened)  # read outside, and begun inside
        await ready(client.messages.create(**SAID))

    await run(lab, flavour, work)

    tags = {
        "user.id": "u1",
        "gen_ai.conversation.id": "s9",
        "tokeneff.tag.user": "u1",
        "tokeneff.tag.session": "s9",
        "tokeneff.tag.feature": "summarise",
        "tokeneff.tag.round": 3,
    }
    found = [
        {
            name: value
            for name, value in plain_attributes(span).items()
            if name in tags or name.startswith("tokeneff.tag")
        }
        for span in lab.spans
    ]
    assert found == [tags, tags, {}]
    assert {key: [*values] for key, values in tokeneff.usage(client).tags.items()} == {
        "user": ["u1"],
        "session": ["s9"],
        "feature": ["summarise"],
        "round": ["3"],
    }


# -- providers


def test_a_span_that_is_not_sampled_costs_nothing_but_is_counted(lab: Lab) -> None:
    lab.sampler.decision = Decision.DROP
    client = lab.client("openai")

    client.chat.completions.create(model=MODEL, messages=ASKED)

    assert lab.spans == ()
    assert len(lab.sampler.seen) == 1
    assert [count for _, _, count in lab.sums("gen_ai.client.operation.duration")] == [1]
    assert tokeneff.usage(client).total.calls == 1


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
def test_providers_that_do_nothing(lab: Lab, sdk: str) -> None:
    client = lab.client(sdk, tracer_provider=NoOpTracerProvider(), meter_provider=NoOpMeterProvider())

    if sdk == "openai":
        listed_ = list(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))
    else:
        listed_ = list(client.messages.create(**SAID, stream=True))

    assert listed_
    assert tokeneff.usage(client).total.calls == 1


GLOBALS = """
import os, sys
sys.path[:0] = {paths!r}
from telemetry_lab import Lab
from telemetry_shapes import ASKED, MODEL
import tokeneff
import openai
from opentelemetry import metrics, trace

openai.OpenAI, openai.DefaultHttpxClient, openai.resources.chat  # what each of the children needs, once
for when in ("before the calls", "between two calls", "never"):
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    lab = Lab()
    client = tokeneff.wrap(lab.bare("openai"))
    for call in ("before the calls", "between two calls"):
        if call == when:
            trace.set_tracer_provider(lab.tracers)
            metrics.set_meter_provider(lab.meters)
        client.chat.completions.create(model=MODEL, messages=ASKED)
    print(len(lab.spans), [count for _, _, count in lab.sums("gen_ai.client.operation.duration")],
          tokeneff.usage(client).total.calls, flush=True)
    lab.close()
    break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each needs a process of its own")
def test_the_global_providers() -> None:
    """Set before the first call, between two calls, and never."""
    script = GLOBALS.format(paths=[path for path in sys.path if path.endswith("telemetry")])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)

    assert (done.stdout.splitlines(), done.stderr.strip()) == (["2 [2] 2", "1 [1] 2", "0 [] 2"], "")


# -- content

CANARY = "the-canary-sings"
SECRET: list[Any] = [{"role": "user", "content": CANARY}]
SAYS = Reply(text=f"{CANARY} too", tool_calls=(ToolCall("look", {"at": CANARY}),), reasoning=CANARY)


async def say(client: Any, sdk: str, stream: bool) -> None:
    if sdk == "openai":
        tool = {"type": "function", "function": {"name": "look", "description": CANARY, "parameters": {}}}
        more: dict[str, Any] = {"tools": [tool], "stream": stream}
        got = await ready(client.chat.completions.create(model=MODEL, messages=SECRET, user="someone", **more))
    else:
        more = {"max_tokens": 9, "stream": stream, "system": CANARY, "metadata": {"user_id": CANARY}}
        got = await ready(client.messages.create(model=MODEL, messages=SECRET, **more))
    if stream:
        async for _ in each(got):
            pass


def everything_exported(lab: Lab) -> str:
    spans = "".join(span.to_json() for span in lab.spans)
    data = lab.reader.get_metrics_data()
    return spans + (data.to_json() if data is not None else "")


@by_flavour
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize("compat", [None, "openinference"])
async def test_no_text_is_exported_unless_asked_for(
    lab: Lab, compat: Any, sdk: str, stream: bool, flavour: Flavour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "tokeneff")
    lab.provider.queue(SAYS, faults.malformed_sse(SAYS), faults.cut(1, SAYS))
    client = lab.client(sdk, flavour, compat=compat)

    async def work() -> None:
        await say(client, sdk, stream)
        for _ in range(2):
            with contextlib.suppress(Exception):
                await say(client, sdk, stream)

    await run(lab, flavour, work)

    assert len(lab.spans) == 3
    assert CANARY not in everything_exported(lab)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("how", ["argument", "environment"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
async def test_text_is_on_spans_when_asked_for(
    lab: Lab, sdk: str, stream: bool, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.provider.queue(SAYS)
    if how == "environment":
        monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
        client = lab.client(sdk)
    else:
        client = lab.client(sdk, capture_content=True)

    await say(client, sdk, stream)

    found = lab.attributes
    for name in ("gen_ai.input.messages", "gen_ai.output.messages"):
        assert CANARY in found[name]
    data = lab.reader.get_metrics_data()
    assert data is not None
    assert CANARY not in data.to_json()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_mask_sees_all_text_before_it_is_exported(lab: Lab, stream: bool) -> None:
    def mask(value: Any, kind: str) -> Any:
        return eval(repr(value).replace(CANARY, "***"))

    lab.provider.queue(SAYS)
    await say(lab.client("openai", capture_content=True, mask=mask), "openai", stream)

    assert CANARY not in everything_exported(lab)
    assert "***" in lab.attributes["gen_ai.input.messages"]
    assert "*** too" in lab.attributes["gen_ai.output.messages"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_mask_that_fails_lets_nothing_through(lab: Lab, stream: bool, caplog: pytest.LogCaptureFixture) -> None:
    def mask(value: Any, kind: str) -> Any:
        raise ValueError(f"cannot mask {value}")

    lab.provider.queue(SAYS, SAYS)
    client = lab.client("openai", capture_content=True, mask=mask)

    await say(client, "openai", stream)
    await say(client, "openai", stream)

    assert len(lab.spans) == 2
    assert CANARY not in everything_exported(lab)
    assert CANARY not in caplog.text


@by_flavour
async def test_the_openinference_overlay_is_on_top_of_the_conventions(lab: Lab, flavour: Flavour) -> None:
    lab.provider.queue(TEXT)
    client = lab.client("openai", flavour, compat="openinference")

    await run(lab, flavour, lambda: ready(client.chat.completions.create(model=MODEL, messages=ASKED)))

    found = lab.attributes
    assert found["gen_ai.usage.input_tokens"] == found["llm.token_count.prompt"] == 100
    assert found["gen_ai.usage.output_tokens"] == found["llm.token_count.completion"] == 20
    assert found["llm.token_count.prompt_details.cache_read"] == 60
    assert found["llm.token_count.prompt_details.cache_write"] == 15
    assert found["llm.token_count.completion_details.reasoning"] == 5
    assert found["openinference.span.kind"] == "LLM"
