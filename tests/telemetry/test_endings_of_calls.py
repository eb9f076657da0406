"""Every ending of a call, in every shape: one span, saying what was known by then."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from telemetry_lab import FLAVOURS, OVER, SECONDS, Between, Flavour, Lab, after, listed, plain_attributes, ready, run
from telemetry_shapes import ASKED, CLAUDE, MODEL, NO_COUNTS, SAID, SHAPES, STREAMED, STREAMS, TEXT, Shape

import tokeneff
from tokeneff.testing import Reply, Usage, faults

by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
# The ways in which replies are had, for endings that come about before there is a reply.
WAYS = (
    "chat",
    "chat streaming response, json",
    "chat stream, usage asked by the caller",
    "chat.stream helper",
    "responses",
    "embeddings",
    "models list",
    "messages",
    "messages raw",
    "messages stream",
    "messages.stream helper",
    "messages streaming response, lines",
)
by_way = pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.name in WAYS], ids=str)
by_stream = pytest.mark.parametrize("shape", STREAMS, ids=str)
by_typed_stream = pytest.mark.parametrize("shape", [shape for shape in STREAMS if shape.typed], ids=str)
by_flavour = pytest.mark.parametrize("flavour", FLAVOURS)

ENDED = {"tokeneff.stream.duration": SECONDS, "tokeneff.output_tokens_per_second": Between(0.1, 1e9)}


def type_of(error: BaseException) -> str:
    return f"{type(error).__module__.partition('.')[0]}.{type(error).__qualname__}"


def unanswered(shape: Shape, port: int, ending: str, **more: Any) -> dict[str, Any]:
    """What is said of a call that got no reply."""
    found = shape.at_start(port) | shape.asked | {"tokeneff.ending": ending}
    if shape.counted:
        found |= NO_COUNTS
    return found | {name.replace("__", "."): value for name, value in more.items()}


async def raised_by(work: Callable[[], Awaitable[Any]]) -> Exception:
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        return error
    raise AssertionError("nothing was raised")


def assert_failed(span: ReadableSpan, error: BaseException) -> None:
    assert span.status.status_code is StatusCode.ERROR
    assert (span.status.description or "") == str(error)[:1000]


def events(span: ReadableSpan) -> list[tuple[str, dict[str, Any]]]:
    return [(event.name, dict(event.attributes or {})) for event in span.events]


# -- before there is a reply


@by_flavour
@by_shape
async def test_refused_by_the_provider(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(faults.bad_request("no such thing"))
    client = lab.client(shape.sdk, flavour)

    error = await run(lab, flavour, lambda: raised_by(lambda: shape.read(client)))

    assert lab.attributes == unanswered(
        shape,
        lab.provider.port,
        "failed",
        error__type=f"{shape.sdk}.BadRequestError",
        http__response__status_code=400,
    )
    assert_failed(lab.span, error)
    assert lab.span.events == ()
    total = tokeneff.usage(client).total
    assert (total.calls, total.errors, total.input_tokens) == (1, 1, 0)


@by_flavour
@by_shape
async def test_retried_and_answered(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    busy = 529 if shape.sdk == "anthropic" else 503
    lab.provider.queue(faults.rate_limit(retry_after=0.01), faults.overloaded(retry_after=0.02), shape.reply)
    client = lab.client(shape.sdk, flavour)
    begun = time.time_ns()

    await run(lab, flavour, lambda: shape.read(client))

    port = lab.provider.port
    found = shape.at_start(port) | shape.asked | shape.got | (STREAMED if shape.start else {})
    assert lab.attributes == found | {"tokeneff.ending": "read", "http.request.resend_count": 2}
    assert lab.span.status.status_code is StatusCode.UNSET
    assert events(lab.span) == [
        (
            "tokeneff.attempt",
            {
                "error.type": "429",
                "tokeneff.attempt.number": 1,
                "http.response.status_code": 429,
                "tokeneff.retry.delay": 0.01,
            },
        ),
        (
            "tokeneff.attempt",
            {
                "error.type": str(busy),
                "tokeneff.attempt.number": 2,
                "http.response.status_code": busy,
                "tokeneff.retry.delay": 0.02,
            },
        ),
    ]
    first, second = lab.span.events
    assert begun <= first.timestamp <= second.timestamp <= (lab.span.end_time or 0)
    total = tokeneff.usage(client).total
    assert (total.calls, total.errors, total.retries) == (1, 0, 2)
    assert total.input_tokens == shape.got.get("gen_ai.usage.input_tokens", 0)
    assert [count for _, _, count in lab.sums("gen_ai.client.operation.duration")] == [1]


@by_flavour
@by_way
async def test_retried_in_vain(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(*[faults.rate_limit(retry_after=0.001)] * 3)
    client = lab.client(shape.sdk, flavour)

    error = await run(lab, flavour, lambda: raised_by(lambda: shape.read(client)))

    assert lab.attributes == unanswered(
        shape,
        lab.provider.port,
        "failed",
        error__type=f"{shape.sdk}.RateLimitError",
        http__response__status_code=429,
        http__request__resend_count=2,
    )
    assert_failed(lab.span, error)
    assert [about["http.response.status_code"] for _, about in events(lab.span)] == [429, 429]
    assert len(lab.provider.requests) == 3


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@by_flavour
@by_way
async def test_no_connection(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    port = free_port()
    path = "/v1" if shape.sdk == "openai" else ""
    options = {"base_url": f"http://127.0.0.1:{port}{path}", "max_retries": 0}
    client = lab.client(shape.sdk, flavour, options=options)

    error = await run(lab, flavour, lambda: raised_by(lambda: shape.read(client)))

    assert lab.attributes == unanswered(shape, port, "failed", error__type=f"{shape.sdk}.APIConnectionError")
    assert_failed(lab.span, error)


@by_flavour
@by_way
async def test_connection_lost_before_the_reply(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(faults.disconnect())
    client = lab.client(shape.sdk, flavour, options={"max_retries": 0})

    error = await run(lab, flavour, lambda: raised_by(lambda: shape.read(client)))

    port = lab.provider.port
    assert lab.attributes == unanswered(shape, port, "failed", error__type=f"{shape.sdk}.APIConnectionError")
    assert_failed(lab.span, error)


@by_flavour
@by_way
async def test_timed_out(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(faults.hang())
    client = lab.client(shape.sdk, flavour, options={"max_retries": 0, "timeout": 0.1})

    error = await run(lab, flavour, lambda: raised_by(lambda: shape.read(client)))

    port = lab.provider.port
    assert lab.attributes == unanswered(shape, port, "failed", error__type=f"{shape.sdk}.APITimeoutError")
    assert_failed(lab.span, error)


@by_shape
async def test_cancelled_while_awaiting(lab: Lab, shape: Shape) -> None:
    lab.provider.queue(faults.hang())
    client = lab.client(shape.sdk, "async")

    async def work() -> None:
        task = asyncio.ensure_future(shape.read(client))
        await asyncio.to_thread(lab.provider.wait_for, lambda p: p.request_count == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await run(lab, "async", work)

    port = lab.provider.port
    assert lab.attributes == unanswered(shape, port, "cancelled", error__type="asyncio.CancelledError")
    assert lab.span.status.status_code is StatusCode.ERROR
    total = tokeneff.usage(client).total
    assert (total.calls, total.errors, total.cut) == (1, 0, 1)


@by_flavour
async def test_connection_refused_again_and_again(lab: Lab, flavour: Flavour) -> None:
    options = {"base_url": f"http://127.0.0.1:{free_port()}/v1", "max_retries": 1}
    client = lab.client("openai", flavour, options=options)

    await run(lab, flavour, lambda: raised_by(lambda: ready(client.models.list())))

    assert events(lab.span) == [
        (
            "tokeneff.attempt",
            {"error.type": "ConnectError", "tokeneff.attempt.number": 1, "tokeneff.retry.delay": Between(0.3, 1.0)},
        )
    ]
    assert lab.attributes["error.type"] == "openai.APIConnectionError"


@by_flavour
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
async def test_answered_with_what_is_no_json(lab: Lab, sdk: str, flavour: Flavour) -> None:
    lab.provider.queue(faults.not_json(), faults.not_json())
    client = lab.client(sdk, flavour)

    def call(client: Any) -> Any:
        if sdk == "openai":
            return client.chat.completions.create(model=MODEL, messages=ASKED)
        return client.messages.create(**SAID)

    async def work() -> list[Any]:
        return [await ready(call(client)), await ready(call(lab.bare(sdk, flavour)))]

    ours, theirs = await run(lab, flavour, work)

    assert ours == theirs
    assert lab.attributes["tokeneff.ending"] == "read"
    assert lab.attributes["gen_ai.usage.input_tokens"] == 11
    assert "gen_ai.usage.output_tokens" not in lab.attributes
    assert lab.attributes["tokeneff.usage.source"] == "estimated"


# -- while the reply comes


def partly(shape: Shape, port: int, ending: str, said: int, **more: Any) -> dict[str, Any]:
    """What is said of a stream that did not come to its end, when so many words of it had come."""
    known = {
        name: value
        for name, value in shape.got.items()
        if not name.startswith(("gen_ai.usage", "tokeneff", "gen_ai.response.finish"))
    }
    found = shape.at_start(port) | shape.asked | known
    found |= {"tokeneff.ending": ending, "tokeneff.usage.source": "estimated", "gen_ai.usage.output_tokens": said}
    found |= {"gen_ai.response.time_to_first_chunk": SECONDS, "tokeneff.stream.chunks": Between(1, 20)}
    if shape.sdk == "anthropic":
        # Their input is said at the start, so it is known whatever comes after.
        found |= {
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 60,
            "gen_ai.usage.cache_write.input_tokens": 15,
            "tokeneff.usage.input_source": "provider",
            "tokeneff.usage.output_source": "estimated",
        }
    else:
        found["gen_ai.usage.input_tokens"] = 11 if "chat_completions" in shape.asked.values() else 3
    return found | {name.replace("__", "."): value for name, value in more.items()}


def several(found: dict[str, Any]) -> dict[str, Any]:
    """With what is known of a stream of more than one chunk that said something."""
    return found | ENDED


def one_chunk(shape: Shape) -> int:
    """Words in a stream's first chunk."""
    return 1 if shape.operation == "text_completion" else 0


