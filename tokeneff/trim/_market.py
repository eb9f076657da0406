"""All that trimming knows of one kind of request: a model at a host, for one tenant."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tokeneff._forking import watch
from tokeneff.promptcache import Pieces, rule_of
from tokeneff.tokens import counter
from tokeneff.trim._asked import Asked, Trimmed, aligned_for, is_placed
from tokeneff.trim._changing import changed, replaced
from tokeneff.trim._history import Exchange, Path
from tokeneff.trim.arrival._arriving import Arrived, Arriving
from tokeneff.trim.kinds import LOSSLESS, USUAL
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._vault import Vault
from tokeneff.trim.planning._aligning import aligned
from tokeneff.trim.planning._anchoring import anchored, anchors_of
from tokeneff.trim.planning._batches import Batch
from tokeneff.trim.planning._gate import Course
from tokeneff.trim.planning._lengths import Lengths
from tokeneff.trim.planning._limit import Fit, fitted, measure_of
from tokeneff.trim.planning._planner import Planned, Planner, Request
from tokeneff.trim.planning._settling import Flights
from tokeneff.trim.planning._told import Flight, Verified
from tokeneff.trim.provider._plan import ProvidersPlanner
from tokeneff.trim.provider._provider import Asking
from tokeneff.trim.provider._sent import Terms, asking_for, body_with, makes_room, unprovided
from tokeneff.trim.recall._recalling import TOOL
from tokeneff.trim.summaries._summing import Room, Summaries, SummingPlanner

if TYPE_CHECKING:
    from tokeneff._flow import Outcome
    from tokeneff.prices import Prices
    from tokeneff.trim._trim import Trim

_ROOM = 3, 4
"""What is too long is cut to this part of what may be sent: cut to the very limit, it is cut again at each turn."""


class Market:
    """Decides for one scope. Thread-safe; may wait for a store.

    Args:
        trim: what was asked for. memo: where decisions are. prices: what tokens cost.
        scope: whose requests these are, and where they go. tenant: whose texts these are.
        recall: whether the model can fetch back what was left out. provided: whether histories are the provider's.
    """

    def __init__(
        self,
        trim: Trim,
        memo: Memo,
        prices: Prices,
        scope: str,
        *,
        tenant: str = "",
        recall: bool = False,
        provided: bool = False,
    ) -> None:
        self._trim, self._prices, self.scope = trim, prices, scope
        self.vault = Vault(memo, tenant)
        kinds, keep, tool = trim.kinds, trim.keep_tools, ""
        if recall:  # what the model fetched comes back whole
            kinds, keep, tool, scope = (*LOSSLESS, *(trim.lossy or USUAL)), (*keep, TOOL), TOOL, f"{scope}\n\nrecall"
        if provided:
            self._planner = ProvidersPlanner(memo, tools=keep, scope=f"{scope}\n\nprovider", vault=self.vault)
        elif trim.summarise is not None:
            written = Summaries(trim.summarise, memo, prices, tenant)
            own = {"tools": trim.keep_tools, "scope": scope, "vault": self.vault, "recall": recall}
            self._planner = SummingPlanner(written, memo, **own)
        else:
            self._planner = Planner(memo, tools=trim.keep_tools, scope=scope, vault=self.vault, recall=recall)
        self.arriving = Arriving(memo, self.vault, counter().text, kinds, scope=scope, keep_tools=keep, recall=tool)
        self.guard = threading.Lock()
        self._lengths = Lengths()
        self._flights = Flights(self._planner, prices, bare=bool(trim.holdout))
        watch(self)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = threading.Lock()

    def trimmed(self, asked: Asked) -> Trimmed:
        """What is to be sent of a request.

        Raises:
            ContextTooLong: it cannot be made to fit.
        """
        known = self._planner.known(asked.history)
        try:
            return self._trimmed(asked, known, time.time())
        except BaseException:  # it is not sent
            self._planner.settle(asked.history.chain, known[1])
            raise

    def limited(self, asked: Asked) -> Trimmed:
        """What is to be sent of a request of which nothing is left out but what has to be, for it to fit.

        Raises:
            ContextTooLong: it cannot be made to fit.
        """
        history, standing = asked.history, self._planner.standing(asked.history)
        texts, gone = standing.texts, [Exchange(*row) for row in standing.gone]
        body: Mapping[str, Any] = changed(history, texts, gone) if texts or gone else history.body
        after = self._expected(asked, body) if body is not history.body else asked.total
        if asked.most is not None and after > asked.most:
            fit, _ = self._fitted(asked, asked.most, texts, {}, after, None)
            body, after, texts, gone = fit.body, fit.tokens, fit.texts, fit.gone
        flight = self._leaving(asked, body)
        return Trimmed(body, Arrived(), None, asked.total, after, texts, len(gone), None, flight)

    def untouched(self, asked: Asked) -> Flight | None:
        """A request that is sent as it was written is about to be."""
        return self._leaving(asked, asked.history.body)

    def _leaving(self, asked: Asked, body: Mapping[str, Any]) -> Flight | None:
        """A request for which nothing was planned is about to be sent, with this body."""
        at, history, site = time.time(), asked.history, asked.site
        rates = self._prices.rates(asked.model, site.provider, site.host, at, asked.total)
        if rates is None:
            return None
        rule, plain = rule_of(asked.model, site.provider), aligned_for(asked, asked.prompt, history.body, asked.total)
        ours = plain if body is history.body else self._pieces(asked, plain)(body)
        return self._flights.leaving(
            history, self._planner.known(history), rule, rates, plain, ours, at, cut=ours is not plain
        )

    def unsent(self, flight: Flight | None) -> None:
        """A request never reached its provider."""
        if flight is not None:
            self._flights.unsent(flight)

    def over(self, asked: Asked, body: Mapping[str, Any], flight: Flight, outcome: Outcome) -> Verified:
        """A request is over: learn from what its provider says, and tell what it came to.

        Args:
            body: that was sent.
        """
        model, site, dialect = asked.model, asked.site, asked.history.dialect
        managed, removed = outcome.facts.managed, 0
        if managed is not None and managed.tokens:
            removed = managed.tokens
        elif body is not asked.history.body:
            rest, whole = asked.prompt_of(body), asked.prompt
            if whole.encoding != rest.encoding:  # a vocabulary has come meanwhile
                whole = counter().prompt(dialect, asked.history.body, model)
            removed = counter().less(whole, rest, model, site.provider)

        def sent(body: Mapping[str, Any]) -> Pieces:
            return aligned(counter().prompt(dialect, body, model), dialect, body, flight.ours.total)

        return self._flights.over(flight, outcome, removed, model, site, sent)

    def _trimmed(self, asked: Asked, known: tuple[Course, Course | None], at: float) -> Trimmed:
        history = asked.history
        rule = rule_of(asked.model, asked.site.provider)
        plain = aligned_for(asked, asked.prompt, history.body, asked.total)
        with self.guard:
            self._lengths.asked(history.chain, at)
            outlook = self._lengths.outlook
        rates = self._prices.rates(asked.model, asked.site.provider, asked.site.host, at, asked.total)
        arrived = self._arrived(asked, self._planner.may_shorten(history, rule, rates, plain, outlook))
        terms = None if rates is None else Terms(rule, rates, plain, outlook)
        pieces, ours = self._pieces(asked, plain), plain
        planned = self._planned(asked, arrived, terms, pieces, at)
        if planned is not None:
            texts, body, ours = planned.texts, planned.body, planned.pieces
            if planned.anchor is not None and not is_placed(asked, asked.prompt):
                body = anchored(body, planned.pieces, planned.anchor)
        else:
            texts, body = arrived.texts, replaced(history, arrived.texts) if arrived.texts else history.body
            ours = plain if body is history.body else pieces(body)
        gone = len(self._planner.standing(history).gone) if planned is not None else 0
        after = asked.total if body is history.body else self._expected(asked, body)
        asking, spent = self._asking(asked, terms), 0 if planned is None else planned.spent
        if asked.most is not None and after > asked.most and not makes_room(asked, asking):
            asking = None
            texts = unprovided(texts, arrived.texts)
            fit, paid = self._fitted(asked, asked.most, texts, arrived.leans, after, terms)
            spent += paid
            body, after, texts, gone, ours = fit.body, fit.tokens, fit.texts, len(fit.gone), pieces(fit.body)
        if asking is not None:
            body = body_with(history, texts, arrived.texts, asking)
        flight: Flight | None = None
        if rates is not None:
            # What was planned is noted already.
            known = known[0]._replace(cost=known[0].cost + spent), known[1]
            noted = self._planner.known(history)[1] if planned is not None and ours is planned.pieces else None
            cut = planned is not None and (noted is None or planned.batch is not None)
            flight = self._flights.leaving(history, known, rule, rates, plain, ours, at, noted, spent, cut=cut)
        return Trimmed(body, arrived, planned, asked.total, after, texts, gone, asking, flight)

    def _planned(self, asked: Asked, arrived: Arrived, terms: Terms | None, pieces: Any, at: float) -> Planned | None:
        """What is left out of the history; ``None`` where that is not for us to say."""
        if terms is None or not self._trim.history or (asked.can is not None and asked.can.clear is None):
            return None
        rule, rates, plain, outlook = terms
        request = Request(asked.history, rule, rates, plain, pieces, at, outlook, arrived.texts, arrived.leans)
        # Breakpoints that are set further down are set where they pay anew for each request.
        anchors = None if is_placed(asked, asked.prompt) else partial(anchors_of, rule=rule)
        return self._planner.plan(request._replace(anchors=anchors, most=None if asked.can is None else asked.most))

    def _asking(self, asked: Asked, terms: Terms | None) -> Asking | None:
        if asked.can is None or terms is None or not self._trim.history:
            return None
        return asking_for(asked, asked.can, self._planner.standing(asked.history), terms, self._trim.keep_tools)

    def _fitted(
        self,
        asked: Asked,
        most: int,
        texts: Mapping[Path, str],
        leans: Mapping[int, Sequence[int]],
        before: int,
        terms: Terms | None,
    ) -> tuple[Fit, int]:
        """The request cut to what may be sent, and nano-dollars that it cost to write what stands for the rest."""
        history, spent = asked.history, 0
        up, down = _ROOM
        measure = measure_of(history.dialect, asked.model, asked.site.provider, asked.session)
        fit = fitted(
            history,
            most,
            measure,
            target=most * up // down,
            texts=texts,
            gone=tuple(Exchange(*row) for row in self._planner.standing(history).gone),
            leans=leans,
            keep_tools=self._trim.keep_tools,
            model=asked.model,
            name_of=self._planner.name_of,
        )
        if isinstance(self._planner, SummingPlanner) and terms is not None:
            room = Room(most, before, terms.rates, terms.outlook.turns(len(history.exchanges)))
            fit, spent = self._planner.summaries.fit(history, fit, texts, room, measure)
        rows = tuple((one.start, one.stop) for one in fit.gone)
        self._planner.keep(history, Batch(fit.texts, before - fit.tokens, 0, rows))
        return fit, spent

    def _arrived(self, asked: Asked, shorten: bool) -> Arrived:
        history = asked.history
        known = self.arriving.known(history)
        if known is not None:
            return known
        since = history.arrived if shorten else len(history.messages)
        standing = self._planner.standing(history)
        gone = {*standing.texts, *(place for start, stop in standing.gone for place in range(start, stop))}
        return self.arriving.arrive(history, asked.model, since, gone)

    def _expected(self, asked: Asked, body: Mapping[str, Any]) -> int:
        return counter().expected(asked.prompt_of(body), asked.model, asked.site.provider, asked.session)[0]

    def _pieces(self, asked: Asked, plain: Pieces) -> Any:
        own = sum(piece.tokens for piece in asked.prompt.pieces) or 1

        def pieces(body: Mapping[str, Any]) -> Pieces:
            prompt = asked.prompt_of(body)
            total = sum(piece.tokens for piece in prompt.pieces) * plain.total // own
            return aligned_for(asked, prompt, body, total)

        return pieces
