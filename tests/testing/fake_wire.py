"""A bare socket to a fake provider, for what no SDK shows."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from tokeneff.testing import FakeProvider

BODY = b'{"model":"m","messages":[]}'


class Wire:
    """A bare socket to the provider."""

    def __init__(self, provider: FakeProvider) -> None:
        self.sock = socket.create_connection(("127.0.0.1", provider.port), timeout=5)
        self.file = self.sock.makefile("rb")

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def head(self) -> tuple[int, dict[str, str]]:
        status = int(self.file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self.file.readline().decode().strip():
            name, _, value = line.partition(": ")
            headers[name] = value
        return status, headers

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        status, headers = self.head()
        if "content-length" in headers:
            return status, headers, self.file.read(int(headers["content-length"]))
        return status, headers, b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        while size := int(self.file.readline(), 16):
            yield self.file.read(size)
            self.file.readline()
        self.file.readline()

    def close(self) -> None:
        self.file.close()
        self.sock.close()


def post(body: bytes = BODY, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
