"""That a store went away, or is back: in the log, and for the span of the next call."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, TypeAlias

from tokeneff._log import log, log_once

News: TypeAlias = tuple[str, Mapping[str, Any]]
"""The name of an event, and its attributes."""
LOST, BACK = "store_lost", "store_back"
_MOST = 100


class Board:
    """What nobody has taken yet; the newest."""

    def __init__(self) -> None:
        self._news: deque[News] = deque(maxlen=_MOST)

    def put(self, news: News) -> None:
        """Have the next one take it."""
        self._news.append(news)

    def take(self) -> list[News]:
        """All that is there, the oldest first."""
        found: list[News] = []
        while self._news:
            try:
                found.append(self._news.popleft())
            except IndexError:  # another thread was faster
                break
        return found


def lost(url: str, on_error: str, reason: str) -> News:
    """The store cannot be asked."""
    log_once(
        ("store away", url),
        "the store of budgets %s cannot be asked (%s); %s",
        url,
        reason,
        "no call passes" if on_error == "closed" else "calls go on, counted in this process, until it can",
    )
    return LOST, {"store": url, "on_error": on_error, "reason": reason}


def back(url: str, seconds: float) -> News:
    """It can be asked again, after so long."""
    log.info("the store of budgets %s is back after %.1f s", url, seconds)
    return BACK, {"store": url, "seconds": seconds}
