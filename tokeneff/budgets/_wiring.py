"""From the arguments of ``wrap()`` to the policy that guards its budgets."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode

from tokeneff.budgets._budget import Budget, normalised
from tokeneff.budgets._durations import microseconds
from tokeneff.budgets._holding import Place
from tokeneff.budgets._policy import LEASE, Guards
from tokeneff.errors import StoreError
from tokeneff.stores import Store, open_store

if TYPE_CHECKING:
    from tokeneff.prices import Prices

_DEFAULT = "memory://"


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
    found, lease = _opened(store if store is not None else os.environ.get("TOKENEFF_STORE", "").strip() or _DEFAULT)
    if not found.instant:
        from tokeneff.stores._guarded import GuardedStore

        found = cast("Store", GuardedStore(found, on_error="closed" if on_store_error == "closed" else "open"))
    return Guards(Place(found, budgets), prices, lease, learns)


def _opened(store: Any) -> tuple[Store, int]:
    """The store, and its leases: of a URL, as ``?lease=60s`` says."""
    if not isinstance(store, str):
        if not callable(getattr(store, "reserve", None)):
            raise StoreError(f"store takes a URL or an opened store, not {type(store).__name__}")
        return store, LEASE
    url, mark, query = store.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True)) if mark else {}
    lease = options.pop("lease", None)
    if lease is not None:
        store = f"{url}?{urlencode(options)}" if options else url
    return open_store(store), LEASE if lease is None else microseconds(lease, "lease", "60s")


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
