"""Between a reply's connection and whoever reads it: puts what comes on a tape.

As long as nobody reads along, the caller reads the connection as ever. From when somebody does, it is read in the
background, by a thread or by a task of the event loop, and the caller reads the tape as well: so nothing that happens
to the caller (a stream closed or dropped, a cancelled task) is the others' loss, nor does a slow one hold them up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from tokeneff import _reaper
from tokeneff._log import log_once
from tokeneff.cache._tape import Gone, Tape

Ended = Callable[[], None]


class Feeding:
    """What is common to a body read blocking and one read awaiting."""

    __slots__ = ("_body", "_cut", "_error", "_items", "_left", "_lock", "_read_out", "_told", "shared", "tape")

    def __init__(self, body: Any, tape: Tape) -> None:
        self._body = body
        self._items: Any = None
        self.tape = tape
        self.shared = False
        """Whether it is read in the background."""
        self._read_out = False
        """Whether nobody reads it in the background any more."""
        self._left = False
        self._cut = False
        self._error: BaseException | None = None
        self._told: list[Ended] = []
        # The collector may end the caller's stream in the midst of what is guarded, in the same thread.
        self._lock = threading.RLock()

    def goes_on(self, told: Ended) -> bool:
        """Whether it is read on without its caller, who has left; then ``told`` is called when that is over."""
        with self._lock:
            if not self.shared or self.tape.ended or _reaper.exiting():
                return False
            self._left = True
            self._told.append(told)
            return True

    def cut(self) -> None:
        """It ends here, whoever reads it."""
        with self._lock:
            self._cut = self._left = True
            self.tape.end(Gone())

    def _lets_go(self) -> bool:
        """The caller closes it; whether the connection is to be closed with it."""
        with self._lock:
            if self.shared and not self._read_out:
                return False  # even if the tape has ended: it is being read
            self.tape.end(Gone())
            return True

    def _wanted(self) -> bool:
        """Whether anybody still wants more."""
        return not self._cut and (not self._left or self.tape.followers > 0)

    def _over(self, error: BaseException | None) -> list[Ended]:
        """Nothing more comes; who is to be told."""
        with self._lock:
            self._read_out = True
            self._error = None if self._left else error
            self.tape.end(None if error is None else gone(error))
            told, self._told = self._told, []
        return told

    def _rest(self) -> None:
        """What the caller of the first call gets in place of the end, where there was an error."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        if self.tape.gone is not None:
            raise RuntimeError("the reply was read on without its caller")


class Feed(Feeding):
    """A body read blocking."""

    __slots__ = ("_reading",)

    def __init__(self, body: Any, tape: Tape) -> None:
        super().__init__(body, tape)
        self._reading = threading.Lock()

    def __iter__(self) -> Iterator[bytes]:
        index = 0
        try:
            while True:
                chunk = self._read() if not self.shared else None
                if chunk is None:
                    chunk = self._read_tape(index)
                if chunk is None:
                    return
                index += 1
                yield chunk
        except GeneratorExit:
            self._let_go()
            raise

    def _read(self) -> bytes | None:
        """From the connection; ``None`` at its end, and where it is read in the background by now."""
        with self._reading:
            if self.shared:
                return None
            try:
                chunk = self._next()
            except StopIteration:
                self.tape.end()
                return None
            except BaseException as error:
                self.tape.end(gone(error))
                raise
            self.tape.add(chunk)
            return chunk

    def _read_tape(self, index: int) -> bytes | None:
        tape = self.tape
        while index >= len(tape.chunks):
            if not self.shared:
                return None
            if tape.ended and index >= len(tape.chunks):
                self._rest()
                return None
            tape.wait(index, None)
        return tape.chunks[index] if self.shared else None

    def _let_go(self) -> None:
        """The caller's iterator is closed, and with it the connection's, unless others read it."""
        if self._lets_go() and self._items is not None:
            self._items.close()

    def _next(self) -> bytes:
        if self._items is None:
            self._items = iter(self._body)
        return next(self._items)

    def close(self) -> None:
        if self._lets_go():
            self._body.close()

    @property
    def sharable(self) -> bool:
        return True

    def share(self) -> None:
        with self._lock:
            self.shared = not self.tape.ended  # before there is a thread that reads
            if self.shared:
                try:
                    threading.Thread(target=self._pump, name="tokeneff-shared-reply", daemon=True).start()
                except RuntimeError:  # no thread is to be had
                    self.shared = False
                    self.tape.join(can=False)
                    return
        self.tape.join()

    def _pump(self) -> None:
        error: BaseException | None = None
        try:
            while self._wanted():
                with self._reading:
                    chunk = self._next()
                self.tape.add(chunk)
            error = Gone()
        except StopIteration:
            pass
        except BaseException as fault:  # noqa: BLE001 - told to those who read
            error = fault
        for told in self._over(error):
            tell(told)
        _closed(self._body)


def gone(error: BaseException) -> Gone:
    """What others are told of an error: its name and text, for a kept traceback would keep what it came through."""
    if isinstance(error, Gone):
        return Gone()
    kind = type(error)
    name = kind.__name__ if kind.__module__.partition(".")[0] in ("httpx", "httpx2") else ""
    return Gone(name, str(error), None if error.__cause__ is None else type(error.__cause__))


def tell(told: Ended) -> None:
    """Say that it is over. Never raises."""
    try:
        told()
    except Exception as fault:  # noqa: BLE001 - as above
        log_once("shared", "the end of a shared reply could not be told: %r", fault, exc_info=fault)


def _closed(body: Any) -> None:
    try:
        body.close()
    except Exception as fault:  # noqa: BLE001 - as above
        log_once("shared", "a shared reply could not be closed: %r", fault)
