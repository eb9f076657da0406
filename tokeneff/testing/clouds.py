"""Anthropic's messages as Amazon Bedrock and Google Vertex AI serve them."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from urllib.parse import unquote

from tokeneff.testing import anthropic_messages, anthropic_other
from tokeneff.testing.answers import Answer, Frame, Json, dumps
from tokeneff.testing.turn import Turn


def payload(given: Json, params: tuple[str, ...], *, stream: bool) -> Json:
    """The request as Anthropic's own API has it: here the model, and whether to stream, are in the path."""
    return {**given, "model": unquote(params[0]), "stream": stream}


def vertex(turn: Turn) -> Answer:
    """POST …/publishers/anthropic/models/{model}:rawPredict, token counts too, and :streamRawPredict."""
    if turn.params[0] == "count-tokens":
        return anthropic_other.count_tokens(turn)
    return anthropic_messages.create(turn)


def bedrock(turn: Turn) -> Answer:
    """POST /model/{model}/invoke, and /invoke-with-response-stream: Amazon's binary event stream."""
    if not turn.stream:
        return anthropic_messages.create(turn)
    kind = ("content-type", "application/vnd.amazon.eventstream")
    return Answer(200, (kind, *turn.headers()), frames=_packed(anthropic_messages.frames(turn)))


def _packed(frames: Iterator[Frame]) -> Iterator[Frame]:
    for frame in frames:
        data = frame.data.partition(b"data: ")[2].strip()
        yield Frame(_event(b"event", b"chunk", dumps({"bytes": base64.b64encode(data).decode()})), frame.content)


def exception(message: str) -> Frame:
    """An error in the middle of Amazon's event stream."""
    return Frame(_event(b"exception", b"modelStreamErrorException", dumps({"message": message})))


def _event(kind: bytes, name: bytes, payload: bytes) -> bytes:
    fields = (
        (b":event-type" if kind == b"event" else b":exception-type", name),
        (b":content-type", b"application/json"),
        (b":message-type", kind),
    )
    headers = b"".join(
        struct.pack("!B", len(key)) + key + b"\x07" + struct.pack("!H", len(value)) + value for key, value in fields
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))
