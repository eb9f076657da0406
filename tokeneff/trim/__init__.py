"""Trimming: fewer input tokens, only where the whole conversation gets cheaper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokeneff.trim._output import Output
from tokeneff.trim._trim import Trim, normalised

if TYPE_CHECKING:
    from tokeneff._flow import Policy
    from tokeneff.prices import Prices

__all__ = ["Output", "Trim", "normalised", "policies_of"]


def policies_of(given: object, prices: Prices, placed: bool = False) -> list[Policy]:
    """The policies of ``trim=``; none where nothing is to be trimmed.

    Args:
        given: what was given. prices: what tokens cost.
        placed: whether breakpoints are set further down where the caller sets none.

    Raises:
        TypeError, ValueError, StoreError: an argument is wrong; the text says what to write.
    """
    trim = normalised(given)
    if trim is None:
        return []
    from tokeneff.trim._policy import Trimming

    return [Trimming(trim, prices, placed).policy]
