"""Raw and streaming responses: nothing may be read before the caller reads it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from probing.lab import Lab, probe
from probing.speaking import asked, helper, place, say
from tokeneff.testing import Reply, faults

BOTH = ("openai", "anthropic")


async def gist(lab: Lab, name: str, response: Any) -> None:
    """What a raw response tells of itself."""
    lab.note(name, response)
    lab.note(
        f"{name} gist",
        [
            response.status_code,
            response.method,
            response.url,
            response.http_version,
            response.is_closed,
            response.headers,
            response.http_request,
        ],
    )


@probe(*BOTH)
async def raw_response(lab: Lab) -> None:
    response = await lab.settled(place(lab).with_raw_response.create(**asked(lab)))
    await gist(lab, "raw", response)
    lab.note("elapsed", type(response.elapsed))
    first = await lab.settled(response.parse())
    second = await lab.settled(response.parse())
    lab.note("parsed", [first, second is first])
    lab.note("text", await lab.settled(response.text() if callable(response.text) else response.text))
    await gist(lab, "after", response)
    other = await lab.settled(lab.client.with_raw_response.models.list())
    lab.note("page", await lab.settled(other.parse()))


@probe(*BOTH)
async def raw_stream(lab: Lab) -> None:
    lab.provider.queue("one two three", "four five", "six")
    response = await lab.settled(place(lab).with_raw_response.create(**asked(lab, stream=True)))
    await gist(lab, "raw", response)
    await lab.read(await lab.settled(response.parse()), "parsed")
    response = await lab.settled(place(lab).with_raw_response.create(**asked(lab, stream=True)))
    http = response.http_response
    lab.note("lines", [line async for line in lab.each(http.aiter_lines() if lab.awaiting else http.iter_lines())])
    response = await lab.settled(place(lab).with_raw_response.create(**asked(lab, stream=True)))
    await lab.settled(response.http_response.aclose() if lab.awaiting else response.http_response.close())
    await gist(lab, "closed", response)


READS = ("read", "text", "json", "parse", "iter_bytes", "iter_text", "iter_lines", "sized", "nothing", "close")


async def _read(lab: Lab, response: Any, how: str) -> Any:
    if how == "nothing":
        return None
    if how == "sized":
        return [len(piece) async for piece in lab.each(response.iter_bytes(7))]
    if how == "iter_lines":
        return [line async for line in lab.each(response.iter_lines())]
    if how.startswith("iter_"):
        pieces = [piece async for piece in lab.each(getattr(response, how)())]
        return (b"" if how == "iter_bytes" else "").join(pieces)  # cut where the network cut it
    return await lab.settled(getattr(response, how)())


@probe(*BOTH)
async def streaming_response(lab: Lab) -> None:
    for how in READS:
        manager = place(lab).with_streaming_response.create(**asked(lab))
        lab.note("manager", type(manager))
        async with lab.entered(manager) as response:
            await gist(lab, f"{how} before", response)
            lab.note(how, await _read(lab, response, how))
            await gist(lab, f"{how} after", response)
        lab.note(f"{how} closed", response.is_closed)


@probe(*BOTH)
async def streaming_response_stream(lab: Lab) -> None:
    for how in ("iter_lines", "read", "parse", "sized", "nothing"):
        lab.provider.queue("one two three")
        async with lab.entered(place(lab).with_streaming_response.create(**asked(lab, stream=True))) as response:
            await gist(lab, f"{how} before", response)
            found = await _read(lab, response, how)
            await lab.read(found, how)
        lab.note(f"{how} closed", response.is_closed)


@probe(*BOTH, fails=True)
async def refused_raw(lab: Lab) -> None:
    """Errors in raw and streaming mode, where the body is not read by itself."""
    lab.provider.queue(*[faults.bad_request("no such thing")] * 4)
    await lab.call(lambda c: place(lab, c).with_raw_response.create(**asked(lab)))
    await lab.call(lambda c: place(lab, c).with_raw_response.create(**asked(lab, stream=True)))
    for more in ({}, {"stream": True}):
        try:
            async with lab.entered(place(lab).with_streaming_response.create(**asked(lab, **more))):
                lab.note("entered", True)
        except Exception as error:  # noqa: BLE001 - noted
            lab.failed(error, "streaming")
    lab.provider.queue(faults.not_json(), faults.not_json())
    raw = await lab.call(lambda c: place(lab, c).with_raw_response.create(**asked(lab)))
    await lab.call(lambda c: raw.parse())
    async with lab.entered(place(lab).with_streaming_response.create(**asked(lab))) as response:
        await lab.call(lambda c: response.parse())


@probe(*BOTH)
async def raw_retried(lab: Lab) -> None:
    lab.provider.queue(faults.rate_limit(retry_after=0.001), "after all", faults.rate_limit(retry_after=0.001))
    response = await lab.settled(place(lab).with_raw_response.create(**asked(lab)))
    lab.note("raw", [response.retries_taken, response])
    async with lab.entered(place(lab).with_streaming_response.create(**asked(lab))) as streamed:
        lab.note("streaming", [streamed.retries_taken, streamed])


@probe(*BOTH, wide=False)
async def raw_by_header(lab: Lab) -> None:
    """The header that the raw modes set, set by the caller."""
    for value in ("true", "raw", "stream"):
        for more in ({}, {"stream": True}):
            reply = await lab.settled(say(lab, extra_headers={"X-Stainless-Raw-Response": value}, **more))
            lab.note(value, reply)
            http = getattr(reply, "http_response", None) or reply.response
            await lab.settled(http.aclose() if lab.awaiting else http.close())


@probe("openai", wide=False)
async def binary_to_file(lab: Lab) -> None:
    lab.provider.queue(*[Reply(data=b"abc" * 9000)] * 4)
    speech = lab.client.audio.speech
    given = {"model": "tts-1", "voice": "alloy", "input": "hi"}
    with TemporaryDirectory() as folder:
        target = Path(folder) / "speech"
        whole = await lab.settled(speech.create(**given))
        lab.note("before", whole)
        await lab.settled(whole.write_to_file(target))
        lab.note("written", target.read_bytes())
        async with lab.entered(speech.with_streaming_response.create(**given)) as response:
            lab.note("streamed", [type(response), response])
            await lab.settled(response.stream_to_file(target))
        lab.note("written", target.read_bytes())
        raw = await lab.settled(speech.with_raw_response.create(**given))
        await gist(lab, "raw", raw)
        lab.note("parsed", await lab.settled(raw.parse()))
        async with lab.entered(speech.with_streaming_response.create(**given)) as response:
            await gist(lab, "unread", response)


@probe(*BOTH, leaves=True)
async def stream_as_context(lab: Lab) -> None:
    """``with`` on a stream, read to its end, in part, or not at all."""
    lab.provider.queue(*["one two three"] * 3)
    for limit in (None, 2, 0):
        async with lab.entered(await lab.settled(say(lab, stream=True))) as stream:
            lab.stream(stream, "inside")
            if limit != 0:
                async for chunk in lab.each(stream):
                    lab.note("chunk", chunk)
                    limit = limit and limit - 1
                    if limit == 0:
                        break
        lab.note("closed", [stream.response.is_closed])


@probe(*BOTH)
async def stream_read_twice(lab: Lab) -> None:
    lab.provider.queue("one two", "three four")
    stream = await lab.settled(say(lab, stream=True))
    for _ in range(2):
        lab.note("read", [chunk async for chunk in lab.each(stream)])
    stream = await lab.settled(say(lab, stream=True))
    await lab.settled(stream.close())
    await lab.settled(stream.close())
    try:
        lab.note("closed", [chunk async for chunk in lab.each(stream)])
    except Exception as error:  # noqa: BLE001 - noted
        lab.note("closed error", error)
    async with lab.entered(helper(lab)) as events:
        lab.note("events", [event async for event in lab.each(events)])
        lab.note("again", [event async for event in lab.each(events)])
