"""From what came of a sending to what is kept of it: a whole good reply, or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from tokeneff._exchange import ENDS_WITH_ITS_EVENT
from tokeneff._log import log_once
from tokeneff.cache._reply import Form, Reply
from tokeneff.cache._tape import Head, Source, Tape

if TYPE_CHECKING:
    from tokeneff._exchange import Exchange

_TRANSPORT = frozenset(
    (
        "connection",
        "content-encoding",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "retry-after",
        "retry-after-ms",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers of one connection (RFC 9110, 7.6.1) or of one moment, which say nothing of the reply."""


def begin(tape: Tape, exchange: Exchange, response: Any) -> None:
    """The SDK got a good response. Never raises."""
    try:
        source: Source | None = None if exchange.live is None else exchange.live.feed
        if response.is_success and (response.is_closed or source is not None):
            sent = exchange.sent if exchange.sent is not None else exchange.call.body
            head = Head(response.status_code, tuple(response.headers.multi_items()), type(response), sent)
            tape.begin(head, source)
            if source is None:
                tape.whole = True
                tape.add(response.content)
                tape.end()
    except Exception as fault:  # noqa: BLE001 - the reply is the caller's, kept or not
        log_once(("tape", type(fault)), "a reply could not be recorded", exc_info=fault)


def finish(tape: Tape, exchange: Exchange) -> None:
    """The sending is over: what is whole and good is kept. Never raises."""
    if tape.over:
        return
    reply = None
    try:
        reply = reply_of(tape, exchange)
    except Exception as fault:  # noqa: BLE001 - as above
        log_once(("kept reply", type(fault)), "a reply could not be kept: %r", fault, exc_info=fault)
    tape.finish(reply)


def reread(tape: Tape, exchange: Exchange) -> None:
    """Read all of the reply, of which the caller has read a part."""
    head = tape.head
    if head is not None and tape.chunks and "event-stream" in (kind := _header(head, "content-type")):
        call = exchange.call
        exchange.reader = call.endpoint.reader(call)
        exchange.read_bytes(kind, b"".join(_decoded(tape, head)))


def reply_of(tape: Tape, exchange: Exchange) -> Reply | None:
    """What is on a tape that has it all, if it is whole and good."""
    head, call = tape.head, exchange.call
    if head is None or tape.full or not tape.chunks:
        return None
    broken = not tape.ended or tape.gone is not None
    if broken and not _has_its_end(tape, exchange):
        return None
    kind = _header(head, "content-type").lower().partition(";")[0].strip()
    form: Form = "json" if kind.endswith("json") else "sse" if kind.startswith("text/event-stream") else "bytes"
    pieces = _decoded(tape, head)
    body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    streams = call.stream or bool(head.sent.get("stream"))
    done = b"[DONE]" in body[-64:]
    if broken and not (done or call.endpoint.dialect in ENDS_WITH_ITS_EVENT):
        return None
    if form == "bytes" and (kind == "text/html" or (call.endpoint.dialect is not None and "eventstream" not in kind)):
        return None  # some proxy's page
    if streams:
        good = form != "json" and (done or exchange.reader.terminal)
    else:
        good = bool(body) and (form != "json" or _is_sound(exchange, body))
    if not good:
        return None
    cuts: tuple[int, ...] = ()
    times: tuple[int, ...] = ()
    if streams or len(pieces) > 1:
        cuts, times = _cut(pieces, tape.times, exchange.started)
    options = head.sent.get("stream_options") if streams else None
    asked = {"stream_options": dict(cast("Mapping[str, Any]", options))} if isinstance(options, Mapping) else {}
    return Reply(form, _kept(head), body, cuts, times, asked)


def _has_its_end(tape: Tape, exchange: Exchange) -> bool:
    """Whether its caller, who has not read it to the last byte, had seen all that matters."""
    return b"[DONE]" in tape.chunks[-1][-64:] or exchange.reader.terminal


def _is_sound(exchange: Exchange, body: bytes) -> bool:
    """Whether a reply that came in one piece is a JSON object, and no error in disguise."""
    if exchange.sound is not None:
        return exchange.sound
    try:
        data: object = json.loads(body)
    except ValueError:
        return False
    return isinstance(data, dict) and not cast("dict[str, Any]", data).get("error")


def _decoded(tape: Tape, head: Head) -> list[bytes]:
    """The chunks as their reader got them; raises what the http library raises of a damaged body."""
    encoding = _header(head, "content-encoding")
    if tape.whole or encoding in ("", "identity"):
        return tape.chunks
    decoder: Any = head.kind(200, headers={"content-encoding": encoding})._get_content_decoder()
    pieces = [_joined(decoder.decode(chunk)) for chunk in tape.chunks]
    rest = _joined(decoder.flush())
    return [*pieces, rest] if rest else pieces


def _joined(decoded: Any) -> bytes:
    """One library decodes into bytes, the other into pieces of bounded size."""
    return decoded if isinstance(decoded, bytes) else b"".join(decoded)


def _cut(pieces: list[bytes], came: list[float], started: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    cuts: list[int] = []
    times: list[int] = []
    end = 0
    for number, piece in enumerate(pieces):
        if piece:
            end += len(piece)
            cuts.append(end)
            times.append(max(0, round((came[min(number, len(came) - 1)] - started) * 1e6)))
    return tuple(cuts), tuple(times)


def _kept(head: Head) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value)
        for name, value in head.headers
        if name.lower() not in _TRANSPORT and "ratelimit" not in name.lower()
    )


def _header(head: Head, wanted: str) -> str:
    return next((value for name, value in head.headers if name.lower() == wanted), "")
