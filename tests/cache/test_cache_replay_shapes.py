"""What is kept of a reply, and every shape of call that it answers."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from cache_replay_kit import PATIENCE, Keeping, Reader, asked, client_of, place
from hypothesis import given
from hypothesis import strategies as st

from tokeneff._exchange import Exchange
from tokeneff._flow import Call
from tokeneff.cache._keeping import begin, finish
from tokeneff.cache._reply import Reply as Kept
from tokeneff.cache._shaping import shaped
from tokeneff.cache._tape import Tape
from tokeneff.testing import FakeProvider, Reply, faults

SDKS = ("openai", "anthropic")
FLAVOURS = ("sync", "async")
SAID = Reply(text="one two three")


class Lab:
    """A provider, and readers whose replies are kept."""

    def __init__(self) -> None:
        self.provider = FakeProvider(SAID)
        self.keeping = Keeping()
        self._readers: list[Reader] = []

    def reader(self, sdk: str, flavour: str, **more: Any) -> Reader:
        made = Reader(client_of(sdk, flavour, self.provider, self.keeping.policy), flavour, **more)
        self._readers.append(made)
        return made

    def read(self, sdk: str, flavour: str = "sync", **more: Any) -> list[Any]:
        reader = self.reader(sdk, flavour, **more)
        reader.open().result(PATIENCE)
        return reader.rest().result(PATIENCE)

    def kept(self) -> Kept:
        assert self.keeping.reply is not None
        return self.keeping.reply

    def close(self) -> None:
        for reader in self._readers:
            reader.end()
        self.provider.close()


@pytest.fixture
def kept() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.close()


def chunks_of(reply: Kept) -> list[bytes]:
    return [reply.body[start:end] for start, end in zip((0, *reply.cuts), reply.cuts, strict=False)]


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("gzip", [False, True])
def test_a_stream_is_kept_chunk_by_chunk(kept: Lab, sdk: str, flavour: str, gzip: bool) -> None:
    kept.provider.default = faults.slow_chunks(0.005, Reply(chunks=["one ", "two ", "three"], gzip=gzip))
    first = kept.read(sdk, flavour)
    reply = kept.kept()

    assert reply.form == "sse"
    assert reply.cuts[-1] == len(reply.body)
    assert len(reply.times) == len(reply.cuts) > 2
    assert list(reply.times) == sorted(reply.times)
    assert reply.times[0] > 0
    names = [name.lower() for name, _ in reply.headers]
    assert "content-type" in names
    assert ("x-request-id" if sdk == "openai" else "request-id") in names
    left = ("content-encoding", "content-length", "transfer-encoding", "connection", "set-cookie")
    assert not [name for name in names if name in left or "ratelimit" in name]

    raw = place(client_of(sdk, "sync", kept.provider, kept.keeping.policy))
    with raw.with_streaming_response.create(**asked_of(sdk, stream=True)) as response:
        assert list(response.iter_bytes()) == chunks_of(reply)
    assert kept.read(sdk, flavour) == first
    assert kept.provider.request_count == 1
    assert [(outcome.ending, outcome.chunks > 0) for outcome in kept.keeping.served] == [("read", True)] * 2


def asked_of(sdk: str, **more: Any) -> dict[str, Any]:
    class Client:
        chat = None

    return asked(Client() if sdk == "openai" else object(), **more)


def test_the_pace_of_then(kept: Lab) -> None:
    kept.keeping = Keeping(pace="recorded")
    kept.provider.default = faults.slow_chunks(0.04, Reply(chunks=["one ", "two ", "three"]))
    first = kept.read("openai")
    for flavour in FLAVOURS:
        began = time.perf_counter()
        assert kept.read("openai", flavour) == first
        assert time.perf_counter() - began >= kept.kept().times[-1] / 1e6
    assert kept.provider.request_count == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("sdk", SDKS)
def test_a_stream_answers_a_call_for_the_whole(kept: Lab, sdk: str, flavour: str) -> None:
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if sdk == "openai" else {}
    kept.read(sdk, "sync", **more)

    whole = kept.reader(sdk, flavour, stream=False)
    whole.open().result(PATIENCE)

    said = whole.stream.to_dict()
    assert (said["choices"][0]["message"] if sdk == "openai" else said)["content"] in (
        "one two three",
        [{"type": "text", "text": "one two three"}],
    )
    assert kept.provider.request_count == 1


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("sdk", SDKS)
def test_a_whole_answers_a_call_for_a_stream(kept: Lab, sdk: str, flavour: str) -> None:
    kept.reader(sdk, "sync", stream=False).open().result(PATIENCE)

    events = kept.read(sdk, flavour)

    said = [
        event["choices"][0]["delta"].get("content") or "" if sdk == "openai" else event["delta"]["text"]
        for event in events
        if sdk == "openai" or event["type"] == "content_block_delta"
    ]
    assert "".join(said) == "one two three"
    assert kept.provider.request_count == 1


def test_usage_is_in_a_stream_only_where_it_was_asked_for(kept: Lab) -> None:
    plain = kept.read("openai")
    kept.keeping.reply = None
    with_usage = kept.read("openai", stream_options={"include_usage": True})
    assert with_usage != plain

    stripped = kept.read("openai")
    kept.keeping.reply, wants = shaped(kept.kept(), kept.keeping.tapes[0].call), kept.provider.request_count
    again = kept.read("openai", stream_options={"include_usage": True})

    for event in (*plain, *stripped):
        event.pop("id"), event.pop("created", None)
    assert stripped == plain
    assert again[-1]["usage"] == with_usage[-1]["usage"]
    assert (kept.keeping.unshaped, kept.provider.request_count) == (1, wants + 1)


NOT_KEPT = {
    "cut": faults.cut(2, SAID),
    "an error in the stream": faults.stream_error(1, SAID),
    "no end": faults.cut(2, SAID, ending="end"),
    "an error in disguise": Reply(json={"error": {"message": "no", "type": "odd"}}),
    "not JSON": faults.not_json(),
    "broken JSON": faults.not_json(b"{broken", "application/json"),
    "no object": Reply(json=[1, 2]),
    "refused": faults.bad_request(),
}


@pytest.mark.parametrize("mode", ["parsed", "with_raw_response", "with_streaming_response"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("sdk", SDKS)
@pytest.mark.parametrize("name", NOT_KEPT)
def test_what_is_not_good_is_not_kept(kept: Lab, name: str, sdk: str, stream: bool, mode: str) -> None:
    kept.provider.default = NOT_KEPT[name]
    client = client_of(sdk, "sync", kept.provider, kept.keeping.policy)
    part = place(client) if mode == "parsed" else getattr(place(client), mode)
    try:
        if mode == "with_streaming_response":
            with part.create(**asked_of(sdk, stream=stream)) as response:
                response.read()
        else:
            reply = part.create(**asked_of(sdk, stream=stream))
            if stream:
                list(reply if mode == "parsed" else reply.http_response.iter_bytes())
    except Exception:  # noqa: BLE001 - whatever comes of it
        pass
    client.close()

    (tape,) = kept.keeping.tapes
    assert tape.done.result(PATIENCE) is None
    assert (tape.reply, tape.failed, kept.keeping.reply) == (None, True, None)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("sdk", SDKS)
def test_a_stream_that_is_left_is_not_kept(kept: Lab, sdk: str, flavour: str) -> None:
    kept.provider.default = faults.slow_chunks(0.01, Reply(chunks=["w "] * 50))
    for leave in ("close", "drop"):
        reader = kept.reader(sdk, flavour)
        reader.open().result(PATIENCE)
        reader.next().result(PATIENCE)
        getattr(reader, leave)().result(PATIENCE)
        assert kept.keeping.tapes[-1].done.result(PATIENCE) is None


def test_what_is_kept_has_no_credentials_and_no_request(kept: Lab) -> None:
    kept.read("openai")

    assert b"Bearer" not in repr(kept.kept()).encode()


PIECES = st.lists(st.binary(max_size=40), min_size=1, max_size=12)


@given(pieces=PIECES, encoding=st.sampled_from(["", "identity", "gzip", "deflate"]))
def test_any_body_is_kept_as_it_is_read(pieces: list[bytes], encoding: str) -> None:
    """The pieces are those that the http library makes of what comes, whatever its encoding."""
    import httpx

    squeeze = zlib.compressobj(wbits=31 if encoding == "gzip" else 15) if encoding in ("gzip", "deflate") else None
    raw = [piece if squeeze is None else squeeze.compress(piece) + squeeze.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    if squeeze is not None:
        raw.append(squeeze.flush())
    headers = {"content-type": "audio/mpeg", **({"content-encoding": encoding} if encoding else {})}

    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from raw

    read = list(httpx.Response(200, headers=headers, stream=Body()).iter_bytes())
    tape, exchange = recorded(httpx.Response(200, headers=headers, stream=Body()), raw)
    finish(tape, exchange)

    body = b"".join(pieces)
    if not body:
        assert tape.reply is None
        return
    assert tape.reply is not None
    assert tape.reply.body == body
    assert chunks_of(tape.reply) == [piece for piece in read if piece] or tape.reply.cuts == ()


def recorded(response: Any, raw: list[bytes]) -> tuple[Tape, Exchange]:
    from types import SimpleNamespace

    from tokeneff.adapters.openai import FAMILY

    options = SimpleNamespace(json_data={"model": "m"}, extra_json=None, method="post", url="/audio/speech", headers={})
    known: dict[str, Any] = dict.fromkeys(Call._fields) | {"options": options, "stream": False, "tags": {}}
    call = Call(**(known | {"endpoint": FAMILY.endpoint("post", "/audio/speech", options), "family": FAMILY}))
    tape = Tape(call)
    exchange = Exchange(call.with_(tape=tape))
    exchange.live = SimpleNamespace(feed=object())
    begin(tape, exchange, response)
    for chunk in raw:
        tape.add(chunk)
    tape.end()
    return tape, exchange
