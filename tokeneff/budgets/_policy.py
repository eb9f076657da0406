"""The innermost policy: every call that goes to a provider is held for in its budgets, and settled when it is over."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from tokeneff._flow import Abandoned, Call, Effect, Outcome, do, forward
from tokeneff._log import log_once
from tokeneff.budgets._admission import Admission, Admitted
from tokeneff.budgets._bounds import Bounds
from tokeneff.budgets._dearest import dearest
from tokeneff.budgets._guarding import Crossing, Story, announce, where
from tokeneff.budgets._holding import Holding, Part, Place
from tokeneff.budgets._meter import Meter
from tokeneff.budgets._settling import Settlement, Settling
from tokeneff.context import current_blocks
from tokeneff.errors import BudgetExceeded, BudgetUnavailable
from tokeneff.stores._contract import Amounts

if TYPE_CHECKING:
    from tokeneff.prices import Prices
    from tokeneff.tokens import Counter

LEASE = 60_000_000
"""Microseconds after which the hold of a process that is gone is charged."""


class Guards:
    """The budgets of one wrapping, and of the blocks that its calls are made in.

    Args:
        place: where the wrapping's own budgets are kept; ``None`` where it has none.
        prices: what tokens cost.
        lease: microseconds of a hold's lease.
        learns: whether nobody else teaches the counter what providers count.
    """

    def __init__(
        self, place: Place | None, prices: Prices, lease: int = LEASE, learns: Callable[[], bool] = lambda: False
    ) -> None:
        self._place = place
        self._prices = prices
        self._lease = lease
        self._learns = learns
        self._tools: tuple[Bounds, Settling] | None = None

    def policy(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """The policy. Where there is no budget, a look at a context variable is all it costs."""
        blocks = current_blocks()
        if (
            not (self._place is not None or blocks)
            or not call.endpoint.model
            or call.endpoint.operation == "moderation"
        ):
            return (yield from forward(call))
        parts: list[Part] = []
        if blocks:
            from tokeneff.budgets._block_store import block_store  # nothing of it where there is no block

            parts.append(Part(block_store(), tuple(b.budget for b in blocks), tuple(b.claim for b in blocks)))
        if self._place is not None:
            parts.append(self._place.part(call.tags))
        return (yield from self._guarded(call, Holding(parts, self._lease), Story()))

    def _guarded(self, call: Call, holding: Holding, story: Story) -> Generator[Effect, Any, Outcome]:
        bounds, settling = self._tools or self._made()
        admitted = None
        try:
            admitted = yield from Admission(bounds, holding, story, call).pass_()
        except BudgetExceeded as refused:
            if isinstance(refused, BudgetUnavailable):
                story.tell("store_unavailable", "block")
            _news(holding, story)
            refused.guard = story.guard(holding.parts, refused if refused.budget else None)
            raise
        except Abandoned:
            # Cancelled while a store is at work: what it holds, or is about to hold, is let go.
            yield from _done(holding, holding.release)
            raise
        except Exception as fault:  # noqa: BLE001 - our fault, or a store's: the call goes on
            log_once(("budget", type(fault)), "a call went past its budgets: %r", fault, exc_info=fault)
            story.tell("failed_open", "open", error=type(fault).__name__)
        if admitted is None:
            outcome = yield from forward(call)
            held = holding.amounts
            yield from _done(holding, holding.release if held is None else partial(holding.settle, held, "worst case"))
            return outcome._replace(guard=story.guard(holding.parts))
        _watched(holding, story)
        outcome = yield from forward(self._metered(admitted, holding, story) if admitted.metered else admitted.call)
        return (yield from self._settled(outcome, admitted, holding, story, settling))

    def _made(self) -> tuple[Bounds, Settling]:
        from tokeneff.tokens import counter

        bounds = Bounds(counter(), self._prices)
        made = self._tools = bounds, Settling(counter(), self._prices, bounds.ratios)
        return made

    def _metered(self, admitted: Admitted, holding: Holding, story: Story) -> Call:
        call, asked, before = admitted.call, admitted.asked, admitted.call.begun
        count: Counter = (self._tools or self._made())[0].counter

        meter = Meter(
            holding,
            admitted.bound,
            admitted.output,
            story,
            count=partial(_count, count, asked.model),
            price=partial(dearest, asked, self._prices),
            awaiting=_awaits(call),
        )

        def begun(exchange: Any) -> None:
            exchange.meter = meter
            if before is not None:
                before(exchange)

        return call.with_(begun=begun)

    def _settled(
        self, outcome: Outcome, admitted: Admitted, holding: Holding, story: Story, settling: Settling
    ) -> Generator[Effect, Any, Outcome]:
        held = holding.amounts or admitted.bound.amounts
        settlement = self._settlement(outcome, admitted, held, settling)
        amounts = settlement.amounts
        if any(spent > more for spent, more in zip(amounts, held, strict=True)):
            self._over(story, settlement, admitted, held)
        if settlement.how == "unpriced":
            story.tell("cost_unknown", model=outcome.facts.model or admitted.asked.model)
        settle = partial(holding.settle, amounts, settlement.how)
        try:
            crossed: list[Crossing] = yield from _done(holding, settle)
        except Abandoned:
            crossed = yield from _done(holding, settle)
        for crossing in crossed:
            announce(story, crossing)
        if holding.alone:
            story.tell("store_away", "open")
        _news(holding, story)
        if admitted.asked.model != _model(outcome) and story.action == "downgrade" and outcome.facts.model is None:
            outcome = outcome._replace(facts=outcome.facts._replace(model=admitted.asked.model))
        return outcome._replace(guard=story.guard(holding.parts))

    def _settlement(self, outcome: Outcome, admitted: Admitted, held: Amounts, settling: Settling) -> Settlement:
        bound, asked, tokens = admitted.bound, admitted.asked, outcome.tokens
        try:
            whole = outcome.facts.managed is None  # or the provider counted something else than it was sent
            if whole and tokens.input_source == "provider" and tokens.input_tokens and self._learns():
                settling.learn(bound, asked, tokens.input_tokens)
            return settling.of(outcome, asked, bound, held)
        except Exception as fault:  # noqa: BLE001 - our fault: what was held is what it may have cost
            log_once(("settlement", type(fault)), "what a call has cost could not be found", exc_info=fault)
            return Settlement(held, "worst case")

    def _over(self, story: Story, settlement: Settlement, admitted: Admitted, held: Amounts) -> None:
        model = admitted.asked.model
        story.tell("over_bound", model=model, held_usd=held.usd / 1e9, cost_usd=settlement.amounts.usd / 1e9)
        log_once(
            ("over bound", model),
            "a call of %s has cost more than was foreseen: %s, held %s",
            model,
            settlement.amounts,
            held,
        )


def _watched(holding: Holding, story: Story) -> None:
    """Tell of budgets that only watch, and that the call did not fit."""
    for part in holding.parts:
        for index in part.over:
            if part.budgets[index].then == "shadow":
                story.tell("would_block", "shadow", **where(part.claims[index]))
            elif part.budgets[index].then == "warn":
                story.tell("over", "warn", **where(part.claims[index]))


def _news(holding: Holding, story: Story) -> None:
    """Tell what became of the stores: the first call does that was asked since."""
    for name, about in holding.news():
        story.tell(name, **about)


def _done(holding: Holding, work: Callable[[], Any]) -> Generator[Effect, Any, Any]:
    if holding.instant:
        return work()
    return (yield from do(work))


def _count(counter: Counter, model: str, text: str) -> int:
    return counter.text(text, model)


def _model(outcome: Outcome) -> Any:
    return outcome.facts.model


def _awaits(call: Call) -> bool:
    return any(kind.__name__ == "AsyncAPIClient" for kind in type(call.client).__mro__)
