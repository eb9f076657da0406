"""Waiting for all of a reply that is coming to somebody else, whatever becomes of it there."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, TypeVar

from tokeneff._flow import Effect, Wait
from tokeneff._log import log_once
from tokeneff.cache._reply import Reply
from tokeneff.cache._tape import Tape

T = TypeVar("T")
Steps = Generator[Effect, Any, T]


def awaited(future: Future[T], until: float) -> Steps[T]:
    """What a future comes to, by then. Raises `TimeoutError`."""
    if future.done():
        return future.result()
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return (yield Wait(future, left))


def all_of(tape: Tape, until: float) -> Steps[Reply | None]:
    """The whole reply of a tape, by then; ``None``: none comes of it, or it is not good. Raises `TimeoutError`.

    Its caller may be slow in reading it, or be the very one who waits here, in the middle of it. So it is read in the
    background, and is taken from the tape as soon as that has it all.
    """
    if tape.done.done() or tape.source is None or not tape.source.sharable:
        return (yield from awaited(tape.done, until))
    try:
        if not (yield from awaited(tape.follow(), until)):
            return (yield from awaited(tape.done, until))
        yield from awaited(_ended(tape), until)
    finally:
        tape.leave()
    return tape.done.result() if tape.done.done() else _taken(tape)


def _ended(tape: Tape) -> Future[None]:
    """Resolved when no more will come."""
    ended: Future[None] = Future()

    def wake() -> None:
        if tape.ended or tape.unless(sys.maxsize, wake):
            with suppress(InvalidStateError):  # told twice
                ended.set_result(None)

    wake()
    return ended


def _taken(tape: Tape) -> Reply | None:
    from tokeneff._exchange import Exchange
    from tokeneff.cache._keeping import reply_of, reread

    try:
        exchange = Exchange(tape.call)
        exchange.started = tape.times[0]  # when it was sent is not known here
        reread(tape, exchange)
        return reply_of(tape, exchange)
    except Exception as fault:  # noqa: BLE001 - then the call asks for itself
        log_once(("taken", type(fault)), "a shared reply could not be taken over: %r", fault, exc_info=fault)
        return None
