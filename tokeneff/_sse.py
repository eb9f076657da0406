"""Server-sent events in a body, finished or still coming, for replies that the caller reads as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tokeneff._log import log_once

if TYPE_CHECKING:
    from tokeneff._flow import Call
    from tokeneff.adapters import Reader


def events(content: bytes) -> Iterator[Any]:
    """The JSON data of each event, in order; data that is no JSON, such as ``[DONE]``, is passed over.

    Source: WHATWG HTML, "Server-sent events": lines end in CR, LF or CRLF, an empty line ends an event, and several
    ``data`` lines of one event are joined by line feeds.
    """
    data: list[str] = []
    for line in content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield from _parsed("\n".join(data))
            data = []
    if data:
        yield from _parsed("\n".join(data))


def _parsed(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text)
    except ValueError:
        return


class Scout:
    """Reads events as the bytes of a stream come, for who must know of them before the stream is over."""

    __slots__ = ("_line", "_unpack", "reader")

    def __init__(self, reader: Reader, unpack: Any) -> None:
        self.reader: Any = reader
        self._unpack = unpack
        self._line = b""

    def read(self, chunk: bytes) -> bool:
        """Read more of the body; returns whether an event was in it. Never raises."""
        try:
            plain = chunk if self._unpack is None else self._unpack.decompress(chunk)
            # Only whole events are taken; that a CR and its LF may come apart does no harm at an event's end.
            block, mark, rest = (self._line + plain).replace(b"\r\n", b"\n").rpartition(b"\n\n")
            self._line = rest
            for data in events(block) if mark else ():
                self.reader.event(data)
            return bool(mark)
        except Exception as fault:  # noqa: BLE001 - what cannot be read is settled when it is over
            log_once(("scout", type(fault)), "a stream read as bytes could not be followed: %r", fault)
            return False


def scout(kind: str, encoding: str, call: Call) -> Scout | None:
    """A scout for a body of this kind, if it can be read as it comes."""
    if "event-stream" not in kind or "amazon" in kind or encoding not in ("", "identity", "gzip", "deflate"):
        return None
    unpack = None
    if encoding in ("gzip", "deflate"):
        import zlib

        unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)
    return Scout(call.endpoint.reader(call), unpack)
