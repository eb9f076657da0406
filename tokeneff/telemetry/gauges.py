"""Gauges of where budgets stand, and a counter of calls that did not fit one."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from tokeneff._plain import sound
from tokeneff.budgets._seen import Seen, balances
from tokeneff.telemetry import names
from tokeneff.telemetry.budgets import amount, doer

if TYPE_CHECKING:
    from tokeneff._flow import Guard

_MOST_SCOPED = 200
"""Accounts that are told apart by their scope: the newest. Each is a series for each of its units."""
_GAUGES = (
    (names.BUDGET_SPENT, "spent", "Spent of a budget in its window, as last heard of its store."),
    (names.BUDGET_HELD, "held", "Held of a budget for calls that are on their way."),
    (names.BUDGET_REMAINING, "remaining", "Left of a budget: its limit less what is spent and held."),
    (names.BUDGET_LIMIT, "limit", "Limit of a budget in its window, with what was topped up."),
)


class BudgetInstruments:
    """The instruments of budgets of one meter provider, made when the first of its calls meets a budget.

    Args:
        meter: what makes them.
    """

    def __init__(self, meter: Meter) -> None:
        self._lock = Lock()
        self._refused: dict[tuple[str, str, str], int] = {}
        for name, field, text in _GAUGES:
            # Dollars, tokens and requests are one instrument's: a unit of its own would be wrong for two of the three.
            meter.create_observable_gauge(name, [partial(self._observe, field)], "", text)
        text = "Calls that did not fit a budget or could not be held against it, by what was done about them."
        meter.create_observable_counter(names.BUDGET_REFUSALS, [self._observe_refused], "{call}", text)

    def refused(self, guard: Guard) -> None:
        """Count a call that did not fit."""
        budget, unit = doer(guard)
        key = budget, guard.action, unit
        with self._lock:
            self._refused[key] = self._refused.get(key, 0) + 1

    def _observe(self, field: str, options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(
                amount(seen.unit, getattr(seen, field)),
                _filled(
                    (names.BUDGET_NAME, seen.budget), (names.BUDGET_SCOPE, seen.scope), (names.BUDGET_UNIT, seen.unit)
                ),
            )
            for seen in bounded(balances())
        ]

    def _observe_refused(self, options: CallbackOptions) -> Iterable[Observation]:
        # From 0 on, for the first refusal to be seen as an increase.
        counts = {(seen.budget, "block", seen.unit): 0 for seen in balances()}
        with self._lock:
            counts |= self._refused
        return [
            Observation(
                count, _filled((names.BUDGET_NAME, budget), (names.BUDGET_UNIT, unit), (names.BUDGET_ACTION, action))
            )
            for (budget, action, unit), count in counts.items()
        ]


def bounded(found: Iterable[Seen]) -> list[Seen]:
    """Of the accounts beyond the newest ones, one sum for each budget and unit, without a scope."""
    kept: list[Seen] = []
    rest: dict[tuple[str, str], Seen] = {}
    accounts: set[tuple[str, str]] = set()
    for seen in found:
        accounts.add((seen.budget, seen.scope))
        if len(accounts) <= _MOST_SCOPED:
            kept.append(seen)
            continue
        key = seen.budget, seen.unit
        sums = rest.get(key)
        rest[key] = seen._replace(
            scope="",
            limit=seen.limit + (sums.limit if sums else 0),
            spent=seen.spent + (sums.spent if sums else 0),
            held=seen.held + (sums.held if sums else 0),
        )
    return [*kept, *rest.values()]


def _filled(*dimensions: tuple[str, str]) -> dict[str, str]:
    """Those that say something."""
    return {name: sound(value) for name, value in dimensions if value}
