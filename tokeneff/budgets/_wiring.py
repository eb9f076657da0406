"""From the arguments of ``wrap()`` to the policy that guards its budgets."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from tokeneff.budgets._budget import Budget, normalised
from tokeneff.budgets._durations import microseconds
from tokeneff.budgets._holding import Place
from tokeneff.budgets._policy import LEASE, Guards
from tokeneff.errors import StoreError
from tokeneff.stores import Store, open_store
from tokeneff.stores._opening import parted

if TYPE_CHECKING:
    from tokeneff.prices import Prices

_DEFAULT = "memory://"
_PATIENCE, _PATIENCE_OF_FILES = 0.05, 1.0
"""Seconds that a call waits for a store, before it does without."""


def guards(
    budget: Budget | Sequence[Budget] | None,
    store: str | Store | None,
    on_store_error: str,
    prices: Prices,
    learns: Callable[[], bool],
) -> Guards:
    """The policy, with everything about its arguments checked.

    Raises:
        TypeError, ValueError, StoreError: an argument is wrong; the text says what to write.
    """
    if on_store_error not in ("open", "closed"):
        raise ValueError(f"on_store_error must be 'open' or 'closed', not {on_store_error!r}")
    budgets = normalised(budget)
    if not budgets:
        return Guards(None, prices, LEASE, learns)
    url = store if store is not None else os.environ.get("TOKENEFF_STORE", "").strip() or _DEFAULT
    found, lease, patience = _opened(url)
    if not found.instant:
        from tokeneff.stores._guarded import GuardedStore

        guarded = GuardedStore(found, "closed" if on_store_error == "closed" else "open", patience)
        guarded.meet()
        found = cast("Store", guarded)
    return Guards(Place(found, budgets), prices, lease, learns)


def _opened(store: Any) -> tuple[Store, int, float]:
    """The store, its leases (microseconds), and how long calls wait (seconds): ``?lease=60s&patience=0.2s``."""
    if not isinstance(store, str):
        if not callable(getattr(store, "reserve", None)):
            raise StoreError(f"store takes a URL or an opened store, not {type(store).__name__}")
        return store, LEASE, getattr(store, "patience", _PATIENCE)
    url, options = parted(store)
    lease = microseconds(options["lease"], "lease", "60s") if "lease" in options else LEASE
    # Who waits for a file waits for another process of this machine: that is there, and busy.
    usual = _PATIENCE_OF_FILES if url.startswith("sqlite:") else _PATIENCE
    patience = microseconds(options["patience"], "patience", "0.2s") / 1e6 if "patience" in options else usual
    return open_store(url), lease, patience


def portable(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same arguments for another process: an opened store by its URL, budgets without callbacks that stay here."""
    found = dict(arguments)
    store, budget = found.get("store"), found.get("budget")
    if store is not None and not isinstance(store, str):
        found["store"] = store.url
    if budget is not None:
        found["budget"] = [_without_callback(one) for one in normalised(budget)]
    return found


def _without_callback(budget: Budget) -> Budget:
    try:
        pickle.dumps(budget)
    except Exception:  # noqa: BLE001 - whatever pickle makes of somebody's callback
        return replace(budget, tell=None)
    return budget
