"""What a call's span says of budgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tokeneff._plain import sound
from tokeneff.telemetry import names

if TYPE_CHECKING:
    from tokeneff._flow import Guard


def amount(unit: str, value: int) -> float | int:
    """An amount as telemetry tells it: dollars as a float, tokens and requests as they are."""
    return value / 1e9 if unit == "usd" else value


def guard_attributes(found: dict[str, Any], guard: Guard) -> None:
    """Add where the tightest budget of a call stands, and what it did about the call."""
    unit = guard.unit
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


def add_guard_events(add_event: Callable[..., None], guard: Guard) -> None:
    """An event for each thing that budgets did or noticed while the call went on."""
    for event in guard.events:
        about = {key: sound(value) if isinstance(value, str) else value for key, value in event.attributes.items()}
        add_event(names.BUDGET_PREFIX + event.name, about, event.at_ns)
