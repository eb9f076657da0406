"""Getting a call past its budgets: held for, changed until it fits, made to wait, or refused."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, NamedTuple, NoReturn

from tokeneff._accounting import asked as asked_by
from tokeneff._chance import chance
from tokeneff._flow import Call, Effect, Sleep, do
from tokeneff.accounts import Asked
from tokeneff.budgets._bounds import Bound, Bounds
from tokeneff.budgets._budget import Budget
from tokeneff.budgets._changes import LEAST_CAP, with_cap, with_model
from tokeneff.budgets._guarding import Story, exceeded, short, where
from tokeneff.budgets._holding import Holding, Refusal
from tokeneff.budgets._meter import STEP
from tokeneff.errors import PriceUnknown
from tokeneff.stores._contract import Claim

_SHORTEST, _LONGEST = 0.05, 1.0
"""Seconds between two tries of a call that waits: longer each time, and a little random."""


class Admitted(NamedTuple):
    """A call that may go."""

    call: Call
    asked: Asked
    bound: Bound
    output: int
    """Tokens of output that are held for."""
    metered: bool
    """Whether its stream is metered, and its hold extended as it comes."""


class Admission:
    """One call on its way past its budgets."""

    def __init__(self, bounds: Bounds, holding: Holding, story: Story, call: Call) -> None:
        self._bounds = bounds
        self._holding = holding
        self._story = story
        self._call = call
        self._budgets = [budget for part in holding.parts for budget in part.budgets]
        self._caps = any(budget.cap_output for budget in self._budgets)
        self._began = time.monotonic()
        self._pause = _SHORTEST
        self._tried: set[str] = set()

    def pass_(self) -> Generator[Effect, Any, Admitted]:
        """Go on until the call is held for; raises BudgetExceeded where it is refused."""
        bounded = self._bounded(self._call)
        for budget in self._budgets:
            if budget.then == "downgrade" and budget.usd is not None and budget.on_unknown_price == "block":
                self._bounds.foresee(budget.name, budget.to or "", bounded.asked)
        while True:
            refusal = yield from self._reserve(bounded)
            if refusal is None:
                return bounded
            if self._caps and not bounded.bound.capped:
                capped = yield from self._capped(bounded, refusal)
                if capped is not None:
                    return capped
            bounded = yield from self._refused(bounded, refusal)

    def _bounded(self, call: Call) -> Admitted:
        site = call.family.site(call.client)
        asked = asked_by(call, site, time.time())
        bound = self._bounds.of(asked)
        if bound.base is None:
            self._unpriced(asked, bound)
        metered = call.stream and bound.visible and not (self._caps and not bound.capped)
        output = min(STEP * bound.choices, bound.output) if metered else bound.output
        return Admitted(call, asked, bound, output, metered and output < bound.output)

    def _unpriced(self, asked: Asked, bound: Bound) -> None:
        for part in self._holding.parts:
            for budget, claim in zip(part.budgets, part.claims, strict=True):
                if budget.usd is None:
                    continue
                if claim.enforced and budget.on_unknown_price == "block":
                    self._story.tell("price_unknown", "block", **where(claim), model=asked.model)
                    raise PriceUnknown(
                        model=asked.model,
                        provider=asked.provider,
                        reason=bound.why,
                        budget=claim.budget,
                        scope=claim.scope,
                        window=claim.window,
                        limit=claim.limits.usd or 0,
                    )
                self._story.tell("price_unknown", **where(claim), model=asked.model, why=bound.why)

    def _reserve(self, bounded: Admitted) -> Generator[Effect, Any, Refusal | None]:
        amounts = bounded.bound.of(bounded.output)
        if self._holding.instant:
            return self._holding.reserve(amounts)
        return (yield from do(self._holding.reserve, amounts))

    def _capped(self, bounded: Admitted, refusal: Refusal) -> Generator[Effect, Any, Admitted | None]:
        """The same call with as much output as the budgets have room for, where that is worth it."""
        for _ in range(3):
            bound = bounded.bound
            tokens = room(refusal, bound) // bound.choices
            if tokens < LEAST_CAP:
                return None
            call = with_cap(bounded.call, bound.model, tokens)
            new = bound._replace(output=tokens * bound.choices, capped=True)
            held = Admitted(call, bounded.asked, new, new.output, False)
            again = yield from self._reserve(held)
            if again is None:
                claim = refusal.part.claims[refusal.against[0]]
                self._story.tell("capped", **where(claim), max_tokens=tokens)
                return held
            refusal = again
        return None

    def _refused(self, bounded: Admitted, refusal: Refusal) -> Generator[Effect, Any, Admitted]:
        """What is tried next; raises where nothing is."""
        against = [(index, refusal.part.budgets[index]) for index in refusal.against]
        for index, budget in against:
            lowered = budget.then == "downgrade" and budget.to not in (*self._tried, bounded.bound.model)
            if not (lowered or budget.then == "queue"):
                self._raise(refusal, index, bounded.bound)
        for index, budget in against:
            if budget.then == "downgrade" and budget.to is not None:
                return self._downgraded(bounded, refusal.part.claims[index], budget.to)
        yield from self._queued(refusal, against, bounded.bound)
        return self._bounded(bounded.call)

    def _downgraded(self, bounded: Admitted, claim: Claim, model: str) -> Admitted:
        before = bounded.bound.model
        self._tried |= {before, model}
        call, lost = with_model(bounded.call, model)
        more = {"dropped": ", ".join(lost)} if lost else {}
        self._story.tell("downgraded", "downgrade", **where(claim), from_model=before, to_model=model, **more)
        return self._bounded(call)

    def _queued(
        self, refusal: Refusal, against: list[tuple[int, Budget]], bound: Bound
    ) -> Generator[Effect, Any, None]:
        left = min(budget.wait or 0.0 for _, budget in against) - (time.monotonic() - self._began)
        for index, _ in against:
            if left <= 0 or _hopeless(refusal, index) or _stuck(refusal, index, left):
                self._raise(refusal, index, bound)
        if self._story.action != "queue":
            self._story.tell("queued", "queue", **where(refusal.part.claims[against[0][0]]))
        # A little random, so that those who wait do not all ask at once.
        pause = self._pause * chance.uniform(0.5, 1.0)
        self._pause = min(self._pause * 1.5, _LONGEST)
        yield Sleep(max(0.001, min(pause, left)))

    def _raise(self, refusal: Refusal, index: int, bound: Bound) -> NoReturn:
        claim, balance = refusal.part.claims[index], refusal.answer.balances[index]
        unit = short(claim, balance, refusal.more)
        self._story.tell("refused", "block", **where(claim), unit=unit)
        hint = ""
        if unit != "requests" and bound.output and not bound.capped:
            hint = (
                f"it was held for up to {bound.output:,} tokens of output: set max_tokens, or Budget(cap_output=True)"
            )
        raise exceeded(refusal, index, self._holding.id, hint=hint)


def _hopeless(refusal: Refusal, index: int) -> bool:
    """Whether the call is larger than the whole limit."""
    limits = refusal.answer.balances[index].limits
    return any(limit is not None and asked > limit for limit, asked in zip(limits, refusal.more, strict=True))


def _stuck(refusal: Refusal, index: int, left: float) -> bool:
    """Whether nothing makes room in time: nothing is held, and neither the window nor a bucket of it ends."""
    claim, answer = refusal.part.claims[index], refusal.answer
    moments = (claim.end, answer.frees if claim.span else 0)  # what frees a rolling window is nothing to the others
    soon = any(0 < at <= answer.now + left * 1e6 for at in moments)
    return not (soon or any(answer.balances[index].held))


def room(refusal: Refusal, bound: Bound) -> int:
    """Tokens of output that the accounts that refused have room for."""
    tokens = bound.output
    for index in refusal.against:
        balance = refusal.answer.balances[index]
        left = [
            None if limit is None else limit - spent - held
            for limit, spent, held in zip(balance.limits, balance.spent, balance.held, strict=True)
        ]
        if left[2] is not None and left[2] < 1:
            return 0
        if left[1] is not None:
            tokens = min(tokens, left[1] - bound.input)
        if left[0] is not None and bound.base is not None and bound.rate:
            tokens = min(tokens, (left[0] - bound.base) * bound.rate.denominator // bound.rate.numerator)
    return max(0, tokens)
