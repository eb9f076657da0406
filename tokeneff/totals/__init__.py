"""Running totals of a wrapped client, kept in bounded memory, with no backend needed."""

from __future__ import annotations

from tokeneff.totals._counting import OTHER, Totals
from tokeneff.totals._values import Latency, Total, Usage

__all__ = ["OTHER", "Latency", "Total", "Totals", "Usage"]
