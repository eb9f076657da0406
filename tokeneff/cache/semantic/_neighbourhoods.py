"""All contexts of one cache: what may be served, what is looked at, and what was learnt from it."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff._chance import chance
from tokeneff._forking import watch
from tokeneff._log import log_once
from tokeneff.cache._codec import Codec
from tokeneff.cache.semantic._answers import Mark, answer_of, equal, mark_of
from tokeneff.cache.semantic._encoders import Encoding
from tokeneff.cache.semantic._memoir import Memoir
from tokeneff.cache.semantic._neighbourhood import FEATURES, NEIGHBOURS, Neighbourhood, Sight
from tokeneff.cache.semantic._risk import Risk
from tokeneff.cache.semantic._shelf import Shelf
from tokeneff.cache.semantic._wager import Wager

if TYPE_CHECKING:
    from tokeneff.cache._reply import Reply
    from tokeneff.cache.semantic._index import Index
    from tokeneff.cache.semantic._journal import Journal
    from tokeneff.cache.semantic._semantic import Semantic


@dataclass(slots=True)
class Token:
    """One call's question, from its consideration to its reply."""

    context: bytes
    question: str
    vector: Sequence[float] | None
    sight: Sight
    admitted: bool = False
    judged: tuple[bytes, bool] | None = None


class Consideration(NamedTuple):
    """What to do about a question."""

    serve: bytes | None = None
    """The key whose reply answers it."""
    explore: bytes | None = None
    """The key whose reply is to be compared with the one that comes."""
    token: Token | None = None
    """For :meth:`Neighbourhoods.judged` and :meth:`Neighbourhoods.learnt`; ``None``: there is nothing to learn."""


