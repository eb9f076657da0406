"""Putting a watch into a response whose body is still to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokeneff._exchange import Exchange
from tokeneff._watch import WatchedAsyncStream, WatchedBody, WatchedStream

if TYPE_CHECKING:
    from tokeneff.cache._feed import Feed
    from tokeneff.cache._feed_async import AsyncFeed
    from tokeneff.cache._tape import Tape


def attach(response: Any, exchange: Exchange, *, awaiting: bool) -> WatchedBody | None:
    """Put a watch inside the response's body; ``None`` where the response has no place for one."""
    bound = response.stream
    body = getattr(bound, "_stream", None)
    if body is None:
        return None
    feed = None
    if exchange.tape is not None and not response.is_closed:
        body = feed = _feed(body, exchange.tape, awaiting)
    kind = WatchedAsyncStream if awaiting else WatchedStream
    watched = kind(body, exchange, response, feed)
    bound._stream = watched
    return watched


def _feed(body: Any, tape: Tape, awaiting: bool) -> Feed | AsyncFeed:
    """A body that also goes on a tape."""
    if awaiting:
        from tokeneff.cache._feed_async import AsyncFeed

        return AsyncFeed(body, tape)
    from tokeneff.cache._feed import Feed

    return Feed(body, tape)
