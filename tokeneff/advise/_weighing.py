"""Conversations, sent again under each plan."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tokeneff.advise._asked import Told
from tokeneff.advise._placing import Placing
from tokeneff.advise._plans import AS_RECORDED, Plan
from tokeneff.advise._repeats import Repeats
from tokeneff.advise._strand import Strand
from tokeneff.advise._tallies import Came, Tally
from tokeneff.advise._trimming import Trimming
from tokeneff.prices import Prices
from tokeneff.promptcache import State, serve
from tokeneff.promptcache._book import Book
from tokeneff.trim.planning._anchoring import usual
from tokeneff.trim.planning._outlook import Outlook
from tokeneff.trim.planning._replay import Market, Policy, Sent, Turn, market, replay

_NOTHING = Plan("")
_SURE = 1_000
"""Times that what was recorded of a whole conversation counts, against what is thought before anything is known."""


class Plain(NamedTuple):
    """A conversation as recorded."""

    place: Market
    begun: State
    """What is known of its provider's cache."""
    costs: tuple[int, ...]
    """Simulated nano-dollars of each request's input."""
    paid: int
    """Nano-dollars of all input: by the provider's counts where it has them, simulated where not."""
    came: Came


@dataclass
class Checks:
    """The simulator against what was recorded, over the requests whose provider told."""

    requests: int = 0
    recorded: int = 0
    simulated: int = 0
    cached_told: int = 0
    cached_simulated: int = 0