class Neighbourhoods:
    """What one cache knows of questions and their answers. Safe in threads; never raises.

    Two wagers have to be won before a candidate is served: its context's, so that no context lives on the evidence of
    another; and one over all contexts, which holds the share of all that the cache serves. Both take all outcomes of
    candidates that were admitted, before they came, by what is guessed of them; explored ones are drawn by a coin that
    knows nothing of the question, so that they are like those that are served.

    Args:
        semantic: what was asked for. journal: where what is learnt outlives the process. codec: seals what goes there.
        index: finds more questions than are in memory.
        coin: draws numbers from 0 to 1. clock: seconds since 1970.
    """

    def __init__(
        self,
        semantic: Semantic,
        journal: Journal | None = None,
        codec: Codec | None = None,
        *,
        index: Index | None = None,
        coin: Callable[[], float] = chance.random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._semantic = semantic
        self._encoding = Encoding(semantic.encoder)
        self._coin, self._clock = coin, clock
        self.guard = Lock()
        self._contexts: OrderedDict[bytes, Neighbourhood] = OrderedDict()
        self._where: dict[bytes, bytes] = {}
        self._risk = Risk(FEATURES)
        self._overall = self._wager()
        self._memoir = None if journal is None else Memoir(journal, codec, semantic, self)
        self._shelf = None if index is None else Shelf(index, codec or Codec(), semantic)
        watch(self)

    @property
    def instant(self) -> bool:
        """Whether nothing is waited for: neither an encoder nor a file."""
        return self._memoir is None and self._encoding.lexical

    def consider(self, context: bytes, question: str, client: Any = None) -> Consideration:
        """What is known of a question.

        Args:
            context: a digest of all of the request but the text of its last turn, and of whose it is.
            question: that text. client: the one that the call is made with.
        """
        try:
            if self._memoir is not None:
                self._memoir.read()
            vector = self._encoding.vector(question, self._semantic.client or client)
            if self._shelf is not None and vector is not None:
                self._fetch(self._shelf, context, vector)
            with self.guard:
                return self._considered(context, question, vector)
        except Exception as fault:  # noqa: BLE001 - our fault, or the encoder's: the call is sent
            log_once(("semantic", type(fault)), "a question could not be compared: %s", fault, exc_info=fault)
            return Consideration()

    def _considered(self, context: bytes, question: str, vector: Sequence[float] | None) -> Consideration:
        place = self._contexts.get(context)
        sight = Sight() if place is None else place.look(question, vector)
        token = Token(context, question, vector, sight)
        if place is None or sight.key is None:
            return Consideration(token=token)
        token.admitted = sight.proven and self._risk.at_most(sight.features) <= self._semantic.max_false_hits
        now = self._clock()
        trusted = token.admitted and place.wager.sure_at(now) and self._overall.sure_at(now)
        if trusted and self._coin() >= self._semantic.explore:
            place.used(sight.key)
            return Consideration(serve=sight.key, token=token)
        return Consideration(explore=sight.key, token=token)

    def _fetch(self, shelf: Shelf, context: bytes, vector: Sequence[float]) -> None:
        """Have in memory what an index proposes; the nearest last, so that it is there whatever has to go."""
        for one in reversed(shelf.near(context, vector, NEIGHBOURS)):
            with self.guard:
                known = one.key in self._where
            if not known:
                self.take_entry(context, one.key, one.question, one.vector, one.mark, None, ())
                with self.guard:
                    self._contexts[context].recall(one.key, one.seen, one.wrong)

    def judged(self, token: Token, kept: Reply, got: Reply) -> bool | None:
        """Compare the reply that came with the one that could have been served: whether they say the same.

        ``None``: that cannot be told, and nothing is learnt.
        """
        key = token.sight.key
        try:
            one, other = answer_of(kept), answer_of(got)
            if key is None or one is None or other is None:
                return None
            same = bool((self._semantic.compare or equal)(one, other))
            token.judged = key, same
            at = self._clock()
            self.take_outcome(token.context, key, token.sight.features, token.admitted, not same, at)
            if self._shelf is not None:
                self._shelf.judged(key, not same)
            if self._memoir is not None:
                self._memoir.outcome(token.context, key, token.sight.features, token.admitted, not same, at)
            return same
        except Exception as fault:  # noqa: BLE001 - the caller has their reply
            log_once(("semantic judged", type(fault)), "two replies could not be compared: %s", fault, exc_info=fault)
            return None

    def learnt(self, token: Token, key: bytes, reply: Reply) -> None:
        """The question's own reply was kept, under ``key``."""
        try:
            answer = answer_of(reply)
            if answer is None:
                return
            mark = mark_of(answer)
            args = (token.context, key, token.question, token.vector, mark, token.judged, token.sight.near)
            self.take_entry(*args)
            if self._shelf is not None and token.vector is not None:
                self._shelf.put(token.context, key, token.question, token.vector, mark)
            if self._memoir is not None:
                self._memoir.entry(*args)
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("semantic learnt", type(fault)), "a question could not be kept: %s", fault, exc_info=fault)

    def forget(self, key: bytes) -> None:
        """There is no reply under ``key`` any more."""
        self.take_away(key)
        if self._shelf is not None:
            self._shelf.away(key)
        if self._memoir is not None:
            self._memoir.away(key)

    def clear(self) -> None:
        """Forget everything: questions and evidence."""
        self.reset()
        if self._shelf is not None:
            self._shelf.clear()
        if self._memoir is not None:
            self._memoir.clear()

    def close(self) -> None:
        """Let go of the journal and the index."""
        if self._shelf is not None:
            self._shelf.close()
        if self._memoir is not None:
            self._memoir.close()

    def prepare(self) -> None:
        """Before a fork: nothing is under way."""

    def abandon(self) -> None:
        """In a forked child: what is written down is read again, so that no evidence counts twice."""
        self.guard = Lock()
        if self._memoir is not None:
            self.reset()
            self._memoir.abandon()

    def totals(self) -> dict[str, float]:
        """For who wants to know: contexts, questions, candidates judged and wrong, and evidence (sure from 1 on)."""
        with self.guard:
            needed = 1 / (1 - self._semantic.confidence)
            return {
                "contexts": len(self._contexts),
                "questions": len(self._where),
                "judged": self._overall.seen,
                "wrong": self._overall.wrong,
                "evidence": self._overall.money / needed,
            }

    # -- what was learnt, here or by another process

    def take_outcome(
        self, context: bytes, key: bytes, features: Sequence[float], admitted: bool, wrong: bool, at: float
    ) -> None:
        """A candidate was compared."""
        with self.guard:
            self._risk.learn(features, wrong)
            place = self._place(context)
            place.judge(key, wrong)
            if admitted:
                place.wager.take(wrong, at)
                self._overall.take(wrong, at)

    def take_entry(
        self,
        context: bytes,
        key: bytes,
        question: str,
        vector: Sequence[float] | None,
        mark: Mark,
        judged: tuple[bytes, bool] | None,
        near: Sequence[bytes],
    ) -> None:
        """A question has an answer."""
        with self.guard:
            place = self._place(context)
            self._contexts.move_to_end(context)
            place.add(key, question, vector, mark, judged, near if self._semantic.compare is None else ())
            self._where[key] = context
            while len(self._where) > self._semantic.most:
                self._shrink()

    def take_away(self, key: bytes) -> None:
        """A reply is gone."""
        with self.guard:
            context = self._where.pop(key, None)
            if context is not None:
                self._contexts[context].remove(key)

    def reset(self) -> None:
        """All is gone."""
        with self.guard:
            self._contexts.clear()
            self._where.clear()
            self._risk, self._overall = Risk(FEATURES), self._wager()

    def _place(self, context: bytes) -> Neighbourhood:
        place = self._contexts.get(context)
        if place is None:
            place = self._contexts[context] = Neighbourhood(self._wager(), self._encoding.lexical)
            while len(self._contexts) > self._semantic.most:
                self._leave(next(iter(self._contexts)))
        return place

    def _shrink(self) -> None:
        """Let the question go that was longest unused, of the context that was longest unused."""
        context, place = next(iter(self._contexts.items()))
        key = place.oldest()
        if key is not None:
            place.remove(key)
            del self._where[key]
        if not len(place):
            self._leave(context)

    def _leave(self, context: bytes) -> None:
        place = self._contexts.pop(context)
        while (key := place.oldest()) is not None:
            place.remove(key)
            self._where.pop(key, None)

    def _wager(self) -> Wager:
        semantic = self._semantic
        return Wager(semantic.max_false_hits, semantic.confidence, semantic.half_life_seconds)
