"""Budgets: what may be spent, and what happens to a call that does not fit."""

from __future__ import annotations

from tokeneff.budgets._block import Block, Remaining, Spending, block_store, budget
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
