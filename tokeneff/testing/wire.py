"""HTTP/1.1 by hand over one socket: quick, and able to break in every way that a real peer can."""

from __future__ import annotations

import select
import socket
import struct
import time
from contextlib import suppress

from tokeneff.testing.recorded import RecordedRequest

_MOST_HEAD = 1 << 20
_BLOCK = 1 << 18
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Request Entity Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    529: "Overloaded",
}


class PeerGoneError(Exception):
    """The client closed its side."""


class BadRequestError(Exception):
    """What came is not HTTP/1.1."""


class Connection:
    """One client's socket, buffered."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read_request(self) -> RecordedRequest | None:
        """The next request, or None where the client has closed between requests."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _MOST_HEAD:
                raise BadRequestError("request head over 1 MB")
            if not self._fill():
                return None
        lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        try:
            method, target, _version = lines[0].split(" ")
            headers = [(name, value.strip()) for name, value in (line.split(":", 1) for line in lines[1:])]
        except ValueError:
            raise BadRequestError(f"not an HTTP/1.1 request: {lines[0][:80]!r}") from None
        body = self._read_body({name.lower(): value for name, value in headers})
        path, _, query = target.partition("?")
        return RecordedRequest(method, path, query, headers, body)

    def _read_body(self, headers: dict[str, str]) -> bytes:
        chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = headers.get("content-length", "0")
        if not chunked and length == "0":
            return b""
        if headers.get("expect", "").lower() == "100-continue" and not self._buffer:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if chunked:
            return self._read_chunks()
        if not length.isdecimal():
            raise BadRequestError(f"content-length {length!r}")
        return self._take(int(length))

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            try:
                size = int(self._line().split(b";")[0], 16)
            except ValueError:
                raise BadRequestError("broken chunk size") from None
            if size == 0:
                while self._line():  # trailers
                    pass
                return bytes(body)
            body += self._take(size)
            self._take(2)

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._must_fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._must_fill()
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _must_fill(self) -> None:
        if not self._fill():
            raise PeerGoneError

    def _fill(self) -> bool:
        try:
            block = self.sock.recv(_BLOCK)
        except OSError:
            return False
        self._buffer += block
        return bool(block)

    def send(self, data: bytes) -> None:
        """Send all; PeerGoneError where the client has left."""
        try:
            self.sock.sendall(data)
        except OSError:
            raise PeerGoneError from None

    def wait(self, seconds: float | None) -> None:
        """Let time pass (None: without end), watching the client; PeerGoneError as soon as it leaves."""
        until = None if seconds is None else time.monotonic() + seconds
        while (left := None if until is None else until - time.monotonic()) is None or left > 0:
            if self._readable(left) and not self._fill():  # what it pipelines meanwhile is kept
                raise PeerGoneError

    def _readable(self, seconds: float | None) -> bool:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self.sock, select.POLLIN)
            return bool(poll.poll(None if seconds is None else max(1, seconds * 1000)))
        return bool(select.select([self.sock], [], [], seconds)[0])

    def hang_up(self) -> None:
        """End whatever this connection is doing, from another thread."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Make the coming close a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def head(status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}", *(f"{k}: {v}" for k, v in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def chunk(data: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
