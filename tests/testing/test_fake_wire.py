"""What the provider reads from and writes to a socket."""

from __future__ import annotations

import gzip
import json

import pytest
from fake_wire import BODY, Wire, post

from tokeneff.testing import FakeProvider, RecordedRequest, Reply, faults


def test_what_is_recorded(provider: FakeProvider, wire: Wire) -> None:
    wire.send(post(BODY, "X-Odd-CASE:  a:b ", "x-twice: 1", "x-twice: 2", path="/v1/chat/completions?a=1&b=%20"))
    wire.answer()
    assert provider.requests == [
        RecordedRequest(
            method="POST",
            path="/v1/chat/completions",
            query="a=1&b=%20",
            headers=[
                ("Host", "x"),
                ("Content-Length", str(len(BODY))),
                ("X-Odd-CASE", "a:b"),
                ("x-twice", "1"),
                ("x-twice", "2"),
            ],
            body=BODY,
            number=1,
        )
    ]
    one = provider.requests[0]
    assert (one.json, one.header("x-odd-case"), one.header("absent")) == ({"model": "m", "messages": []}, "a:b", None)


def test_many_requests_on_one_connection(provider: FakeProvider, wire: Wire) -> None:
    for number in range(1, 51):
        wire.send(post())
        status, headers, body = wire.answer()
        assert (status, json.loads(body)["id"]) == (200, f"chatcmpl-{number:06d}")
        assert headers["content-type"] == "application/json"
    wire.send(post() * 3)  # pipelined
    assert [wire.answer()[0] for _ in range(3)] == [200, 200, 200]
    assert provider.request_count == 53


def test_chunked_requests_with_trailers(provider: FakeProvider, wire: Wire) -> None:
    start = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for piece in (
        start,
        b"5;ext=1\r\n",
        BODY[:5],
        b"\r\n",
        b"%X\r\n" % len(BODY[5:]),
        BODY[5:],
        b"\r\n0\r\nT: 1\r\n\r\n",
    ):
        wire.send(piece)
    assert wire.answer()[0] == 200
    assert provider.requests[0].body == BODY
    wire.send(post())
    assert wire.answer()[0] == 200


def test_expect_continue(provider: FakeProvider, wire: Wire) -> None:
    wire.send(post(BODY, "Expect: 100-continue")[: -len(BODY)])
    assert wire.head() == (100, {})
    wire.send(BODY)
    assert wire.answer()[0] == 200


def test_ten_megabytes_up(provider: FakeProvider, wire: Wire) -> None:
    body = b'{"x":"' + b"y" * 10_000_000 + b'"}'
    wire.send(post(body))
    assert wire.answer()[0] == 200
    assert provider.requests[0].body == body


def test_a_byte_at_a_time(provider: FakeProvider, wire: Wire) -> None:
    for byte in post():
        wire.send(bytes([byte]))
    assert wire.answer()[0] == 200


def test_a_stream_on_the_wire(provider: FakeProvider, wire: Wire) -> None:
    provider.queue(Reply(text="a b"))
    wire.send(post(b'{"model":"m","stream":true}'))
    status, headers = wire.head()
    chunks = list(wire.chunks())
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert [chunk[:6] for chunk in chunks] == [b"data: "] * 5
    assert chunks[-1] == b"data: [DONE]\n\n"
    wire.send(post())
    assert wire.answer()[0] == 200


def test_a_squeezed_body(provider: FakeProvider, wire: Wire) -> None:
    provider.queue(Reply(text="x", gzip=True))
    wire.send(post())
    _, headers, body = wire.answer()
    assert headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(body))["id"] == "chatcmpl-000001"


def test_connection_close(wire: Wire) -> None:
    wire.send(post(BODY, "Connection: close"))
    assert wire.answer()[0] == 200
    assert wire.file.read() == b""


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\nno colon\r\n\r\n", post(BODY, "Content-Length: x")]
)
def test_what_is_not_http(wire: Wire, sent: bytes) -> None:
    wire.send(sent)
    status, _, body = wire.answer()
    assert (status, json.loads(body)["error"]["type"]) == (400, "invalid_request_error")
    assert wire.file.read() == b""


def test_thousands_of_connections(provider: FakeProvider) -> None:
    for _ in range(2000):
        wire = Wire(provider)
        wire.send(post())
        assert wire.head()[0] == 200
        wire.close()
    provider.wait_for(lambda p: not p._links)
    assert provider.request_count == 2000


@pytest.mark.parametrize("body", [BODY, b'{"stream":true}'])
def test_a_cut_is_an_end_and_a_reset_is_a_reset(provider: FakeProvider, wire: Wire, body: bytes) -> None:
    provider.queue(faults.cut(1), faults.cut(1, ending="reset"))
    wire.send(post(body))
    assert len(wire.file.read()) > 100  # to the end, without an error
    other = Wire(provider)
    other.send(post(body))
    with pytest.raises(ConnectionResetError):
        other.file.read()
    other.close()
    assert provider.disconnects == 0


def test_memory_is_bounded(wire: Wire) -> None:
    for _ in range(1001):
        wire.send(post(path="/v1/responses"))
        wire.answer()
    statuses: list[int] = []
    for number in (1, 2):
        wire.send(f"GET /v1/responses/resp_{number:06d} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        statuses.append(wire.answer()[0])
    assert statuses == [404, 200]  # of 1001 responses the latest 1000 are kept
