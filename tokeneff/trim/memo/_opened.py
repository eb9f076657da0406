"""Where trimming keeps what it did, opened once in a process: by those who trim, and by those who give it back."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from tokeneff._forking import watch
from tokeneff.cache._codec import Codec
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._stores import GuardedMemoStore, open_memo_store

if TYPE_CHECKING:
    from tokeneff.trim._trim import Trim


class _Opened:
    """Memos by their stores and keys, as long as somebody has them."""

    def __init__(self) -> None:
        self.guard = Lock()
        self._memos: WeakValueDictionary[tuple[str, tuple[str, ...]], Memo] = WeakValueDictionary()
        watch(self)

    def memo(self, trim: Trim) -> Memo:
        with self.guard:
            found = self._memos.get((trim.store, trim.key))
            if found is None:
                found = Memo(GuardedMemoStore(open_memo_store(trim.store)), Codec(trim.key))
                self._memos[trim.store, trim.key] = found
            return found

    def prepare(self) -> None:
        """Before a fork: what is open is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = Lock()


_opened = _Opened()


def memo_of(trim: Trim) -> Memo:
    """The memo of these settings.

    Raises:
        StoreError: there is no such store; the text says what to write or install.
    """
    return _opened.memo(trim)
