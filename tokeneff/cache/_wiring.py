"""From the arguments of ``wrap()`` to the policies of its cache."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from tokeneff._flow import Policy
from tokeneff.cache._cache import Cache, normalised
from tokeneff.cache._place import place_of

if TYPE_CHECKING:
    from tokeneff.prices import Prices


def policies_of(
    given: object, prices: Prices, all_policies: Callable[[], Sequence[Policy]]
) -> tuple[list[Policy], list[Policy]]:
    """The cache's policies: what answers calls, and what is placed in those that are sent.

    Args:
        given: what was given as ``cache=``. prices: what replies cost.
        all_policies: those of the wrapping, for calls that the cache makes itself.

    Raises:
        TypeError, ValueError, StoreError: an argument is wrong; the text says what to write.
    """
    cache = normalised(given)
    found: list[Policy] = []
    placed: list[Policy] = []
    place = None if cache is None else place_of(cache)
    if cache is not None and place is not None:
        from tokeneff.cache._policy import Caching
        from tokeneff.cache._renewing import Renewing

        found.append(Caching(cache, place, prices, Renewing(all_policies)).policy)
    if cache is not None and cache.prompt:
        from tokeneff.promptcache._policy import Placement

        placed.append(Placement(prices).policy)
    return found, placed


def portable(given: object) -> object:
    """The same cache for another process, without functions that stay here: fewer calls are kept there."""
    cache = normalised(given)
    if cache is None:
        return given
    try:
        pickle.dumps(cache)
    except Exception:  # noqa: BLE001 - whatever pickle makes of somebody's function
        return _changed(cache, when="deterministic", semantic=None)
    return cache


def _changed(cache: Cache, **changes: Any) -> Cache:
    made = Cache.__new__(Cache)
    made.__setstate__({**{one.name: getattr(cache, one.name) for one in fields(cache)}, **changes})
    return made
