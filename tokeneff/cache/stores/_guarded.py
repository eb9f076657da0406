"""A store of replies that may go away: then there is nothing in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from typing import ParamSpec, TypeAlias, TypeVar

from tokeneff._forking import watch
from tokeneff._log import log, log_once
from tokeneff.cache.stores._contract import ALL, CacheStore, Entry, Labels, NotKept, Totals
from tokeneff.errors import StoreUnavailable
from tokeneff.stores._guarded._breaker import Breaker

P = ParamSpec("P")
T = TypeVar("T")
Told: TypeAlias = Callable[[str, Mapping[str, object]], None]

AWAY, BACK = "tokeneff.cache.away", "tokeneff.cache.back"
PATIENCE = 0.05
"""Seconds that a call waits for the store, unless told otherwise."""
_FIRST = 1.0
"""Seconds for the first contact of a process, which connects, where that is more."""
_IN_BACKGROUND = 5.0
"""Seconds that a look from the background may take."""
_WRITELESS = 0.5
"""Seconds that writing is left alone after it failed."""
_NOBODY = bytes(32)


class GuardedCacheStore:
    """Asks a store, each time within ``patience``, and does without while it is away.

    Example::

        store = GuardedCacheStore(open_cache_store("redis://localhost"), patience=0.05)

    What calls ask (`get`, `put`, `drop`, `lead`, `led`, `leading`, `now`) never raises. A question that fails or is not
    answered in time has the store be *away*: it is left alone for half a second, and then looked after by one thread,
    after twice the time each time, up to 30 s. Meanwhile nothing is found, nothing is kept, and whoever asks to lead
    does. Where only writing fails (:class:`NotKept`), what is there is still found, and half a second later writing is
    tried again.

    What people ask (`entries`, `purge`, `totals`) raises ``StoreUnavailable`` as the store does: that nothing was
    purged has to be said.

    Args:
        store: the store.
        patience: seconds that a question may take in all; the first of a process, which connects, at least a second.
        told: is called with a name and attributes when the store goes away (``tokeneff.cache.away``), is back
            (``tokeneff.cache.back``), and by whichever thread noticed.
    """

    def __init__(self, store: CacheStore, patience: float = PATIENCE, told: Told | None = None) -> None:
        self.store = store
        self.patience = patience
        self.url = store.url
        self.instant = store.instant
        if hasattr(store, "patience"):
            store.patience = patience  # pyright: ignore[reportAttributeAccessIssue]
        self._told = told
        self._offset = 0
        self._unwritable = 0.0
        self._secret = b""
        self._breaker = Breaker(self._look, self._changed)
        self.guard = threading.Lock()
        watch(self)

    @property
    def away(self) -> bool:
        """Whether the store cannot be asked now."""
        return not (self.instant or self._breaker.up)

    def meet(self) -> None:
        """Connect now, so that the first call does not have to wait for it."""
        self._reachable()

    def get(self, key: bytes) -> Entry | None:
        return self._asked(None, self.store.get, key)

    def put(self, key: bytes, value: bytes, labels: Labels, ttl: int | None, stored: int | None = None) -> bool:
        return self._written(False, self.store.put, key, value, labels, ttl, stored)

    def drop(self, key: bytes) -> bool:
        return self._written(False, self.store.drop, key)

    def lead(self, key: bytes, owner: str, lease: int) -> bool:
        return self._written(True, self.store.lead, key, owner, lease)

    def led(self, key: bytes, owner: str) -> None:
        self._written(None, self.store.led, key, owner)

    def leading(self, key: bytes) -> bool:
        return self._asked(False, self.store.leading, key)

    def now(self) -> int:
        """The store's clock, as far as it is known."""
        told = self._asked(None, self.store.now)
        if told is None:
            return _microseconds() + self._offset
        self._offset = told - _microseconds()
        return told

    def secret(self) -> bytes:
        """The store's secret; empty while it is not known, for nothing is found then."""
        self._secret = self._secret or self._asked(b"", self.store.secret)
        return self._secret

    def entries(self, labels: Labels = ALL, newest: int | None = None) -> Iterator[Entry]:
        return self.store.entries(labels, newest)

    def purge(self, labels: Labels = ALL, before: int | None = None) -> int:
        return self.store.purge(labels, before)

    def totals(self) -> Totals:
        return self.store.totals()

    def close(self) -> None:
        self._breaker.stop(1.0)
        with suppress(StoreUnavailable):
            self.store.close()

    def prepare(self) -> None:
        """There is nothing to let go before a fork."""

    def abandon(self) -> None:
        """In a forked child: nothing is known of the store."""
        self.guard = threading.Lock()
        self._breaker.reset()

    def _reachable(self) -> bool:
        return self.instant or self._breaker.reachable(max(self.patience, _FIRST))

    def _written(self, otherwise: T, question: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        if time.monotonic() < self._unwritable:
            return otherwise
        return self._asked(otherwise, question, *args, **named)

    def _asked(self, otherwise: T, question: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        if not self._reachable():
            return otherwise
        try:
            answer = question(*args, **named)
        except NotKept as fault:
            self._unwritable = time.monotonic() + _WRITELESS
            log_once(("cache not kept", self.url), "the cache %s keeps nothing for now: %s", self.url, fault)
        except StoreUnavailable as fault:
            self._breaker.failed(fault)
        except Exception as fault:  # noqa: BLE001 - no fault of a cache may reach a call
            log_once(("cache", self.url, type(fault)), "asking the cache %s failed", self.url, exc_info=fault)
        else:
            self._breaker.worked()
            return answer
        return otherwise

    def _look(self) -> None:
        """See whether the store answers."""
        patient = getattr(self.store, "patient", None)
        with nullcontext() if patient is None else patient(_IN_BACKGROUND):
            self.store.leading(_NOBODY)
            self._offset = self.store.now() - _microseconds()

    def _changed(self, up: bool, seconds: float) -> None:
        about: dict[str, object] = {"tokeneff.store.url": self.url}
        if up:
            log.info("the cache %s is back after %.1f s", self.url, seconds)
            about["tokeneff.store.seconds"] = seconds
        else:
            reason = self._breaker.reason
            log_once(
                ("cache away", self.url),
                "the cache %s cannot be asked (%s); calls go on without it until it can",
                self.url,
                reason,
            )
            about["tokeneff.store.reason"] = reason
        if self._told is not None:
            try:
                self._told(BACK if up else AWAY, about)
            except Exception as fault:  # noqa: BLE001 - who is told must not harm the calls
                log_once(("store told", type(fault)), "telling of a store failed: %r", fault, exc_info=fault)


def _microseconds() -> int:
    return time.time_ns() // 1000
