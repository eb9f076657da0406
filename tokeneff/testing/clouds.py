"""Anthropic's messages as Amazon Bedrock and Google Vertex AI serve them."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote

from tokeneff.testing import anthropic_messages, anthropic_other
from tokeneff.testing.answers import Answer, Frame, dumps
from tokeneff.testing.turn import Turn


def _named(turn: Turn, *, stream: bool) -> Turn:
    # The model is in the path, and whether to stream too.
    return replace(turn, payload={**turn.payload, "model": unquote(turn.params[0]), "stream": stream})


def vertex(turn: Turn) -> Answer:
    """POST …/publishers/anthropic/models/{model}:rawPredict, and :rawPredict for token counts."""
    if turn.params[0] == "count-tokens":
        return anthropic_other.count_tokens(turn)
    return anthropic_messages.create(_named(turn, stream=False))


def vertex_stream(turn: Turn) -> Answer:
    """POST …/publishers/anthropic/models/{model}:streamRawPredict."""
    return anthropic_messages.create(_named(turn, stream=True))


def bedrock(turn: Turn) -> Answer:
    """POST /model/{model}/invoke."""
    return anthropic_messages.create(_named(turn, stream=False))


def bedrock_stream(turn: Turn) -> Answer:
    """POST /model/{model}/invoke-with-response-stream: Amazon's binary event stream."""
    frames = _packed(anthropic_messages.frames(_named(turn, stream=True)))
    kind = ("content-type", "application/vnd.amazon.eventstream")
    return Answer(200, (kind, *turn.headers()), frames=frames)


def _packed(frames: Iterator[Frame]) -> Iterator[Frame]:
    for frame in frames:
        data = frame.data.partition(b"data: ")[2].strip()
        yield Frame(_event(dumps({"bytes": base64.b64encode(data).decode()})), frame.content)


def _event(payload: bytes) -> bytes:
    headers = b"".join(
        struct.pack("!B", len(name)) + name + b"\x07" + struct.pack("!H", len(value)) + value
        for name, value in (
            (b":event-type", b"chunk"),
            (b":content-type", b"application/json"),
            (b":message-type", b"event"),
        )
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))