class Weighing:
    """Sums up what each plan comes to, one conversation after another.

    Args:
        plans: what is tried. prices: what tokens cost. told: what is to be said besides.
    """

    def __init__(self, plans: Sequence[Plan], prices: Prices, told: Told) -> None:
        self._prices, self._told = prices, told
        self.before = Tally(Plan(AS_RECORDED))
        self.tallies = [Tally(plan) for plan in plans]
        self.checks = Checks()
        self.models: Counter[str] = Counter()
        self.errors: list[float] = []
        self.repeats = Repeats()
        self.conversations = self.shown = self.placed = 0
        # What live calls would have learnt from the conversations before.
        self._outlooks: defaultdict[tuple[str, str], Outlook] = defaultdict(Outlook)
        self._books: defaultdict[tuple[Plan, str, str], Book] = defaultdict(Book)

    def add(self, strand: Strand) -> None:
        """One conversation more."""
        plain = self._plain(strand)
        hits = self.repeats.of(strand)
        places = strand.markable and plain.place.rule.engine == "marks"
        self.conversations += 1
        self.models[strand.model] += len(strand.turns)
        self.shown += strand.shown
        self.placed += places
        self._told.keyed += strand.provider == "openai"
        self._told.own += plain.place.rule.engine == "marks" and not strand.markable
        self.errors.extend(heard.error for heard in strand.heard if heard.error)
        self.before.add(strand.name, plain.came, plain.came)
        known = {_NOTHING: plain.came}
        for tally in self.tallies:
            asked = tally.plan
            plan = Plan(
                "", asked.trim if strand.shown else None, "", asked.cache and bool(hits), asked.place and places
            )
            if plan not in known:
                known[plan] = self._came(plan, strand, plain, hits)
            tally.add(strand.name, known[plan], plain.came)
        self._outlooks[strand.model, strand.provider].ended(len(strand.turns))

    @property
    def worth_telling(self) -> list[Tally]:
        """Plans that could make a difference to this traffic, and the response cache, for which it is an answer too."""
        answered = any(tally.answered for tally in self.tallies)
        return [
            tally
            for tally in self.tallies
            if (tally.plan.trim is None or self.shown)
            and (not tally.plan.place or self.placed)
            and (not tally.plan.cache or answered or tally.plan.trim is None)
        ]

    def _plain(self, strand: Strand) -> Plain:
        place, begun = market(strand.model, strand.provider, self._prices), State()
        costs, reads = _simulated(strand.turns, place, begun)
        self._check(strand, costs, reads)
        if all(heard.input is not None for heard in strand.heard) and len(strand.heard) > 1:
            said = sum(heard.read for heard in strand.heard)
            if not any(heard.cached for heard in strand.heard) and any(reads):
                self._told.uncached += 1
                place = place._replace(rule=place.rule._replace(engine="none"))
            elif place.rule.engine in ("prefix", "units") and not place.rule.promised:
                # Such a provider does not read all that it could: as much as it was found to.
                self._told.fitted += 1
                begun = State(simulated=_SURE * sum(reads), told=_SURE * said)
            costs, reads = _simulated(strand.turns, place, begun)
        known = zip(strand.heard, costs, strict=True)
        paid = sum(cost if heard.input is None else heard.input for heard, cost in known)
        output = sum(heard.output for heard in strand.heard)
        tokens = sum(turn.plain.total for turn in strand.turns)
        return Plain(place, begun, costs, paid, Came(paid + output, tokens, course=_course(costs)))

    def _check(self, strand: Strand, costs: Sequence[int], reads: Sequence[int]) -> None:
        """The simulator, which knows nothing but the requests, against what was recorded."""
        for heard, cost, read in zip(strand.heard, costs, reads, strict=True):
            if heard.input is not None:
                self.checks.requests += 1
                self.checks.recorded += heard.input
                self.checks.simulated += cost
                self.checks.cached_told += heard.read
                self.checks.cached_simulated += read

    def _came(self, plan: Plan, strand: Strand, plain: Plain, hits: Mapping[int, bool]) -> Came:
        skipped: Mapping[int, bool] = hits if plan.cache else {}
        turns = [_marked(turn) if plan.place else turn for turn in strand.turns]
        asked = [turn for number, turn in enumerate(turns) if number not in skipped]
        policy: Policy = _as_it_is
        trimming: Trimming | None = None
        if plan.trim is not None:
            outlook = self._outlooks[strand.model, strand.provider]
            policy = trimming = Trimming(plan.trim, plain.place, outlook, plan.place or strand.inferred)
        if plan.place:
            policy = Placing(trimming, plain.place, self._books[plan, strand.model, strand.provider])
        sums = replay(asked, policy, [plain.place], plain.begun)[0]
        simulated = sum(plain.costs)
        # The recorded bill, changed in the same proportion as the simulated one.
        paid = (2 * plain.paid * sums.cost + simulated) // (2 * simulated) if simulated else plain.paid
        after = iter(sums.course)
        costs = [0] * len(turns)
        last = 0
        for number in range(len(turns)):
            if number not in skipped:
                before, last = last, next(after)
                costs[number] = last - before
        output = sum(heard.output for number, heard in enumerate(strand.heard) if number not in skipped)
        return Came(
            paid + output,
            sums.tokens,
            len(skipped),
            all(skipped.values()),
            sums.known if trimming is not None else 0,
            sums.lost,
            sums.refused,
            trimming.too_long if trimming is not None else 0,
            _course(costs),
        )


def _as_it_is(turn: Turn) -> Sent:
    return Sent(turn.body, turn.plain)


def _marked(turn: Turn) -> Turn:
    """A request whose breakpoints will be placed, as whoever trims it before that expects them."""
    if turn.plain.marks:
        return turn
    return turn._replace(placed=None, plain=usual(turn.plain, bool(turn.unseen)))


def _simulated(turns: Sequence[Turn], place: Market, state: State) -> tuple[tuple[int, ...], tuple[int, ...]]:
    costs, reads = list[int](), list[int]()
    for turn in turns:
        split, state = serve(place.rule, state, turn.plain, turn.at)
        costs.append(split.dollars(place.rates(turn.plain.total)))
        reads.append(split.read)
    return tuple(costs), tuple(reads)


def _course(costs: Sequence[int]) -> tuple[int, ...]:
    found, total = list[int](), 0
    for cost in costs:
        total += cost
        found.append(total)
    return tuple(found)
