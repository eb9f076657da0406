"""Whoever asks one Redis, each time within its patience: connected when first asked, and again in a forked child."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from tokeneff._forking import watch
from tokeneff.errors import StoreError, StoreUnavailable
from tokeneff.stores._redis._links import Link, until
from tokeneff.stores._redis._urls import Place, place

T = TypeVar("T")


def place_of(url: str) -> Place:
    """The place that a URL names.

    Raises:
        StoreError: the URL cannot be read, or the extra is missing.
    """
    found = place(url)
    try:
        import redis  # noqa: F401 # pyright: ignore[reportUnusedImport] - here, for no call has time for it
    except ImportError:
        raise StoreError(f"store {found.url} needs redis-py: pip install 'tokeneff[redis]'") from None
    return found


class Asking:
    """What stores on Redis are made of.

    Args:
        where: the server. patience: seconds that a question may take in all; may be set later, too.
    """

    def __init__(self, where: Place, patience: float) -> None:
        self.url = where.url
        self.patience = patience
        self.clock: Callable[[], int] | None = None
        self._place = where
        self._link: Link | None = None
        self._patient = threading.local()
        self.guard = threading.Lock()
        watch(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def close(self) -> None:
        """Let connections go. Using the store again connects again."""
        with self.guard:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def prepare(self) -> None:
        """Connections are told apart by process; there is nothing to let go."""

    def abandon(self) -> None:
        """In a forked child: its parent's connections are not its own."""
        self._link = None
        self.guard = threading.Lock()

    @contextmanager
    def patient(self, seconds: float) -> Generator[None]:
        """Have what this thread asks meanwhile last as long: for connecting in the background."""
        self._patient.seconds = seconds
        try:
            yield
        finally:
            self._patient.seconds = None

    def _ask(self, question: Callable[[Link], T]) -> T:
        """Put one question, and have whatever goes wrong be the store's being unavailable."""
        from redis.exceptions import RedisClusterException, RedisError

        until(time.monotonic() + (getattr(self._patient, "seconds", None) or self.patience))
        try:
            return question(self._link or self._linked())
        except (RedisError, RedisClusterException, OSError) as fault:
            raise StoreUnavailable(f"{self.url}: {type(fault).__name__}: {fault}") from None

    def _linked(self) -> Link:
        with self.guard:
            if self._link is None:
                self._link = Link(self._place)
            return self._link
