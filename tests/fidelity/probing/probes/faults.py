"""What goes wrong: the same errors, with the same attributes, after the same tries."""

from __future__ import annotations

import socket
from typing import Any

from probing.lab import Lab, probe
from probing.speaking import asked, helper, http_of, say
from tokeneff.testing import Reply, faults
from tokeneff.testing.faults import Fault

BOTH = ("openai", "anthropic")
SOON = {"retry_after_ms": "1"}
STRICT = ("openai-strict", "anthropic-strict")
STATUSES = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
STATUSES |= {409: "conflict", 413: "request_too_large", 418: "teapot", 422: "unprocessable", 429: "rate_limit_error"}
STATUSES |= {500: "api_error", 502: "bad_gateway", 503: "overloaded", 529: "overloaded_error"}


def failing(status: int, **headers: str) -> Fault:
    return faults.error(status, STATUSES[status], f"status {status}", code="some_code", **headers)


async def events_of(lab: Lab, **more: Any) -> None:
    """The stream helper's events up to its error."""
    try:
        async with lab.entered(helper(lab, **more)) as stream:
            async for event in lab.each(stream):
                lab.note("event", event)
    except Exception as error:  # noqa: BLE001 - noted
        lab.failed(error, "helper")


@probe(*BOTH)
async def retried(lab: Lab) -> None:
    lab.provider.queue(faults.rate_limit(retry_after=0.001), failing(500, **SOON), "after two")
    await lab.call(lambda c: say(lab, c))
    lab.provider.queue(failing(503, **SOON), "streamed after one")
    await lab.call(lambda c: say(lab, c, stream=True))
    lab.provider.queue(failing(409, **SOON), "events after one")
    await events_of(lab)


@probe(*BOTH, fails=True, wide=False)
async def exhausted(lab: Lab) -> None:
    for status in (429, 500, 529):
        lab.provider.queue(*[failing(status, **SOON)] * 3)
        await lab.call(lambda c: say(lab, c))
    lab.provider.queue(*[failing(500, **SOON)] * 3)
    await lab.call(lambda c: say(lab, c, stream=True))


@probe(*BOTH, fails=True, wide=False)
async def statuses(lab: Lab) -> None:
    lab.client = lab.client.with_options(max_retries=0)
    for status in STATUSES:
        lab.provider.queue(failing(status))
        await lab.call(lambda c: say(lab, c), str(status))
    lab.provider.queue(failing(404), failing(400), failing(400))
    await lab.call(lambda c: c.models.retrieve("other"))
    await lab.call(lambda c: say(lab, c, stream=True))
    await events_of(lab)


@probe(*BOTH, fails=True, wide=False)
async def told_to_retry_or_not(lab: Lab) -> None:
    lab.provider.queue(failing(400, x_should_retry="true", **SOON), "after all")
    await lab.call(lambda c: say(lab, c))
    lab.provider.queue(failing(500, x_should_retry="false"))
    await lab.call(lambda c: say(lab, c))
    lab.provider.queue(*[failing(500, **SOON)] * 4, "fifth")
    await lab.call(lambda c: say(lab, c.with_options(max_retries=4)))


@probe(*BOTH, fails=True, wide=False, wire=True)
async def no_connection(lab: Lab) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = lab.client.with_options(base_url=url, max_retries=1)
        await lab.call(lambda c: say(lab, c), client=client)
        await lab.call(lambda c: say(lab, c, stream=True), client=client)
    lab.provider.queue(*[faults.disconnect()] * 3)
    await lab.call(lambda c: say(lab, c))


@probe(*BOTH, fails=True, wide=False, wire=True)
async def timeouts(lab: Lab) -> None:
    soon = http_of(lab.client).Timeout(10, read=0.1)
    client = lab.client.with_options(max_retries=0)
    lab.provider.queue(faults.hang(), faults.hang(), faults.slow_chunks(5, Reply(chunks=["a", "b"])), faults.hang())
    await lab.call(lambda c: say(lab, c, timeout=soon), client=client)
    await lab.call(lambda c: say(lab, c, stream=True), client=client.with_options(timeout=soon))
    await lab.call(lambda c: say(lab, c, stream=True, timeout=soon), client=client)
    lab.provider.queue(faults.hang())
    await lab.call(lambda c: say(lab, c.with_options(max_retries=1, timeout=soon)))


@probe(*BOTH, fails=True, wire=True)
async def cut_streams(lab: Lab) -> None:
    for ending in ("close", "end"):
        lab.provider.queue(faults.cut(2, Reply(text="one two three four"), ending=ending))
        await lab.call(lambda c: say(lab, c, stream=True), ending)
        lab.provider.queue(faults.cut(1, Reply(text="one two three"), ending=ending))
        await events_of(lab)
    lab.provider.queue(*[faults.cut(1, Reply(text="a body in half"))] * 3)
    await lab.call(lambda c: say(lab, c))


