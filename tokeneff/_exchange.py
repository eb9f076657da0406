"""What one sending of a call saw: the attempts, the reply as it came, and from these the Outcome."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from tokeneff._flow import Attempt, Call, Ending, Failure, Outcome, Tokens
from tokeneff._log import log_once

if TYPE_CHECKING:
    from tokeneff._metering import Metering
    from tokeneff.adapters import Reader

SKIP = object()
"""What a stream event is turned into that the caller must not see."""

active: ContextVar[Exchange | None] = ContextVar("tokeneff_exchange", default=None)
"""The exchange whose ``request()`` is running in this thread or task."""

ENDS_WITH_ITS_EVENT = ("messages", "responses")
"""Dialects whose terminal event is the last one; a chat's usage comes after what ends its choices."""
_USED_NOTHING = Tokens(input_tokens=0, output_tokens=0)
_WHOLE_LIMIT = 64 * 1024 * 1024
"""Bytes of a reply beyond which a raw body is not parsed for its usage."""


class Exchange:
    """Filled in by the client's hooks while the SDK works; read once, when the call is over.

    It refers to the response only until the reply is found to be live: a live response refers to its exchange, and a
    cycle would leave it to the collector to notice a stream that the caller dropped.
    """

    __slots__ = (
        "attempts",
        "call",
        "chunks",
        "first",
        "kept",
        "last",
        "live",
        "meter",
        "reader",
        "response",
        "sent",
        "sound",
        "started",
        "status",
        "tape",
    )

    def __init__(self, call: Call) -> None:
        self.call = call
        self.reader: Reader = call.endpoint.reader(call)
        self.attempts: list[Attempt] = []
        self.response: Any = None
        self.live: Any = None
        """The watch inside a response that is still coming."""
        self.meter: Metering | None = None
        """Who watches a stream as it comes and may cut it, if somebody does."""
        self.kept = False
        """Whether the reply is one that was kept, for which nothing was used: what it does not say is not estimated."""
        self.tape = call.tape
        """What the reply is put on."""
        self.sound: bool | None = None
        """Whether a reply that came in one piece was a JSON object and no error, if somebody has read it."""
        self.sent: Mapping[str, Any] | None = None
        self.status: int | None = None
        self.chunks = 0
        self.first: float | None = None
        self.last: float | None = None
        self.started = perf_counter()

    def answered(self, response: Any, options: Any) -> None:
        """The SDK got a good response and is about to make the reply of it."""
        self.response = response
        self.status = response.status_code
        self.sent = body_sent(options)

    def failed_attempt(self, response: Any) -> None:
        """The SDK is about to wait and try again."""
        raised = sys.exc_info()[1]
        status: int | None = None if response is None else response.status_code
        if status is None and raised is not None:
            raised = raised.__cause__ or raised
            status = getattr(raised, "status_code", None)
        error = str(status) if status is not None else type(raised).__name__ if raised is not None else "_OTHER"
        self.attempts.append(Attempt(time.time_ns(), error, status))

    def waits(self, delay: float) -> None:
        """The SDK has settled how long it waits before the next try."""
        if self.attempts:
            last = self.attempts[-1]
            self.attempts[-1] = Attempt(last.at, last.error, last.status, delay)

    def whole(self, data: object) -> None:
        """The reply's JSON, parsed by the SDK in one piece."""
        try:
            if type(data) is dict or isinstance(data, Mapping):
                self.sound = not data.get("error")  # pyright: ignore[reportUnknownMemberType]
                self.reader.whole(data)  # pyright: ignore[reportUnknownArgumentType]
            else:
                self.sound = False
        except Exception as fault:  # noqa: BLE001 - a reply that we misread is still the caller's
            log_once(("read", type(self.reader)), "a reply could not be read for telemetry", exc_info=fault)

    def read_raw(self) -> None:
        """Read the usage from the bytes of a raw reply, which nobody has parsed, and which is complete in memory."""
        response = self.response
        if response is None or self.reader.seen or not response.is_closed:
            return
        kind = response.headers.get("content-type", "")
        try:
            content: bytes = response.content
            if len(content) > _WHOLE_LIMIT:
                return
            self.read_bytes(kind, content)
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("raw", type(self.reader)), "a raw reply could not be read for telemetry", exc_info=fault)

    def read_bytes(self, kind: str, content: bytes) -> None:
        """Read a reply's plain bytes, JSON or server-sent events."""
        import json

        if "json" in kind:
            self.whole(json.loads(content))
        elif "event-stream" in kind:
            from tokeneff._sse import events

            for data in events(content):
                self.reader.event(data)

    def recorded(self) -> None:
        """The reply is over: what it was recorded on is over as well."""
        if self.tape is not None:
            from tokeneff.cache._keeping import finish

            finish(self.tape, self)

    def reread(self) -> None:
        """Read again all that was recorded, of which the caller has read a part. Never raises."""
        try:
            if self.tape is not None:
                from tokeneff.cache._keeping import reread

                reread(self.tape, self)
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("reread", type(self.reader)), "a shared reply could not be read again: %r", fault)

    def outcome(self, ending: Ending, failure: Failure | None = None) -> Outcome:
        """The Outcome, now that the call is over. Never raises."""
        ended = perf_counter()
        reader: Any = self.reader
        if self.kept and getattr(reader, "tokens", _USED_NOTHING) is None:
            reader.tokens = _USED_NOTHING
        try:
            tokens, facts = self.reader.result(self.call, self.sent, ending)
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("result", type(self.reader)), "a reply could not be read for telemetry", exc_info=fault)
            return Outcome(ending, self.started, ended, failure=failure, attempts=tuple(self.attempts))
        return Outcome(
            ending,
            self.started,
            ended,
            tokens,
            facts,
            failure,
            tuple(self.attempts),
            self.first,
            self.last,
            self.chunks,
            self.status,
            self.sent,
        )


def body_sent(options: Any) -> Mapping[str, Any] | None:
    """The JSON body that leaves with these options, if it is one."""
    data: Any = options.json_data
    if options.extra_json:  # most lines put it into the body only as they write that
        data = {**cast("Mapping[str, Any]", data or {}), **options.extra_json}
    return cast("Mapping[str, Any]", data) if type(data) is dict or isinstance(data, Mapping) else None
