"""A kept reply in the shape that another call for the same answer wants it in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from tokeneff._log import log_once
from tokeneff._sse import events
from tokeneff.adapters import turning_of
from tokeneff.cache._reply import Reply

if TYPE_CHECKING:
    from tokeneff._flow import Call

_FRAMED = "amazon.eventstream"
"""Events in the binary frames of AWS, which only their own decoder reads, and which nothing here writes."""
_BLOCK = re.compile(rb"(?:[^\r\n]|\r\n?(?![\r\n])|\n(?![\r\n]))*(?:\r\n\r\n|\n\n|\r\r|\Z)")
_SAYS_USAGE = ("chat", "completions")
"""Dialects whose streams say usage only when asked."""


def shaped(reply: Reply, call: Call) -> Reply | None:
    """The reply as this call would have got it, or ``None`` where that cannot be made of what was kept."""
    try:
        body = asked_body(call)
        streams = call.stream or bool(body.get("stream"))
        if reply.form == "bytes":
            return reply if (_FRAMED in _kind(reply)) == streams else None
        if reply.form == "json":
            return _streamed(reply, call, body) if streams else reply
        return _asked(reply, call, body) if streams else _whole(reply, call)
    except Exception as fault:  # noqa: BLE001 - what cannot be made of it is asked for
        log_once(("shaped", type(fault)), "a kept reply could not be turned: %r", fault, exc_info=fault)
        return None


def asked_body(call: Call) -> Mapping[str, Any]:
    """The body with what the caller adds to it."""
    extra = call.options.extra_json
    return {**call.body, **cast("Mapping[str, Any]", extra)} if isinstance(extra, Mapping) and extra else call.body


def _streamed(reply: Reply, call: Call, asks: Mapping[str, Any]) -> Reply | None:
    """A whole as a stream."""
    turning = turning_of(call.endpoint)
    if turning is None or "AWS" in type(call.client._make_sse_decoder()).__name__:
        return None
    made = turning.events(json.loads(reply.body), asks)
    if made is None:
        return None
    blocks: list[bytes] = []
    for name, data in made:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        head = "" if name is None else f"event: {name}\n"
        blocks.append(f"{head}data: {text}\n\n".encode())
    headers = _typed(reply, "text/event-stream; charset=utf-8")
    options = _options(asks)
    asked = {"stream_options": options} if options else {}
    return replace(reply, form="sse", headers=headers, body=b"".join(blocks), cuts=_ends(blocks), times=(), asked=asked)


def _whole(reply: Reply, call: Call) -> Reply | None:
    """A stream as a whole."""
    turning = turning_of(call.endpoint)
    if turning is None:
        return reply  # an endpoint that streams by a field of its own, as speech does
    made = turning.whole(list(events(reply.body)))
    if made is None or (call.endpoint.dialect in _SAYS_USAGE and made.get("usage") is None):
        return None
    body = json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()
    return replace(
        reply, form="json", headers=_typed(reply, "application/json"), body=body, cuts=(), times=(), asked={}
    )


def _asked(reply: Reply, call: Call, asks: Mapping[str, Any]) -> Reply | None:
    """A stream with what this call asks to be in it, and without what it does not ask for."""
    had, wants = _options(reply.asked), _options(asks)
    if had == wants:
        return reply
    had_usage, wants_usage = bool(had.pop("include_usage", False)), bool(wants.pop("include_usage", False))
    had_padding, wants_padding = had.pop("include_obfuscation", True), wants.pop("include_obfuscation", True)
    if had != wants or (wants_padding and not had_padding):
        return None
    if wants_usage and not had_usage:
        return reply if call.ask_usage else None
    surplus = {"usage"} if had_usage and not wants_usage else set[str]()
    if had_padding and not wants_padding:
        surplus.add("obfuscation")
    return _without(reply, surplus, {**had}) if surplus else reply


def _without(reply: Reply, surplus: set[str], options: dict[str, Any]) -> Reply:
    """A stream without some fields of its events; an event that was there for its usage alone is left out."""
    blocks = [block for block in _BLOCK.findall(reply.body) if block]
    made = [_cleared(block, surplus) for block in blocks]
    cuts: list[int] = []
    before, after, index = 0, 0, 0
    for cut in reply.cuts:
        while index < len(blocks) and before + len(blocks[index]) <= cut:
            before, after, index = before + len(blocks[index]), after + len(made[index]), index + 1
        into = min(cut - before, len(made[index])) if index < len(blocks) else 0
        cuts.append(after + into)
    return replace(reply, body=b"".join(made), cuts=tuple(cuts), asked={"stream_options": options} if options else {})


def _cleared(block: bytes, surplus: set[str]) -> bytes:
    head, mark, rest = block.partition(b"data: ")
    text, _, tail = rest.partition(b"\n")
    if not mark or not text.startswith(b"{") or not any(f'"{name}"'.encode() in text for name in surplus):
        return block
    data = cast("dict[str, Any]", json.loads(text))
    if "usage" in surplus and data.get("usage") is not None and not data.get("choices"):
        return b""
    kept = {key: value for key, value in data.items() if key not in surplus or (key == "usage" and value is not None)}
    return head + mark + json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" + tail


def _ends(blocks: list[bytes]) -> tuple[int, ...]:
    ends: list[int] = []
    for block in blocks:
        ends.append((ends[-1] if ends else 0) + len(block))
    return tuple(ends)


def _options(body: Mapping[str, Any]) -> dict[str, Any]:
    found = body.get("stream_options")
    return dict(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else {}


def _kind(reply: Reply) -> str:
    return next((value for name, value in reply.headers if name.lower() == "content-type"), "")


def _typed(reply: Reply, kind: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, kind if name.lower() == "content-type" else value) for name, value in reply.headers)
