"""Calls whose last question says the same in other words: what is known of them is asked, and what comes is learnt."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff._flow import Call, Effect, do
from tokeneff._log import log_once
from tokeneff.cache._flights import Kept
from tokeneff.cache._key import context_key
from tokeneff.cache._reply import Reply

if TYPE_CHECKING:
    from tokeneff.cache._cache import Cache
    from tokeneff.cache._entering import Entering, Entry
    from tokeneff.cache.semantic import Neighbourhoods

Look = Callable[[bytes], Kept | None]


class Found(NamedTuple):
    """What is known of a call's question."""

    kept: Kept | None = None
    """What answers it."""
    learn: Callable[[bytes, Reply], None] | None = None
    """To be told of the call's own reply once that is kept."""


_NOTHING = Found()


class Alike:
    """Asks what is known of one wrapping's questions.

    Args:
        cache: what was asked for. known: what is known. entering: whose replies they are. look: finds a kept reply.
    """

    def __init__(self, cache: Cache, known: Neighbourhoods, entering: Entering, look: Look) -> None:
        self._known = known
        self._entering = entering
        self._look = look
        self._single = cache.n_samples == 1

    def found(self, call: Call, entry: Entry) -> Generator[Effect, Any, Found]:
        """What is known of a call that nothing equal answers."""
        if entry.alone or not self._single:
            return _NOTHING
        try:
            context = context_key(call, **self._entering.whose(call))
        except Exception as fault:  # noqa: BLE001 - our fault: the call is sent
            log_once(("alike", type(fault)), "a question could not be compared: %r", fault, exc_info=fault)
            return _NOTHING
        if context is None:
            return _NOTHING
        if self._known.instant:
            return self._considered(context.key, context.question, call.client)
        return (yield from do(self._considered, context.key, context.question, call.client))

    def _considered(self, context: bytes, question: str, client: Any) -> Found:
        known = self._known
        considered = known.consider(context, question, client)
        token, explored = considered.token, considered.explore
        if considered.serve is not None:
            kept = self._look(considered.serve)
            if kept is not None and not kept.stale:
                return Found(kept._replace(like=True))
            if kept is None:
                known.forget(considered.serve)
        if token is None:
            return _NOTHING

        def learn(key: bytes, reply: Reply) -> None:
            other = None if explored is None else self._look(explored)
            if other is not None:
                known.judged(token, other.reply, reply)
            elif explored is not None:
                known.forget(explored)
            known.learnt(token, key, reply)

        return Found(None, learn)