def cut_early(shape: Shape, port: int, ending: str) -> dict[str, Any]:
    found = partly(shape, port, ending, one_chunk(shape), gen_ai__response__finish_reasons=["error"])
    return found | {"tokeneff.stream.chunks": 1}


@by_flavour
@by_stream
async def test_broken_off(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(faults.slow_chunks(0.3, shape.reply))
    client = lab.client(shape.sdk, flavour)

    async def work() -> None:
        assert shape.start is not None
        opened = await shape.start(client)
        await after(opened.items)
        await ready(opened.close())

    await run(lab, flavour, work)

    assert_roughly(lab.attributes, cut_early(shape, lab.provider.port, "broken_off"))
    assert lab.span.status.status_code is StatusCode.UNSET
    total = tokeneff.usage(client).total
    assert (total.calls, total.cut, total.estimated) == (1, 1, 1)


def assert_roughly(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Equal but for how many pieces the network made of a stream that is read as bytes."""
    if "tokeneff.stream.duration" in found:
        wanted = wanted | {"tokeneff.stream.duration": SECONDS, "tokeneff.stream.chunks": Between(2, 20)}
        if wanted["gen_ai.usage.output_tokens"]:
            wanted |= {"tokeneff.output_tokens_per_second": ENDED["tokeneff.output_tokens_per_second"]}
    assert found == wanted


@by_flavour
@by_stream
async def test_dropped(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(faults.slow_chunks(0.3, shape.reply))
    client = lab.client(shape.sdk, flavour)

    async def work() -> None:
        assert shape.start is not None
        # What an event loop has to say of generators that nobody closed is the SDK's, wrapped or not.
        if flavour == "async":
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        opened = await shape.start(client)
        await after(opened.items)
        del opened
        gc.collect()

    await run(lab, flavour, work)
    gc.collect()
    await until(lambda: len(lab.spans) == 1)

    found = lab.attributes
    # Bytes that are no longer read may as well have been broken off: there is no telling.
    ending = found.pop("tokeneff.ending")
    assert ending == "dropped" or ((ending == "broken_off" and "raw" in shape.name) or not shape.typed)
    wanted = cut_early(shape, lab.provider.port, "dropped")
    del wanted["tokeneff.ending"]
    assert_roughly(found, wanted)
    assert lab.span.status.status_code is StatusCode.UNSET


async def until(condition: Callable[[], bool]) -> None:
    """Wait for another thread, or for what the event loop does of itself with generators that nobody closed."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.002)
        gc.collect()


@by_stream
async def test_cancelled_while_streaming(lab: Lab, shape: Shape) -> None:
    lab.provider.queue(faults.slow_chunks(5, shape.reply))
    client = lab.client(shape.sdk, "async")

    async def reading(begun: asyncio.Event) -> None:
        assert shape.start is not None
        opened = await shape.start(client)
        try:
            while await after(opened.items) is not OVER:
                begun.set()
        finally:
            await ready(opened.close())

    async def work() -> None:
        begun = asyncio.Event()
        task = asyncio.ensure_future(reading(begun))
        await begun.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    await run(lab, "async", work)

    said = lab.attributes["gen_ai.usage.output_tokens"]
    assert said in (0, 1)
    wanted = partly(shape, lab.provider.port, "cancelled", said, gen_ai__response__finish_reasons=["error"])
    assert_roughly(lab.attributes, wanted | {"error.type": "asyncio.CancelledError", "tokeneff.stream.chunks": 1})
    assert lab.span.status.status_code is StatusCode.ERROR


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX signals")
@pytest.mark.parametrize(
    "shape", [shape for shape in STREAMS if shape.name in ("chat raw and stream", "messages stream")], ids=str
)
def test_interrupted_while_streaming(lab: Lab, shape: Shape) -> None:
    lab.provider.queue(faults.slow_chunks(5, shape.reply))
    client = lab.client(shape.sdk)

    async def reading() -> None:
        assert shape.start is not None
        opened = await shape.start(client)
        try:
            await after(opened.items)
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            await listed(opened.items)
        finally:
            await ready(opened.close())

    alarm = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            reading().send(None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm)

    assert lab.attributes["tokeneff.ending"] == "cancelled"
    assert lab.attributes["error.type"] == "KeyboardInterrupt"
    assert lab.span.status.status_code is StatusCode.ERROR


async def reading(shape: Shape, client: Any) -> None:
    assert shape.start is not None
    opened = await shape.start(client)
    try:
        await listed(opened.items)
    finally:
        await ready(opened.close())


def seen_on_the_wire(error: BaseException) -> BaseException:
    """The http client's error that the SDK's was made of, where it was made of one."""
    found: BaseException | None = error
    while found is not None:
        if type(found).__module__.partition(".")[0] in ("httpx", "httpx2"):
            return found
        found = found.__cause__ or found.__context__
    return error


@by_flavour
@by_stream
@pytest.mark.parametrize("how", ["close", "reset", "slow"])
async def test_the_connection_is_lost_in_a_stream(lab: Lab, shape: Shape, flavour: Flavour, how: Any) -> None:
    if how == "slow":
        lab.provider.queue(faults.slow_chunks(5, shape.reply))
    else:
        lab.provider.queue(faults.cut(2, shape.reply, ending=how))
    timeout = 0.15 if how == "slow" else 20
    client = lab.client(shape.sdk, flavour, options={"max_retries": 0, "timeout": timeout})

    error = seen_on_the_wire(await run(lab, flavour, lambda: raised_by(lambda: reading(shape, client))))

    said = 1 if how == "slow" else 2
    if how == "reset":
        said = lab.attributes["gen_ai.usage.output_tokens"]  # a reset may overtake what was sent before it
    wanted = partly(shape, lab.provider.port, "failed", said, gen_ai__response__finish_reasons=["error"])
    assert_roughly(lab.attributes, wanted | {"error.type": type_of(error)})
    assert_failed(lab.span, error)
    total = tokeneff.usage(client).total
    assert (total.calls, total.errors, total.cut) == (1, 1, 0)


@by_flavour
@by_stream
async def test_a_stream_that_ends_too_early_but_properly(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(faults.cut(2, shape.reply, ending="end"))
    client = lab.client(shape.sdk, flavour)

    with_error = None
    try:
        await run(lab, flavour, lambda: reading(shape, client))
    except Exception as error:  # noqa: BLE001 - some helpers mind
        with_error = error

    assert with_error is None or "helper" in shape.name
    assert_roughly(lab.attributes, several(partly(shape, lab.provider.port, "read", 2)))


@by_flavour
@by_typed_stream
async def test_an_event_that_is_no_json(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(faults.malformed_sse(shape.reply))
    client = lab.client(shape.sdk, flavour)

    error = await run(lab, flavour, lambda: raised_by(lambda: reading(shape, client)))

    wanted = partly(shape, lab.provider.port, "failed", 1, gen_ai__response__finish_reasons=["error"])
    assert_roughly(lab.attributes, wanted | {"error.type": type_of(error), "tokeneff.stream.chunks": Between(1, 3)})
    assert_failed(lab.span, error)


@by_flavour
@by_typed_stream
async def test_an_error_event(lab: Lab, shape: Shape, flavour: Flavour) -> None:
    lab.provider.queue(faults.stream_error(1, shape.reply))
    client = lab.client(shape.sdk, flavour)
    port = lab.provider.port

    if "openai.api.type" in shape.asked and shape.asked["openai.api.type"] == "responses":
        # Their SDK hands this one to the caller as an event, and the stream comes to its end.
        try:
            await run(lab, flavour, lambda: reading(shape, client))
        except Exception as error:  # noqa: BLE001 - the helper minds the missing end
            assert "helper" in shape.name, error  # noqa: PT017
        wanted = several(partly(shape, port, "read", 1, gen_ai__response__finish_reasons=["error"]))
        assert_roughly(lab.attributes, wanted)
        return

    error = await run(lab, flavour, lambda: raised_by(lambda: reading(shape, client)))

    wanted = partly(shape, port, "failed", 1, gen_ai__response__finish_reasons=["error"])
    wanted["error.type"] = type_of(error)
    if getattr(error, "status_code", None) is not None:
        wanted["http.response.status_code"] = error.status_code  # type: ignore[attr-defined]
    assert_roughly(lab.attributes, wanted | {"tokeneff.stream.chunks": Between(1, 3)})
    assert_failed(lab.span, error)


@by_flavour
@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize("kind", ["malformed", "error", "cut"])
async def test_a_stream_that_fails_and_that_nobody_closes(lab: Lab, sdk: str, kind: str, flavour: Flavour) -> None:
    """Also on the lines of the SDKs that leave it open themselves."""
    bent = {"malformed": faults.malformed_sse, "error": lambda: faults.stream_error(1), "cut": lambda: faults.cut(1)}
    lab.provider.queue(bent[kind]())  # type: ignore[operator]
    client = lab.client(sdk, flavour)

    async def work() -> None:
        if sdk == "openai":
            await listed(await ready(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True)))
        else:
            await listed(await ready(client.messages.create(**SAID, stream=True)))

    error = seen_on_the_wire(await run(lab, flavour, lambda: raised_by(work)))

    assert (lab.attributes["tokeneff.ending"], lab.attributes["error.type"]) == ("failed", type_of(error))
    assert_failed(lab.span, error)


@by_flavour
@pytest.mark.parametrize("kind", ["malformed", "error"])
@pytest.mark.parametrize("shape", [shape for shape in STREAMS if not shape.typed], ids=str)
async def test_bytes_say_what_went_wrong_to_their_reader_alone(
    lab: Lab, shape: Shape, flavour: Flavour, kind: str
) -> None:
    bent = faults.malformed_sse(shape.reply) if kind == "malformed" else faults.stream_error(1, shape.reply)
    lab.provider.queue(bent)
    client = lab.client(shape.sdk, flavour)

    await run(lab, flavour, lambda: reading(shape, client))

    if kind == "malformed":
        wanted = shape.at_start(lab.provider.port) | shape.asked | shape.got | STREAMED | {"tokeneff.ending": "read"}
    else:
        wanted = several(partly(shape, lab.provider.port, "read", 1))
        if "responses" in shape.name:
            wanted["gen_ai.response.finish_reasons"] = ["error"]
    assert lab.attributes == wanted


@by_flavour
async def test_broken_off_when_all_was_said(lab: Lab, flavour: Flavour) -> None:
    lab.provider.queue(TEXT)
    client = lab.client("openai", flavour)

    async def work() -> None:
        stream = await ready(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))
        items = stream.__aiter__() if flavour == "async" else iter(stream)
        while (await after(items)).choices[0].finish_reason is None:
            pass
        await ready(stream.close())

    await run(lab, flavour, work)

    assert lab.attributes["tokeneff.ending"] == "read"
    assert lab.attributes["gen_ai.response.finish_reasons"] == ["stop"]
    assert lab.attributes["gen_ai.usage.output_tokens"] == 3


@by_flavour
async def test_a_message_broken_off_after_its_last_counts_has_them_from_the_provider(
    lab: Lab, flavour: Flavour
) -> None:
    lab.provider.queue(TEXT)
    client = lab.client("anthropic", flavour)

    async def work() -> None:
        stream = await ready(client.messages.create(**SAID, stream=True))
        items = stream.__aiter__() if flavour == "async" else iter(stream)
        while (await after(items)).type != "message_delta":
            pass
        await ready(stream.close())

    await run(lab, flavour, work)

    found = lab.attributes
    assert (found["gen_ai.usage.output_tokens"], found["tokeneff.usage.source"]) == (20, "provider")
    assert found["gen_ai.response.finish_reasons"] == ["end_turn"]


@by_flavour
async def test_the_caller_fails_while_reading(lab: Lab, flavour: Flavour) -> None:
    """What is raised in the caller's own loop is none of the call's faults."""
    client = lab.client("openai", flavour)

    async def work() -> None:
        stream = await ready(client.chat.completions.create(model=MODEL, messages=ASKED, stream=True))
        if flavour == "async":
            async with stream:
                async for _ in stream:
                    raise KeyError("mine")
        with stream:
            for _ in stream:
                raise KeyError("mine")

    with pytest.raises(KeyError):
        await run(lab, flavour, work)

    assert lab.attributes["tokeneff.ending"] == "broken_off"
    assert "error.type" not in lab.attributes
    assert lab.span.status.status_code is StatusCode.UNSET


@by_flavour
async def test_reading_on_after_a_stream_is_closed_and_closing_it_twice_tells_one_end(
    lab: Lab, flavour: Flavour
) -> None:
    client = lab.client("anthropic", flavour)

    async def work() -> None:
        stream = await ready(client.messages.create(**SAID, stream=True))
        items = stream.__aiter__() if flavour == "async" else iter(stream)
        await listed(items)
        await ready(stream.close())
        await ready(stream.close())
        del stream, items
        gc.collect()

    await run(lab, flavour, work)

    assert lab.attributes["tokeneff.ending"] == "read"
    assert tokeneff.usage(client).total.calls == 1


@by_flavour
async def test_two_streams_at_a_time_are_told_apart(lab: Lab, flavour: Flavour) -> None:
    lab.provider.queue(
        Reply(text="a b c", id="one", usage=Usage(10, 3)), Reply(text="d e", id="two", usage=Usage(20, 2))
    )
    client = lab.client("anthropic", flavour)

    async def work() -> None:
        streams = [await ready(client.messages.create(**SAID, stream=True)) for _ in range(2)]
        open_ = [stream.__aiter__() if flavour == "async" else iter(stream) for stream in streams]
        while open_:
            for items in list(open_):
                if await after(items) is OVER:
                    open_.remove(items)

    await run(lab, flavour, work)

    found = [plain_attributes(span) for span in lab.spans]
    told = {about["gen_ai.response.id"]: about["gen_ai.usage.input_tokens"] for about in found}
    assert told == {"one": 10, "two": 20}
    assert {about["gen_ai.request.model"] for about in found} == {CLAUDE}
