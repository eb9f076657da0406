"""What is told of a call's budgets: on its span, in the error, to those who asked for thresholds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tokeneff._flow import Action, Guard, GuardEvent, Written
from tokeneff._log import log_once
from tokeneff.budgets._budget import Budget, Threshold, Unit
from tokeneff.budgets._windows import zone
from tokeneff.errors import BudgetExceeded
from tokeneff.stores._contract import Amounts, Balance, Claim

if TYPE_CHECKING:
    from tokeneff.budgets._holding import Part, Refusal

UNITS: tuple[Unit, ...] = ("usd", "tokens", "requests")
_WEIGHTS: dict[Action, int] = {
    "": 0,
    "shadow": 1,
    "warn": 2,
    "open": 3,
    "queue": 4,
    "downgrade": 5,
    "block": 6,
    "cut": 7,
}


class Story:
    """What budgets did about one call, in order; the weightiest deed gives the call its action."""

    __slots__ = ("action", "events")

    def __init__(self) -> None:
        self.action: Action = ""
        self.events: list[GuardEvent] = []

    def tell(self, name: str, action: Action = "", /, **attributes: Any) -> None:
        """Something was done or noticed now."""
        if _WEIGHTS[action] > _WEIGHTS[self.action]:
            self.action = action
        self.events.append(GuardEvent(name, time.time_ns(), attributes))

    def guard(self, parts: Sequence[Part], refused: BudgetExceeded | None = None) -> Guard:
        """For the Outcome: the account that refused the call, else the one with the least of its limit left."""
        tightest, least = Guard(), 2.0
        for part in parts:
            for claim, balance in zip(part.claims, part.balances, strict=False):
                for unit, limit, spent, held in zip(UNITS, balance.limits, balance.spent, balance.held, strict=True):
                    if limit is None:
                        continue
                    if refused is not None and (claim.budget, claim.scope, unit) != _account(refused):
                        continue
                    left = limit - spent - held
                    share = left / limit if limit > 0 else -1.0
                    if share < least:
                        least = share
                        tightest = Guard(claim.budget, claim.scope, unit, limit, spent, held, left)
        return tightest._replace(action=self.action, events=tuple(self.events))


def _account(refused: BudgetExceeded) -> tuple[str, str, Unit]:
    return refused.budget, refused.scope, refused.unit


def where(claim: Claim) -> dict[str, str]:
    """Which account it is, as attributes of an event."""
    return {"budget": claim.budget, "scope": claim.scope, "window": claim.window}


def short(claim: Claim, balance: Balance, more: Amounts) -> Unit:
    """The unit of which an account has too little."""
    for unit, limit, spent, held, asked in zip(UNITS, balance.limits, balance.spent, balance.held, more, strict=True):
        if limit is not None and asked and spent + held + asked > limit:
            return unit
    limited: list[Unit] = [unit for unit, limit in zip(UNITS, claim.limits, strict=True) if limit is not None]
    return limited[0] if limited else "usd"


def exceeded(
    refusal: Refusal, index: int, call_id: str, partial: Written | None = None, hint: str = ""
) -> BudgetExceeded:
    """The error of a call that does not fit one of its accounts, and what could be done about it."""
    part, balance, more = refusal.part, refusal.answer.balances[index], refusal.more
    claim = part.claims[index]
    unit = short(claim, balance, more)
    place = UNITS.index(unit)
    error = BudgetExceeded(
        budget=claim.budget,
        scope=claim.scope,
        window=claim.window,
        unit=unit,
        limit=cast("int", balance.limits[place]) or 0,
        spent=balance.spent[place],
        held=balance.held[place],
        asked=more[place],
        resets=datetime.fromtimestamp(claim.end / 1e6, zone(part.budgets[index].tz)) if claim.end else None,
        partial=partial,
        call_id=call_id,
    )
    hints = [one for one in (_depth(part.budgets, index), hint) if one]
    if hints:
        error.args = ("; ".join([str(error), *hints]),)
    return error


def _depth(budgets: Sequence[Budget], index: int) -> str:
    """Which of several blocks of one name it was, for a person who wrote them inside each other."""
    alike = [place for place, budget in enumerate(budgets) if budget.name == budgets[index].name]
    if len(alike) == 1:
        return ""
    place = alike.index(index)
    said = "outermost" if place == 0 else "innermost" if place == len(alike) - 1 else f"{place + 1}. from outside"
    return f"of {len(alike)} blocks inside each other it was the {said}"


class Crossing(NamedTuple):
    """A threshold that was reached, and that nobody was told of yet."""

    budget: Budget
    threshold: Threshold


def reached(
    budgets: Sequence[Budget], claims: Sequence[Claim], balances: Sequence[Balance]
) -> Iterator[tuple[str, str, Crossing]]:
    """Each threshold that these balances have reached: the account, how it is marked there, and what is told."""
    for budget, claim, balance in zip(budgets, claims, balances, strict=False):
        if not budget.at:
            continue
        for unit, limit, spent, held in zip(UNITS, balance.limits, balance.spent, balance.held, strict=True):
            if limit is None:
                continue
            for at in budget.at:
                if spent >= at * limit:
                    told = Threshold(claim.budget, claim.scope, claim.window, at, unit, limit, spent, held)
                    yield claim.account, f"{at:g} {unit}", Crossing(budget, told)


def announce(story: Story, crossing: Crossing) -> None:
    """Tell of a threshold: an event, and the budget's callback."""
    budget, told = crossing
    action: Action = "warn" if budget.then == "warn" and told.at >= 1 else ""
    story.tell(
        "threshold",
        action,
        budget=told.budget,
        scope=told.scope,
        window=told.window,
        unit=told.unit,
        at=told.at,
        spent=told.spent,
        limit=told.limit,
    )
    if budget.tell is not None:
        try:
            budget.tell(told)
        except Exception as fault:  # noqa: BLE001 - the callback is the user's, and the call goes on
            log_once(("tell", type(fault)), "a budget's callback failed: %r", fault, exc_info=fault)
