"""A reply as it comes, for those who wait for the same one, and to be kept when it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from threading import Event, RLock
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from tokeneff._waking import Wake, awaited

if TYPE_CHECKING:
    from tokeneff._flow import Call
    from tokeneff.cache._reply import Reply

MOST = 16 * 1024 * 1024
"""Bytes of one reply beyond which it is not recorded."""
_Body = Mapping[str, Any]


class Head(NamedTuple):
    """The beginning of a reply, as its transport had it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    kind: type[Any]
    """The http library's class of responses."""
    sent: _Body
    """The JSON body that it answers."""


class Gone(Exception):
    """A reply in the middle of which its connection was lost."""

    def __init__(self, name: str = "", message: str = "", cause: type[BaseException] | None = None) -> None:
        super().__init__(message)
        self.name = name
        """The http library's name for the error, if it was one of its own."""
        self.cause = cause
        """What it was raised from."""


class Source(Protocol):
    """Where the chunks come from."""

    @property
    def sharable(self) -> bool:
        """Whether it can be read without its caller."""
        ...

    def share(self) -> None:
        """Others want to read along: from now on nobody's caller can stop the reading. Resolves ``Tape.joined``."""
        ...


class Tape:
    """What comes of one sending of a call. Any number of threads and event loops may wait for it and read along.

    Args:
        call: the call that is sent, of which others want the reply as well.
        max_bytes: size of a reply, as it is transported, beyond which it is not kept, and nobody new may read along.
    """

    __slots__ = (
        "__weakref__",
        "_chunks",
        "_full",
        "_lock",
        "_most",
        "_size",
        "_times",
        "_waiting",
        "call",
        "done",
        "ended",
        "failed",
        "followers",
        "gone",
        "head",
        "joined",
        "over",
        "reply",
        "source",
        "started",
        "whole",
    )

    def __init__(self, call: Call, max_bytes: int = MOST) -> None:
        self.call = call
        self.started: Future[bool] = Future()
        """Resolved when there is a head of a reply to begin with; ``False``: there will be none."""
        self.done: Future[Reply | None] = Future()
        """Resolved once it is over, whatever happened: the reply if it is whole and good."""
        self.reply: Reply | None = None
        self.followers = 0
        """How many read along."""
        self.failed = False
        """Whether it is over and there is nothing to be kept of it."""
        self.over = False
        self.head: Head | None = None
        self.whole = False
        """Whether it came in one piece."""
        self.ended = False
        """Whether no more chunks will come."""
        self.gone: Gone | None = None
        """Why it ended before its end."""
        self.source: Source | None = None
        self.joined: Future[bool] | None = None
        """Resolved when those who want to read along may; ``False``: they came too late."""
        self._chunks: list[bytes] = []
        self._times: list[float] = []
        self._size = 0
        self._most = max_bytes
        self._full = False
        self._waiting: list[Wake] = []
        # The collector may end a follower's stream in the midst of what is guarded, in the same thread.
        self._lock = RLock()

    # By whoever sends the call.

    def begin(self, head: Head, source: Source | None) -> None:
        """There is a good head of a reply. A tape records one sending; another one is not recorded."""
        if self.over or self.head is not None:
            return
        self.head, self.source = head, source
        self.started.set_result(True)

    def add(self, chunk: bytes) -> None:
        """Some more of it came."""
        self._size += len(chunk)
        if self._full or self._size > self._most:
            self._overflow(chunk)
            return
        self._times.append(perf_counter())
        self._chunks.append(chunk)
        if self._waiting:
            self._wake()

    def _overflow(self, chunk: bytes) -> None:
        with self._lock:
            self._full = True
            if self.joined is None:  # nobody reads along, and nobody will
                self._chunks.clear()
                self._times.clear()
                return
        self._chunks.append(chunk)
        self._wake()

    def end(self, gone: Gone | None = None) -> None:
        """No more will come: all of it has, or it broke off."""
        if not self.ended:
            self.gone, self.ended = gone, True
            self._wake()

    def join(self, *, can: bool = True) -> None:
        """Those who want to read along may, unless it has broken off."""
        joined = self.joined
        if joined is not None and not joined.done():
            joined.set_result(can and self.gone is None)

    def finish(self, reply: Reply | None) -> None:
        """It is over; for the first that says so."""
        with self._lock:
            if self.over:
                return
            self.reply, self.failed, self.over = reply, reply is None, True
        if not self.ended:
            self.end(Gone() if reply is None else None)
        self.join(can=reply is not None)
        if not self.started.done():
            self.started.set_result(False)
        self.done.set_result(reply)

    def close(self) -> None:
        """Whoever waits for it waits in vain, if it is not over by now. Never raises."""
        if not self.over:
            self.finish(None)

    def __del__(self) -> None:
        if not getattr(self, "over", True):
            self.close()

    @property
    def full(self) -> bool:
        """Whether it is too large to be kept."""
        return self._full

    @property
    def chunks(self) -> list[bytes]:
        """What came so far, as it was transported."""
        return self._chunks

    @property
    def times(self) -> list[float]:
        """When each of these came, by ``time.perf_counter``."""
        return self._times

    # By those who read along.

    def fits(self, call: Call) -> bool:
        """Whether a call may be answered by this tape as the reply comes; else wait for :attr:`done`."""
        head = self.head
        if head is None or self.source is None or not self.source.sharable or self.failed or self._full:
            return False
        if not (call.stream and self.call.stream):
            return False
        if call.raw is not None and self.call.ask_usage:
            return False
        extra = call.options.extra_json
        wants = _options(call.body if not extra or "stream_options" not in extra else extra)
        return wants == _options(head.sent) and call.ask_usage == self.call.ask_usage

    def follow(self) -> Future[bool]:
        """Ask to read along; resolved when the reply will come whatever becomes of who asked for it first.

        Each that asks has to :meth:`leave`.
        """
        with self._lock:
            self.followers += 1
            joined = self.joined
            if joined is not None:
                return joined
            joined = Future[bool]()
            source = self.source
            if self._full or source is None or (self.over and self.reply is None):
                joined.set_result(False)
                return joined
            self.joined = joined
        source.share()
        return joined

    def leave(self) -> None:
        """One reads along no more."""
        with self._lock:
            self.followers -= 1

    def wait(self, index: int, seconds: float | None) -> bool:
        """Wait until there is a chunk of this number, or the end; whether there is, within so many seconds."""
        event = Event()
        return self.unless(index, event.set) or event.wait(seconds)

    async def await_(self, index: int, seconds: float | None) -> bool:
        """The same, awaiting."""
        return await awaited(lambda wake: self.unless(index, wake), seconds)

    def unless(self, index: int, wake: Wake) -> bool:
        """Have somebody woken, unless there is no need to wait."""
        with self._lock:
            self._waiting.append(wake)
        # Looked at only now: who adds a chunk first puts it there, and then looks for whom to wake.
        return len(self._chunks) > index or self.ended

    def _wake(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()


def _options(body: _Body) -> dict[str, Any]:
    found = body.get("stream_options")
    return dict(cast("_Body", found)) if isinstance(found, Mapping) else {}
