"""Everything that goes wrong, as the SDKs meet it."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from tokeneff.testing import FakeProvider, Reply, faults

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
MESSAGE: dict[str, Any] = {**CHAT, "max_tokens": 10}
LETTERS = Reply(text="a b c d")


def chat(c: Any, **options: Any) -> Any:
    return c.chat.completions.create(**CHAT, **options)


def message(c: Any, **options: Any) -> Any:
    return c.messages.create(**MESSAGE, **options)


async def spoken(ask: Any, call: Any) -> tuple[str, BaseException | None]:
    """What a stream says before it ends, and the exception that ends it."""
    said: list[str] = []
    failure: BaseException | None = None
    try:
        stream = call(ask.client)
        if hasattr(stream, "__await__"):
            async for chunk in await stream:
                said += [text_of(chunk)]  # piece by piece: what came before a failure counts
        else:
            said.extend(text_of(chunk) for chunk in stream)
    except Exception as error:  # noqa: BLE001 - returned for the test to look at
        failure = error
    return "".join(said), failure


def text_of(chunk: Any) -> str:
    if hasattr(chunk, "choices"):
        return (chunk.choices[0].delta.content or "") if chunk.choices else ""
    if chunk.type == "content_block_delta":
        return chunk.delta.text
    return chunk.delta if chunk.type == "response.output_text.delta" else ""


async def test_retried_errors(provider: FakeProvider, ask: Any, claude: Any) -> None:
    for one, call, failing in ((ask, chat, 503), (claude, message, 529)):
        provider.clear()
        provider.queue(faults.rate_limit(retry_after=0.01), faults.overloaded(retry_after=0.01), "fine")
        raw = await one(lambda c, call=call: call(c))
        assert "fine" in str(raw)
        assert [r.header("x-stainless-retry-count") for r in provider.requests] == ["0", "1", "2"]
        provider.queue(faults.overloaded())
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
            await one(lambda c, call=call: call(c.with_options(max_retries=0)))
        assert caught.value.status_code == failing


@pytest.mark.parametrize(
    ("fault", "kind", "error"),
    [
        (faults.rate_limit(), "RateLimitError", {"type": "requests", "code": "rate_limit_exceeded"}),
        (faults.server_error(), "InternalServerError", {"type": "server_error", "code": None}),
        (faults.server_error(502, "bad"), "InternalServerError", {"type": "server_error", "message": "bad"}),
        (faults.bad_request("no"), "BadRequestError", {"type": "invalid_request_error", "message": "no"}),
        (faults.bad_request(status=401), "AuthenticationError", {"code": "invalid_api_key"}),
        (faults.bad_request(status=404, code="model_not_found"), "NotFoundError", {"code": "model_not_found"}),
        (faults.bad_request(status=422), "UnprocessableEntityError", {"type": "invalid_request_error"}),
        (faults.error(409, "odd", "told", x_own="1"), "ConflictError", {"type": "odd", "message": "told"}),
    ],
)
async def test_openai_errors(provider: FakeProvider, ask: Any, fault: Any, kind: str, error: dict[str, Any]) -> None:
    provider.queue(fault)
    with pytest.raises(getattr(openai, kind)) as caught:
        await ask(lambda c: chat(c.with_options(max_retries=0)))
    body = caught.value.response.json()["error"]
    assert set(body) == {"message", "type", "param", "code"}
    assert {key: body[key] for key in error} == error
    assert caught.value.request_id == "req_000001"


@pytest.mark.parametrize(
    ("fault", "kind", "error"),
    [
        (faults.rate_limit(), "RateLimitError", "rate_limit_error"),
        (faults.overloaded(), "APIStatusError", "overloaded_error"),
        (faults.server_error(), "InternalServerError", "api_error"),
        (faults.bad_request("no"), "BadRequestError", "invalid_request_error"),
        (faults.bad_request(status=401), "AuthenticationError", "authentication_error"),
        (faults.bad_request(status=413), "APIStatusError", "request_too_large"),
    ],
)
async def test_anthropic_errors(provider: FakeProvider, claude: Any, fault: Any, kind: str, error: str) -> None:
    provider.queue(fault)
    with pytest.raises(getattr(anthropic, kind)) as caught:
        await claude(lambda c: message(c.with_options(max_retries=0)))
    body = caught.value.body
    assert (body["type"], body["error"]["type"], body["request_id"]) == ("error", error, "req_000001")


async def test_retry_headers(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.rate_limit(retry_after=1.5), faults.rate_limit())
    told: list[Any] = []
    for _ in range(2):
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(lambda c: chat(c.with_options(max_retries=0)))
        told.append([caught.value.response.headers.get(name) for name in ("retry-after", "retry-after-ms")])
    assert told == [["2", "1500"], [None, None]]


@pytest.mark.parametrize("ending", ["close", "reset"])
async def test_a_cut_stream(provider: FakeProvider, ask: Any, claude: Any, ending: Any) -> None:
    for one, call in ((ask, chat), (claude, message)):
        provider.queue(faults.cut(2, LETTERS, ending=ending))
        said, failure = await spoken(one, lambda c, call=call: call(c, stream=True))
        assert failure is not None
        if ending == "close":  # a reset may overtake what was already sent
            assert said == "a b"


async def test_a_stream_that_ends_early(provider: FakeProvider, ask: Any) -> None:
    provider.queue(*[faults.cut(after, LETTERS, ending="end") for after in (0, 2, 4)])
    chunks = [await ask(lambda c: chat(c, stream=True)) for _ in range(3)]
    assert ["".join(map(text_of, one)) for one in chunks] == ["", "a b", "a b c d"]
    assert [one[-1].choices[0].finish_reason for one in chunks] == [None, None, None]


async def test_a_cut_body(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.cut(reply=LETTERS))
    with pytest.raises(openai.APIConnectionError):
        await ask(lambda c: chat(c.with_options(max_retries=0)))


async def test_malformed_streams_and_bodies(provider: FakeProvider, ask: Any, claude: Any) -> None:
    for one, call in ((ask, chat), (claude, message)):
        provider.queue(faults.malformed_sse(LETTERS, after_chunks=2), faults.malformed_sse(LETTERS))
        said, failure = await spoken(one, lambda c, call=call: call(c, stream=True))
        assert (said, isinstance(failure, ValueError)) == ("a b", True)
        with pytest.raises((ValueError, openai.APIError, anthropic.APIError)):
            await one(lambda c, call=call: call(c.with_options(max_retries=0)))


async def test_errors_within_a_stream(provider: FakeProvider, ask: Any, claude: Any) -> None:
    def respond(c: Any, **options: Any) -> Any:
        return c.responses.create(model="m", input="hi", **options)

    for one, call in ((ask, chat), (claude, message)):
        provider.queue(faults.stream_error(2, LETTERS), faults.stream_error(2, LETTERS))
        said, failure = await spoken(one, lambda c, call=call: call(c, stream=True))
        assert (said, isinstance(failure, openai.APIError | anthropic.APIError)) == ("a b", True)
        assert "verloaded" in str(failure)
        with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)):
            await one(lambda c, call=call: call(c.with_options(max_retries=0)))
    provider.queue(faults.stream_error(1, LETTERS, failure=faults.rate_limit(message="slow down")))
    said, failure = await spoken(ask, lambda c: respond(c, stream=True))
    assert said == "a"
    assert failure is None or "slow down" in str(failure)  # some lines raise, others yield the error event


async def test_slowness_is_where_it_should_be(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.slow_first_byte(30, LETTERS), faults.slow_chunks(30, LETTERS))
    with pytest.raises(openai.APITimeoutError):
        await ask(lambda c: chat(c.with_options(max_retries=0, timeout=0.2)))
    said, failure = await spoken(ask, lambda c: chat(c, stream=True, timeout=0.5))
    assert (said, failure is not None) == ("a", True)
    provider.wait_for(lambda p: p.disconnects == 2)


async def test_slow_replies_arrive_whole(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.slow_first_byte(0.01, faults.slow_chunks(0.01, LETTERS)), faults.slow_chunks(0.01, LETTERS))
    assert await spoken(ask, lambda c: chat(c, stream=True)) == ("a b c d", None)
    assert (await ask(chat)).choices[0].message.content == "a b c d"


async def test_hanging_and_dropping(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.hang(), faults.disconnect(), "fine")
    with pytest.raises(openai.APITimeoutError):
        await ask(lambda c: chat(c.with_options(max_retries=0, timeout=0.2)))
    provider.wait_for(lambda p: p.disconnects == 1)
    assert (await ask(lambda c: chat(c.with_options(max_retries=1)))).choices[0].message.content == "fine"
    assert (len(provider.requests), provider.disconnects) == (3, 1)


async def test_huge_replies(provider: FakeProvider, ask: Any, claude: Any) -> None:
    size = 3_000_001
    provider.queue(faults.huge(size), faults.huge(size), faults.huge(size))
    assert len((await ask(chat)).choices[0].message.content) == size
    said, _ = await spoken(ask, lambda c: chat(c, stream=True))
    assert said == "x" * size
    assert len((await claude(message)).content[0].text) == size


async def test_what_is_not_json(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.not_json(), faults.not_json(b"{", "application/json"))
    raw = await ask(lambda c: c.chat.completions.with_raw_response.create(**CHAT))
    assert (raw.headers["content-type"], raw.http_response.content[:6]) == ("text/html", b"<html>")
    with pytest.raises((ValueError, openai.APIError)):
        await ask(lambda c: chat(c.with_options(max_retries=0)))


async def test_faults_combine(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.cut(3, faults.odd_usage("every_chunk", faults.slow_chunks(0.001, LETTERS))))
    said, failure = await spoken(ask, lambda c: chat(c, stream=True))
    assert (said, failure is not None) == ("a b c", True)


async def test_a_fault_without_reply_bends_the_default(provider: FakeProvider, ask: Any) -> None:
    provider.default = Reply(text="x y z")
    provider.queue(faults.cut(2, ending="end"))
    assert await spoken(ask, lambda c: chat(c, stream=True)) == ("x y", None)


async def test_no_usage_even_when_asked(provider: FakeProvider, ask: Any) -> None:
    provider.queue(faults.no_usage(), faults.no_usage())
    chunks = await ask(lambda c: chat(c, stream=True, stream_options={"include_usage": True}))
    assert {"usage" in one.to_dict() for one in chunks} == {False}
    assert (await ask(chat)).usage is None
