"""What tokens cost: provider prices, and the user's own, in integers of a billionth of a dollar."""

from __future__ import annotations

from tokeneff.prices._cost import Confidence, Cost
from tokeneff.prices._prices import Prices
from tokeneff.prices._rates import Rates

__all__ = ["Confidence", "Cost", "Prices", "Rates"]
