"""Trimming: fewer input tokens, only where the whole conversation gets cheaper."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tokeneff.trim._trim import Trim, normalised
from tokeneff.trim.output._output import Output
from tokeneff.trim.summaries._summarise import Summarise

if TYPE_CHECKING:
    from tokeneff._flow import Policy
    from tokeneff.prices import Prices

__all__ = ["Output", "Policies", "Summarise", "Trim", "normalised", "policies_of", "portable"]


class Policies(NamedTuple):
    """The policies of ``trim=``, by where they stand."""

    above: Sequence[Policy] = ()
    """Above the cache."""
    within: Sequence[Policy] = ()
    """Between the cache and the placing of breakpoints."""
    below: Sequence[Policy] = ()
    """Next to the budgets."""


def policies_of(
    given: object, prices: Prices, placed: bool = False, learns: Callable[[], bool] = lambda: False
) -> Policies:
    """The policies of ``trim=``; none where nothing is to be trimmed.

    Args:
        given: what was given. prices: what tokens cost.
        placed: whether breakpoints are set further down where the caller sets none.
        learns: whether nobody else teaches the counter what providers count.

    Raises:
        TypeError, ValueError, StoreError: an argument is wrong; the text says what to write.
    """
    trim = normalised(given)
    if trim is None:
        return Policies()
    from tokeneff.trim._policy import Trimming

    within = [Trimming(trim, prices, placed, learns).policy]
    if trim.output is None:
        return Policies(within=within)
    from tokeneff.trim.output._policy import Shaping

    shaping = Shaping(trim.output)
    return Policies([shaping.above], within, [shaping.below])


def portable(given: object) -> object:
    """The same trimming for another process: where the client that writes summaries stays here, without summaries."""
    trim = normalised(given)
    if trim is None:
        return given
    try:
        pickle.dumps(trim)
    except Exception:  # noqa: BLE001 - whatever pickle makes of somebody's client
        trim = copy.copy(trim)
        trim.__dict__["summarise"] = None
    return trim
