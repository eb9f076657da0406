"""The budgets of others, driven as `budget.py` drives ours: hold, call, settle."""

from __future__ import annotations

import time
from collections.abc import Callable

Call = Callable[[str, int, int], float | None]
"""Holds so many nano-dollars, and spends so many; seconds that both took, ``None`` where the call was refused."""
MODULES = {"floe-guard": "floe_guard", "litellm": "litellm"}


def floe(url: str, limit: int) -> Call:
    """floe-guard: US dollars as floats, one scope."""
    from floe_guard.store import SqliteStore  # pyright: ignore[reportMissingImports]

    store, bound = SqliteStore(url), limit / 1e9

    def call(hold: str, worst: int, actual: int) -> float | None:
        began = time.perf_counter()
        if not store.reserve("window", bound, worst / 1e9)[0]:
            return None
        store.settle("window", bound, worst / 1e9, actual / 1e9)
        return time.perf_counter() - began

    return call


class Litellm:
    """LiteLLM's BudgetManager, on the file that all processes share: read before each call, and written after it.

    Two that write at once leave a file that nobody can read until it is written again. Then a caller goes on with what
    it has in memory, as the peer itself would, and that is counted in ``faults``.
    """

    def __init__(self, url: str, limit: int) -> None:
        from litellm import BudgetManager  # pyright: ignore[reportMissingImports]

        self.faults = 0
        self.limit = limit / 1e9
        self.manager = BudgetManager.__new__(BudgetManager)
        self.manager.client_type, self.manager.user_dict = "local", {}

    def __call__(self, hold: str, worst: int, actual: int) -> float | None:
        began, manager = time.perf_counter(), self.manager
        try:
            manager.load_data()
        except ValueError:
            self.faults += 1
        if not manager.is_valid_user("all"):
            manager.create_budget(total_budget=self.limit, user="all")
        if manager.get_current_cost("all") + worst / 1e9 > manager.get_total_budget("all"):
            return None
        manager.user_dict["all"]["current_cost"] = manager.get_current_cost("all") + actual / 1e9
        manager.save_data()
        return time.perf_counter() - began
