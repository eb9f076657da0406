"""Clients through their lives: copies, contexts, closing, breaking off, dropping, cancelling, threads, event loops."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from probing.lab import Lab, probe
from probing.speaking import asked, helper, http_of, place, say
from tokeneff.testing import Reply, faults

BOTH = ("openai", "anthropic")
SLOW = faults.slow_chunks(0.05, Reply(chunks=[f"w{i} " for i in range(40)]))


@probe(*BOTH)
async def copies(lab: Lab) -> None:
    """``with_options`` and ``copy`` chains keep what they are to keep, and change what they are to change."""
    client = lab.client
    ways: tuple[Any, ...] = (
        lambda: client.with_options(max_retries=5),
        lambda: client.copy(timeout=7.5, default_headers={"X-Copied": "1"}),
        lambda: client.with_options(default_query={"a": "1"}).with_options(max_retries=0).copy(),
        lambda: client.with_options(set_default_headers={"X-Only": "1"}),
    )
    for way in ways:
        try:
            made = way()
        except TypeError as error:  # a user's own constructor, which the SDK's copy does not know
            lab.note("not copied", error)
            continue
        lab.note(
            "copy",
            [type(made), made.max_retries, repr(made.timeout), str(made.base_url), sorted(made.default_headers)],
        )
        lab.note("shared", [made._client is client._client, made is client, type(made) is type(client)])
        await lab.call(lambda c: say(lab, c, extra_headers={"X-Call": "1"}), client=made)
    await lab.call(lambda c: say(lab, c))


@probe(*BOTH, wide=False, fails=True)
async def wrong_copies(lab: Lab) -> None:
    for wrong in ({"default_headers": {}, "set_default_headers": {}}, {"nonsense": 1}, {"max_retries": None}):
        try:
            lab.note("copy", type(lab.client.with_options(**wrong)))
        except Exception as error:  # noqa: BLE001 - noted
            lab.failed(error, "copy")


@probe(*BOTH, wide=False)
async def copy_with_http_client(lab: Lab) -> None:
    http = http_of(lab.client)
    with_own = (http.AsyncClient if lab.awaiting else http.Client)(headers={"x-own": "2"})
    made = lab.client.with_options(http_client=with_own)
    lab.note("own", [made._client is with_own, lab.client._client is with_own, type(made) is type(lab.client)])
    await lab.call(lambda c: say(lab, c), client=made)
    await lab.settled(made.close())
    lab.note("closed", [made.is_closed(), lab.client.is_closed(), with_own.is_closed])


@probe(*BOTH, fails=True)
async def as_context(lab: Lab) -> None:
    async with lab.entered(lab.client) as entered:
        lab.note("same", entered is lab.client)
        await lab.call(lambda c: say(lab, c), client=entered)
        lab.note("open", entered.is_closed())
    lab.note("closed", lab.client.is_closed())
    await lab.call(lambda c: say(lab, c.with_options(max_retries=0)))


@probe(*BOTH, leaves=True)
async def early_break(lab: Lab) -> None:
    lab.provider.queue(*["one two three four"] * 2)
    stream = await lab.settled(say(lab, stream=True))
    chunks = stream.__aiter__() if lab.awaiting else iter(stream)
    lab.note("first", await anext(chunks) if lab.awaiting else next(chunks))
    if lab.awaiting:
        await chunks.aclose()
    else:
        chunks.close()
    lab.note("after break", [stream.response.is_closed, stream.response.is_stream_consumed])
    await lab.settled(stream.close())
    lab.note("after close", [stream.response.is_closed])
    async with lab.entered(helper(lab)) as events:
        async for event in lab.each(events):
            lab.note("event", event)
            break
    await lab.call(lambda c: say(lab, c))


@probe(*BOTH, wide=False)
async def next_by_hand(lab: Lab) -> None:
    lab.provider.queue("one two")
    stream = await lab.settled(say(lab, stream=True))
    try:
        while True:
            lab.note("next", (await stream.__anext__()) if lab.awaiting else next(stream))
    except (StopIteration, StopAsyncIteration) as over:
        lab.note("over", over)


@probe(*BOTH, wide=False, wire=True)
async def dropped(lab: Lab) -> None:
    """A stream that nobody keeps is let go at once, and its connection with it."""
    for read in (0, 2):
        lab.provider.queue(SLOW)
        stream = await lab.settled(say(lab, stream=True))
        for _ in range(read):
            lab.note("chunk", (await stream.__anext__()) if lab.awaiting else next(stream))
        gone = [weakref.ref(stream), weakref.ref(stream.response)]
        del stream
        if lab.awaiting:
            await asyncio.sleep(0)
        if read == 0:
            lab.note("gone at once", [ref() is None for ref in gone])
        if any(ref() is not None for ref in gone):
            gc.collect()
        if lab.awaiting:
            for _ in range(3):
                await asyncio.sleep(0)
        lab.note("gone", [ref() is None for ref in gone])
    await lab.call(lambda c: say(lab, c))


@probe(*BOTH, wide=False, wire=True)
async def pool_of_one(lab: Lab) -> None:
    """A connection goes back to its pool however a reply ends, or the next call would wait for it in vain."""
    http = http_of(lab.client)
    kind = http.AsyncClient if lab.awaiting else http.Client
    own = kind(limits=http.Limits(max_connections=1), timeout=http.Timeout(5, pool=1))
    client = lab.client.with_options(http_client=own, max_retries=0)
    lab.provider.queue("whole", "one two", "one two three", "one two")
    await lab.call(lambda c: say(lab, c), client=client)
    await lab.call(lambda c: say(lab, c, stream=True), client=client)
    stream = await lab.settled(say(lab, client, stream=True))
    await lab.settled(stream.close())
    async with lab.entered(place(lab, client).with_streaming_response.create(**asked(lab))) as response:
        lab.note("unread", response.status_code)
    raw = await lab.settled(place(lab, client).with_raw_response.create(**asked(lab, stream=True)))
    await lab.settled(raw.http_response.aclose() if lab.awaiting else raw.http_response.close())
    await lab.call(lambda c: say(lab, c), client=client)
    await lab.settled(own.aclose() if lab.awaiting else own.close())


@probe(*BOTH, only="async", wide=False, wire=True)
async def cancelled_call(lab: Lab) -> None:
    lab.provider.queue(faults.hang())
    task = asyncio.ensure_future(say(lab))
    await asyncio.to_thread(lab.provider.wait_for, lambda p: p.request_count == 1)
    task.cancel("by the caller")
    try:
        await task
    except asyncio.CancelledError as error:
        lab.note("cancelled", [error, task.cancelled()])
    await asyncio.to_thread(lab.provider.wait_for, lambda p: p.disconnects or not p._links)
    try:
        lab.provider.queue(faults.hang())
        async with asyncio.timeout(0.2):
            await say(lab)
    except TimeoutError as error:
        lab.note("timed out", error)
    await lab.call(lambda c: say(lab, c))


@probe(*BOTH, only="async", wide=False, wire=True)
async def cancelled_stream(lab: Lab) -> None:
    lab.provider.queue(SLOW, SLOW)
    begun = asyncio.Event()

    async def read(manager: Any) -> None:
        async with manager as stream:
            async for _ in stream:
                begun.set()

    for opening in (lambda: say(lab, stream=True), lambda: helper(lab)):
        made = opening()
        task = asyncio.ensure_future(read(await made if asyncio.iscoroutine(made) else made))
        await begun.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError as error:
            lab.note("cancelled", [error, task.cancelled()])
        begun.clear()
    await lab.call(lambda c: say(lab, c))


@probe(*BOTH, only="async", wide=False)
async def gathered(lab: Lab) -> None:
    lab.unordered = True
    lab.provider.default = lambda request: Reply(text=request.json["messages"][0]["content"], id="same")
    lines = [[{"role": "user", "content": f"number {i}"}] for i in range(12)]
    replies = await asyncio.gather(*(place(lab).create(**{**asked(lab), "messages": line}) for line in lines))
    for reply in replies:
        reply._request_id = None  # whichever came first
        lab.note("reply", reply)


@probe(*BOTH, only="sync", wide=False)
async def eight_threads(lab: Lab) -> None:
    lab.unordered = True
    lab.provider.default = lambda request: Reply(text=request.json["messages"][0]["content"], id="same")

    def work(number: int) -> list[Any]:
        line = [{"role": "user", "content": f"number {number}"}]
        whole = place(lab).create(**{**asked(lab), "messages": line})
        whole._request_id = None
        streamed = list(place(lab).create(**{**asked(lab), "messages": line, "stream": True}))
        return [whole, streamed]

    with ThreadPoolExecutor(8) as pool:
        for done in pool.map(work, range(16)):
            lab.note("done", done)


@probe(*BOTH, only="async", wide=False)
async def many_loops(lab: Lab) -> None:
    """One client used from an event loop per thread, one after the other, each with connections of its own."""

    async def once() -> Any:
        client = lab.client.with_options(http_client=http_of(lab.client).AsyncClient())
        reply = await say(lab, client)
        chunks = [chunk async for chunk in await say(lab, client, stream=True)]
        await client.close()
        return reply, chunks

    for _ in range(4):
        lab.note("loop", await asyncio.to_thread(asyncio.run, once()))


@probe(*BOTH)
async def copied_by_copy(lab: Lab) -> None:
    twin = copy.copy(lab.client)
    lab.note("twin", [type(twin), sorted(set(vars(twin)) - {"_tokeneff"}), twin is lab.client])
    await lab.call(lambda c: say(lab, c), client=twin)
    try:
        lab.note("pickled", type(pickle.dumps(lab.client)))
    except Exception as error:  # noqa: BLE001 - noted
        lab.note("not pickled", type(error))


@probe(*BOTH, wide=False)
async def logged(lab: Lab) -> None:
    """What the SDK logs."""
    import logging

    lines: list[Any] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((record.name, record.levelname, record.getMessage().partition("headers")[0][:400]))

    logger, handler = logging.getLogger(lab.family), Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        lab.provider.queue(faults.error(500, "api_error", "x", retry_after_ms="1"), "fine")
        await lab.call(lambda c: say(lab, c))
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    lab.note("lines", [(name, level, text) for name, level, text in lines if "Retrying" in text or "HTTP" in text])
