"""Everything that goes wrong with providers, as values to queue: `provider.queue(faults.rate_limit(retry_after=1))`.

A fault with a `reply` argument bends the delivery of that reply (None: the provider's default one) and can itself be
such a fault: `faults.slow_chunks(0.1, faults.no_usage(Reply(text="hi")))`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from tokeneff.testing.replies import Reply

__all__ = [
    "Broken",
    "Failure",
    "Fault",
    "Silence",
    "bad_request",
    "cut",
    "disconnect",
    "error",
    "hang",
    "huge",
    "malformed_sse",
    "no_usage",
    "not_json",
    "odd_usage",
    "overloaded",
    "rate_limit",
    "server_error",
    "slow_chunks",
    "slow_first_byte",
    "stream_error",
]

OddUsage = Literal[
    "last_content_chunk",
    "every_chunk",
    "choices_missing",
    "unasked",
    "null_details",
    "no_details",
    "floats",
    "no_total",
]
UsageStyle = Literal["normal", "none"] | OddUsage
Ending = Literal["close", "reset", "end"]


@dataclass(frozen=True, slots=True)
class Failure:
    """An HTTP error, in the error shape of whichever provider was called."""

    kind: str
    message: str | None = None
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Broken:
    """A reply whose delivery is bent: slow, cut, malformed, without usage."""

    reply: Reply | None = None
    first_byte: float = 0.0
    between: float = 0.0
    cut_after: int | None = None
    ending: Ending = "close"
    malformed_after: int | None = None
    error_after: int | None = None
    error: Failure | None = None
    usage: UsageStyle = "normal"


@dataclass(frozen=True, slots=True)
class Silence:
    """No HTTP answer at all: the connection is left open, or closed."""

    close: bool


Fault = Failure | Broken | Silence
Bendable = Reply | Broken | None


def _bend(reply: Bendable) -> Broken:
    if isinstance(reply, Broken):
        return reply
    if reply is not None and not isinstance(reply, Reply):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"reply is {type(reply).__name__}; give a Reply, a fault made of one (cut, no_usage…), or None")
    return Broken(reply)


def _count(after_chunks: int) -> int:
    if not isinstance(after_chunks, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f"after_chunks is {type(after_chunks).__name__}; give a number of chunks, and reply=... beside it"
        )
    return after_chunks


def rate_limit(retry_after: float | None = None, message: str | None = None) -> Failure:
    """429 with `retry-after` (whole seconds, rounded up) and `retry-after-ms` headers.

    Arguments: retry_after in seconds; None sends neither header.
    """
    return Failure("rate_limit", message, 429, "rate_limit_exceeded", retry_after)


def overloaded(retry_after: float | None = None, message: str | None = None) -> Failure:
    """Too busy: 503 from OpenAI, 529 from Anthropic."""
    return Failure("overloaded", message, None, None, retry_after)


def server_error(status: int = 500, message: str | None = None) -> Failure:
    """The provider's fault: 500, or another 5xx status."""
    return Failure("server_error", message, status)


def bad_request(message: str = "The request is not valid.", *, status: int = 400, code: str | None = None) -> Failure:
    """The caller's fault: 400, or another 4xx status (401, 403, 404, 413, 422…) with its error type."""
    return Failure("bad_request", message, status, code)


def error(status: int, kind: str, message: str, *, code: str | None = None, **headers: str) -> Failure:
    """Any HTTP error: `error(402, "billing_error", "no money")`; keyword arguments become headers, `_` as `-`."""
    return Failure(kind, message, status, code, headers={k.replace("_", "-"): v for k, v in headers.items()})


def slow_first_byte(seconds: float, reply: Bendable = None) -> Broken:
    """Nothing is sent for so many seconds; then the whole reply."""
    return replace(_bend(reply), first_byte=seconds)


def slow_chunks(seconds: float, reply: Bendable = None) -> Broken:
    """So many seconds pass before each streamed piece but the first (in a JSON body: in its middle)."""
    return replace(_bend(reply), between=seconds)


def cut(after_chunks: int = 1, reply: Bendable = None, *, ending: Ending = "close") -> Broken:
    """The stream breaks off after so many content chunks (a JSON body: half way).

    Arguments: ending is "close" (connection closed mid-body), "reset" (TCP reset) or "end" (the HTTP body ends
    properly, but the stream's last events never came).
    """
    if ending not in get_args(Ending):
        raise ValueError(f"ending={ending!r}; choose from {', '.join(get_args(Ending))}")
    return replace(_bend(reply), cut_after=_count(after_chunks), ending=ending)


def malformed_sse(reply: Bendable = None, *, after_chunks: int = 1) -> Broken:
    """After so many content chunks the next one holds broken JSON (a JSON body: the whole of it)."""
    return replace(_bend(reply), malformed_after=_count(after_chunks))


def stream_error(after_chunks: int = 1, reply: Bendable = None, *, failure: Failure | None = None) -> Broken:
    """After so many content chunks the stream ends with an error event (a JSON body: the error itself).

    Arguments: failure is the error, `overloaded()` where None.
    """
    return replace(_bend(reply), error_after=_count(after_chunks), error=failure or overloaded())


def no_usage(reply: Bendable = None) -> Broken:
    """The reply carries no usage, even where asked for."""
    return replace(_bend(reply), usage="none")


def odd_usage(kind: OddUsage, reply: Bendable = None) -> Broken:
    """The reply carries its usage as some compatible servers do.

    Kinds: "last_content_chunk" (with the finish reason, no chunk of its own), "every_chunk" (a running count in each),
    "choices_missing" (the usage chunk has no `choices`), "unasked" (the usage chunk comes without `include_usage`),
    "null_details", "no_details", "floats" (10.0 for 10), "no_total" (no `total_tokens`).
    """
    if kind not in get_args(OddUsage):
        raise ValueError(f"odd_usage kind {kind!r}; choose from {', '.join(get_args(OddUsage))}")
    return replace(_bend(reply), usage=kind)


def huge(size: int, chunk: int = 65536) -> Broken:
    """A valid reply whose text has so many bytes, streamed in pieces of `chunk` bytes."""
    parts = ["x" * min(chunk, size - start) for start in range(0, size, chunk)]
    return Broken(Reply(chunks=parts))


def not_json(body: bytes = b"<html><body>502 Bad Gateway</body></html>", content_type: str = "text/html") -> Broken:
    """Status 200 with a body that is not JSON, as a proxy in between sends it."""
    return Broken(Reply(data=body, headers={"content-type": content_type}))


def hang() -> Silence:
    """The request is read, and nothing ever comes back; until the client leaves or the provider closes."""
    return Silence(close=False)


def disconnect() -> Silence:
    """The request is read, and the connection is closed without an answer."""
    return Silence(close=True)
