"""Budgets: what may be spent, and what happens to a call that does not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokeneff.budgets._block import Block, Remaining, Spending, budget
    from tokeneff.budgets._block_store import block_store
    from tokeneff.budgets._budget import Action, Budget, Rolling, Threshold, Unit, normalised, rolling
    from tokeneff.budgets._scopes import claims, group
    from tokeneff.context import current_blocks

__all__ = [
    "Action",
    "Block",
    "Budget",
    "Remaining",
    "Rolling",
    "Spending",
    "Threshold",
    "Unit",
    "block_store",
    "budget",
    "claims",
    "current_blocks",
    "group",
    "normalised",
    "rolling",
]

_LATER = {
    **dict.fromkeys(("Block", "Remaining", "Spending", "budget"), "tokeneff.budgets._block"),
    "block_store": "tokeneff.budgets._block_store",
    **dict.fromkeys(("claims", "group"), "tokeneff.budgets._scopes"),
    "current_blocks": "tokeneff.context",
}


def __getattr__(name: str) -> Any:
    """Each from its own room, so that who needs one of these rooms does not load all."""
    if name not in __all__:
        raise AttributeError(f"module 'tokeneff.budgets' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER.get(name, "tokeneff.budgets._budget")), name)
