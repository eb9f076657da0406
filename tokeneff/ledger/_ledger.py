"""The ledger as its users have it."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any
from weakref import WeakValueDictionary

from tokeneff._chance import chance
from tokeneff._sqlite.faults import busy, told
from tokeneff.errors import LedgerError
from tokeneff.ledger._opening import check_file
from tokeneff.ledger._record import CallRecord
from tokeneff.ledger._store import FileStore, MemoryStore, Store
from tokeneff.ledger._url import file_of
from tokeneff.ledger._writer import BATCH, Writer


class Ledger:
    """Keep a record of every call: who, when, which model, tokens by kind and part, cost, how it went.

    Example::

        client = tokeneff.wrap(OpenAI(), ledger="sqlite:///tokeneff.db")
        client = tokeneff.wrap(OpenAI(), ledger=tokeneff.Ledger("sqlite:///tokeneff.db", content=True), mask=my_mask)

    Calls are queued and written by a thread of their own, every half second, so that no call waits for the disk or
    fails with it. A process that is killed loses what came since the last write: half a second, or as long as the disk
    took nothing. A process that ends writes the rest first, in its turn where many write, and gives up where nobody
    could for 10 seconds. Up to 20,000 calls wait for a disk that is full, locked or gone; beyond, they are counted in
    :attr:`lost`. Many processes may write to one file, and others read it meanwhile. A call that is there already (its
    ``call_id``) is not written again.

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute/path.db`` (``~`` is the home directory; the file is made
            if need be, its directory is not) or ``memory://`` for rows that are gone with the object.
        content: whether the messages are kept, as JSON, after ``mask`` has seen them. Off by default: then a ledger
            holds counts, names and hashes, and no text of a prompt or a reply.

    Raises:
        LedgerError: the URL is none, its directory is not there, the file is no ledger, or one of a later version of
            tokeneff. What may pass (a full, locked or read-only disk) is logged once instead, and tried again.
    """

    __slots__ = ("__weakref__", "_writer", "content", "url")

    def __init__(self, url: str, *, content: bool = False) -> None:
        path = file_of(url)
        if path is not None:
            check_file(path)
        self.url = url if path is None else f"sqlite:///{path}"
        self.content = bool(content)
        self._writer = Writer(MemoryStore(), url) if path is None else _writer_of(path)

    @property
    def lost(self) -> int:
        """Calls of this process that could not be kept, in this file, since it began."""
        return self._writer.lost

    def add(self, record: CallRecord) -> None:
        """Have a record written within half a second. Never blocks, never raises."""
        self._writer.add(record)

    def write(self, records: Iterable[CallRecord], timeout: float = 30.0) -> int:
        """Write many records now, in this thread, such as those of another program's logs.

        Args:
            records: those that are there already, by their ``call_id``, are left alone.
            timeout: seconds to go on trying, for each 5,000 records, while others hold the file.

        Returns:
            How many were not there before.

        Raises:
            LedgerError: the file cannot be written; what was returned by earlier batches stays.
        """
        added, waiting = 0, iter(records)
        while batch := list(islice(waiting, BATCH)):
            added += _written(self._writer.store, batch, timeout, self.url)
            with suppress(sqlite3.Error, LedgerError):  # tried again later, by whoever fills the next block
                while self._writer.store.unsealed:
                    self._writer.store.seal()
        return added

    def connect(self) -> sqlite3.Connection:
        """A connection to read from, with everything that was added so far; see :mod:`tokeneff.ledger` for the view.

        Of a ledger in memory it is a copy.

        Raises:
            LedgerError: the file cannot be read.
        """
        self.flush()
        return self._writer.store.connect()

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything added so far is written; returns whether it is.

        Args:
            timeout: seconds.
        """
        return self._writer.flush(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Write what waits and close the file; it is opened again by the next record.

        Args:
            timeout: seconds; what cannot be written by then is lost.
        """
        self._writer.finish(timeout)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Ledger({self.url!r}{', content=True' if self.content else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.url, self.content)


def open_ledger(url: str, *, content: bool = False) -> Ledger:
    """The ledger that a URL names, made if it is not there: ``open_ledger("sqlite:///tokeneff.db")``.

    All that are opened on one file in a process share one queue and one thread. Arguments and errors are those of
    :class:`Ledger`.
    """
    return Ledger(url, content=content)


def _reopened(url: str, content: bool) -> Ledger:
    return Ledger(url, content=content)


def _written(store: Store, batch: list[CallRecord], timeout: float, url: str) -> int:
    until = time.monotonic() + timeout
    while True:
        try:
            return store.write(batch)[0]
        except sqlite3.Error as fault:
            if not busy(fault) or time.monotonic() >= until:
                raise LedgerError(f"ledger {url} cannot be written: {told(fault)}") from fault
        time.sleep(chance.uniform(0.005, 0.03))


_writers: WeakValueDictionary[str, Writer] = WeakValueDictionary()
_lock = threading.Lock()


def _writer_of(path: Path) -> Writer:
    """The one writer of this file in this process."""
    place = os.path.realpath(path)
    with _lock:
        writer = _writers.get(place)
        if writer is None:
            writer = _writers[place] = Writer(FileStore(path), str(path))
    return writer


def _in_child() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
