"""Where budgets are kept: in memory, in a SQLite file, on Redis or Valkey. A URL's scheme is its module's name."""

from __future__ import annotations

from tokeneff.stores._contract import (
    Amounts,
    Balance,
    Claim,
    Entry,
    Gone,
    Granted,
    Hold,
    Limits,
    Refused,
    Reservation,
    Stale,
    State,
    Store,
)
from tokeneff.stores._opening import open_store

__all__ = [
    "Amounts",
    "Balance",
    "Claim",
    "Entry",
    "Gone",
    "Granted",
    "Hold",
    "Limits",
    "Refused",
    "Reservation",
    "Stale",
    "State",
    "Store",
    "open_store",
]