@probe(*BOTH, fails=True)
async def spoilt_streams(lab: Lab) -> None:
    bent = (
        faults.malformed_sse(Reply(text="one two three")),
        faults.stream_error(1, Reply(text="one two three")),
        faults.stream_error(0, failure=faults.rate_limit()),
        faults.not_json(),
        Reply(json={"error": {"message": "in disguise", "type": "odd"}}),
    )
    for fault in bent:
        lab.provider.queue(fault)
        await lab.call(lambda c: say(lab, c, stream=True))
    lab.provider.queue(*bent[:3])
    for _ in range(3):
        await events_of(lab)


WRONG: tuple[Any, ...] = (
    faults.not_json(),
    faults.not_json(b"{broken", "application/json"),
    Reply(data=b"", headers={"content-type": "application/json"}),
    Reply(json=[1, 2]),
    Reply(json=None, data=b"null", headers={"content-type": "application/json"}),
    Reply(json={"id": 7, "choices": "none", "usage": {"prompt_tokens": "many"}, "content": 3, "unknown": {"a": 1}}),
    Reply(json={"usage": None, "choices": [None], "model": ["x"]}),
)


@probe(*BOTH, fails=True, wide=False)
async def wrong_replies(lab: Lab) -> None:
    for wrong in WRONG:
        lab.provider.queue(wrong)
        await lab.call(lambda c: say(lab, c))


@probe(*BOTH, fails=True, kinds=STRICT)
async def wrong_replies_strict(lab: Lab) -> None:
    for wrong in WRONG:
        lab.provider.queue(wrong, wrong)
        await lab.call(lambda c: say(lab, c))
        await lab.call(lambda c: c.models.retrieve("x"))


@probe("openai", wide=False)
async def odd_usage(lab: Lab) -> None:
    styles = ("last_content_chunk", "every_chunk", "choices_missing", "unasked", "null_details", "floats", "no_total")
    for style in styles:
        for more in ({}, {"stream_options": {"include_usage": True}}):
            lab.provider.queue(faults.odd_usage(style, Reply(text="one two")))
            await lab.call(lambda c, m=more: say(lab, c, stream=True, **m), style)
    lab.provider.queue(faults.no_usage(Reply(text="one two")), faults.no_usage(Reply(text="x")))
    await lab.call(lambda c: say(lab, c, stream=True))
    await lab.call(lambda c: say(lab, c))


@probe("anthropic", wide=False)
async def odd_usage_of_messages(lab: Lab) -> None:
    for style in ("null_details", "floats", "no_details"):
        for more in ({}, {"stream": True}):
            lab.provider.queue(faults.odd_usage(style, Reply(text="one two")))
            await lab.call(lambda c, m=more: say(lab, c, **m), style)
    lab.provider.queue(faults.no_usage(Reply(text="one two")), faults.no_usage(Reply(text="x")))
    await lab.call(lambda c: say(lab, c, stream=True))
    await lab.call(lambda c: say(lab, c))


@probe(*BOTH, fails=True, wide=False)
async def wrong_arguments(lab: Lab) -> None:
    given = asked(lab)
    del given["model"]
    place = "chat.completions" if lab.family == "openai" else "messages"
    await lab.call(lambda c: lab.part(place, client=c).create(**given))
    await lab.call(lambda c: say(lab, c, no_such_argument=1))
    await lab.call(lambda c: say(lab, c, extra_body={"x": object()}))
    await lab.call(lambda c: say(lab, c, extra_headers={"X": "naïve ☃"}))
    await lab.call(lambda c: c.models.retrieve(""))
    await lab.call(lambda c: c.post("/x", body={"a": {1, 2}}, cast_to=object))
    await lab.call(lambda c: c.with_options(base_url="nonsense", max_retries=0).models.retrieve("x"))


@probe(*BOTH, fails=True, wide=False)
async def inside_other_errors(lab: Lab) -> None:
    """An error raised while the caller handles another one comes from both."""
    lab.provider.queue(failing(400))
    try:
        raise KeyError("the caller's")
    except KeyError:
        await lab.call(lambda c: say(lab, c))
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
            await lab.call(lambda c: say(lab, c.with_options(base_url=url, max_retries=0)))
    lab.provider.queue("one two three")
    stream = await lab.settled(say(lab, stream=True))
    try:
        async with lab.entered(stream):
            async for chunk in lab.each(stream):
                lab.note("chunk", chunk)
                raise LookupError("the caller's own")
    except LookupError as error:
        lab.note("own", error)


@probe(*BOTH, fails=True, wide=False)
async def after_close(lab: Lab) -> None:
    await lab.settled(lab.client.close())
    lab.note("closed", lab.client.is_closed())
    await lab.call(lambda c: say(lab, c.with_options(max_retries=0)))
    await lab.call(lambda c: say(lab, c.with_options(max_retries=0), stream=True))


@probe(*BOTH, wide=False)
async def huge(lab: Lab) -> None:
    lab.provider.queue(faults.huge(300_000, 8192), faults.huge(300_000, 8192))
    await lab.call(lambda c: say(lab, c))
    await lab.call(lambda c: say(lab, c, stream=True))
