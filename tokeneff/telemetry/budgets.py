"""What a call's span says of budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tokeneff._plain import sound
from tokeneff.telemetry import names

if TYPE_CHECKING:
    from tokeneff._flow import Guard

_NAMES = {"budget": "name"}
_DEEDS = {
    "block": ("refused", "price_unknown"),
    "cut": ("cut",),
    "downgrade": ("downgraded",),
    "queue": ("queued",),
    "shadow": ("would_block",),
    "warn": ("over", "threshold"),
}
"""Events that say which budget it was that did so."""
_AMOUNTS = frozenset(("limit", "spent", "held", "remaining", "asked"))
"""Of the event's unit."""


def amount(unit: str, value: int) -> float | int:
    """An amount as telemetry tells it: dollars as a float, tokens and requests as they are."""
    return value / 1e9 if unit == "usd" else value


def guard_attributes(found: dict[str, Any], guard: Guard) -> None:
    """Add where the tightest budget of a call stands, and what budgets did about the call."""
    unit = guard.unit
    if guard.budget:
        found[names.BUDGET_NAME] = sound(guard.budget)
    if guard.scope:
        found[names.BUDGET_SCOPE] = sound(guard.scope)
    if unit:
        found[names.BUDGET_UNIT] = unit
        found[names.BUDGET_LIMIT] = amount(unit, guard.limit)
        found[names.BUDGET_SPENT] = amount(unit, guard.spent)
        found[names.BUDGET_HELD] = amount(unit, guard.held)
        found[names.BUDGET_REMAINING] = amount(unit, guard.remaining)
    if guard.action:
        found[names.BUDGET_ACTION] = guard.action


def doer(guard: Guard) -> tuple[str, str]:
    """The budget that gave the call its action, which need not be the tightest, and the unit that it was short of."""
    for event in reversed(guard.events):
        if event.name in _DEEDS.get(guard.action, ()) and event.attributes.get("budget"):
            budget = str(event.attributes["budget"])
            return budget, str(event.attributes.get("unit") or (guard.unit if budget == guard.budget else ""))
    return guard.budget, guard.unit


def add_guard_events(add_event: Callable[..., None], guard: Guard) -> None:
    """An event for each thing that budgets did or noticed while the call went on."""
    for event in guard.events:
        add_event(names.BUDGET_PREFIX + event.name, _about(event.attributes), event.at_ns)


def _about(attributes: Mapping[str, Any]) -> dict[str, Any]:
    unit = str(attributes.get("unit", ""))
    found: dict[str, Any] = {}
    for key, value in attributes.items():
        if value is None or value == "":
            continue
        if isinstance(value, str):
            value = sound(value)
        elif key in _AMOUNTS and isinstance(value, int):
            value = amount(unit, value)
        found[names.BUDGET_PREFIX + _NAMES.get(key, key)] = value
    return found
