"""What tokens cost: provider prices, and the user's own, in integers of a billionth of a dollar."""

from __future__ import annotations

from tokeneff.prices._cost import Confidence, Cost

__all__ = ["Confidence", "Cost"]
