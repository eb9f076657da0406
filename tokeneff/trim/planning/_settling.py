"""Requests on their way: noted when they leave, corrected by what their provider says of them when they are over."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tokeneff._flow import Outcome, Tokens
from tokeneff._forking import watch
from tokeneff.promptcache import Pieces, Rule, Split, State, serve
from tokeneff.trim._history import History
from tokeneff.trim.planning._gate import Course
from tokeneff.trim.planning._planner import Planner
from tokeneff.trim.planning._told import Flight, Verified, as_marked, course_of, marked_alike, said_of

if TYPE_CHECKING:
    from tokeneff.adapters._hosts import Site
    from tokeneff.prices import Prices
    from tokeneff.prices._rates import Rates

_MOST = 512
_MOST_READ = 500_000
"""Tokens of reads that what is known of a cache's reliability rests on; when there are more, they count half."""


class Flights:
    """The requests of one kind on their way. Thread-safe.

    Args:
        planner: where courses are noted. prices: what tokens cost.
        bare: whether conversations are simulated without what their provider said, too, to be compared.
    """

    def __init__(self, planner: Planner, prices: Prices, *, bare: bool) -> None:
        self._planner, self._prices, self._wanted = planner, prices, bare
        self.guard = threading.Lock()
        self._bare: OrderedDict[bytes, State] = OrderedDict()
        self._simulated = self._told = 0
        watch(self)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = threading.Lock()

    def leaving(
        self,
        history: History,
        known: tuple[Course, Course | None],
        rule: Rule,
        rates: Rates,
        plain: Pieces,
        ours: Pieces,
        at: float,
        after: Course | None = None,
        spent: int = 0,
        cut: bool = False,
    ) -> Flight:
        """A request is about to be sent.

        Args:
            known: what :meth:`Planner.known` gave before anything was planned.
            plain: it as it was written. ours: as it is sent. at: now.
            after: the conversation with it, where that is noted already.
            cut: whether something was left out of its history with this request.
            spent: nano-dollars that what stands for the rest has cost; they are in what is known.
        """
        before, chain = known[0], history.chain
        if after is None:
            after = before.after(rule, rates, plain, ours, at)
            self._planner.settle(chain, after)
        expected = (after.spent - before.spent) - (after.cost - before.cost) - spent
        bare = self._before(chain) if self._wanted else None
        return Flight(chain, rule, rates, plain, ours, at, before, known[1], bare, expected, spent, cut)

    def unsent(self, flight: Flight) -> None:
        """It never reached its provider, whose cache has nothing of it."""
        self._planner.settle(flight.chain, flight.known)

    def over(
        self,
        flight: Flight,
        outcome: Outcome,
        removed: int,
        model: str,
        site: Site,
        sent: Callable[[Mapping[str, Any]], Pieces],
    ) -> Verified:
        """It is over: note what the provider says of it, and what it came to.

        Args:
            removed: input tokens that it would have had more.
            model: that was asked for. site: where it went. sent: pieces of a body as it left.
        """
        said = said_of(outcome.tokens, flight.rule)
        if said is None or not said.total:
            if outcome.failure is not None and outcome.sent is None:
                self.unsent(flight)
            return Verified(removed)
        if outcome.placed is not None and outcome.sent is not None:
            ours = as_marked(flight.ours, sent(outcome.sent))
            flight = flight._replace(ours=ours, plain=marked_alike(flight.plain, ours))
        course, split = course_of(flight, said, removed)
        self._planner.settle(flight.chain, course)
        self._learn(flight.before.ours, course.ours)
        cost, untrimmed = (self._dollars(one, outcome, model, site, flight.at) for one in (said, split))
        saved = None if cost is None or untrimmed is None else untrimmed - cost - flight.spent
        sure = split is said or flight.rule.engine == "none"
        return Verified(
            removed,
            untrimmed,
            saved,
            "" if saved is None else "provider" if sure else "simulated",
            self._baseline(flight, said.total + removed, outcome, model, site),
        )

    def _baseline(self, flight: Flight, total: int, outcome: Outcome, model: str, site: Site) -> int | None:
        if flight.bare is None:
            return None
        plain = flight.plain.scaled(total)
        split, after = serve(flight.rule, flight.bare, plain, flight.at)
        with self.guard:
            self._bare[flight.chain[-1]] = after
            self._bare.move_to_end(flight.chain[-1])
            if len(self._bare) > _MOST:
                self._bare.popitem(last=False)
        return self._dollars(split, outcome, model, site, flight.at)

    def _before(self, chain: Sequence[bytes]) -> State:
        with self.guard:
            return next((self._bare[digest] for digest in reversed(chain[:-1]) if digest in self._bare), State())

    def _learn(self, before: State, after: State) -> None:
        """How much was read of what should have been: conversations to come are expected to have as much."""
        with self.guard:
            self._simulated += max(after.simulated - before.simulated, 0)
            self._told += max(after.told - before.told, 0)
            if self._simulated > _MOST_READ:
                self._simulated, self._told = self._simulated // 2, self._told // 2
            fresh = State(simulated=self._simulated, told=self._told)
        self._planner.fresh = Course(fresh, fresh)

    def _dollars(self, split: Split, outcome: Outcome, model: str, site: Site, at: float) -> int | None:
        """What input tokens cost, in nano-dollars, as the ledger has it."""
        tokens = Tokens(
            input_tokens=split.total,
            output_tokens=0,
            cache_read=split.read,
            cache_write=split.written + split.written_1h,
            cache_write_1h=split.written_1h,
        )
        facts = outcome.facts
        return self._prices.cost(
            tokens,
            model=facts.model or model,
            provider=site.provider,
            host=site.host,
            tier=facts.service_tier,
            at=at,
        ).nano_usd
