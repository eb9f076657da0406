"""Everything tokeneff raises.

    TokeneffError
    ├── UnsupportedClient       what was passed to wrap() is no client that it knows        (also a TypeError)
    ├── OtelAlreadyConfigured   configure_otel() found a global provider there already      (also a RuntimeError)
    ├── LedgerError             what was named as a ledger is none, or cannot become one    (also a ValueError)
    ├── PricesError             a file of prices cannot be used                             (also a ValueError)
    ├── ReportError             a report cannot be made as asked                            (also a ValueError)
    ├── StoreError              what was named as a store is none                           (also a ValueError)
    ├── CacheMiss               a call was to be answered from the cache alone, and nothing was kept
    ├── ContextTooLong          a request has more tokens than may be sent, even without all that may be left out
    ├── RunawayRepetition       a stream said the same over and over, and was cut
    └── BudgetExceeded          a call did not fit a budget, and was not sent or was cut off
        ├── PriceUnknown        a budget in USD cannot bound a model without a price
        └── BudgetUnavailable   the store cannot be asked, and its owner chose that calls wait for it

The providers' own errors (``openai.RateLimitError``, ``anthropic.APIStatusError``, …) are never replaced or wrapped:
they reach the caller as the bare client raises them.
"""

from __future__ import annotations

from tokeneff.errors._budgets import BudgetExceeded, BudgetUnavailable, PriceUnknown, StoreUnavailable
from tokeneff.errors._general import (
    CacheMiss,
    LedgerError,
    OtelAlreadyConfigured,
    PricesError,
    ReportError,
    StoreError,
    TokeneffError,
    UnsupportedClient,
)
from tokeneff.errors._trimming import ContextTooLong, RunawayRepetition

__all__ = [
    "CUTS",
    "BudgetExceeded",
    "BudgetUnavailable",
    "CacheMiss",
    "ContextTooLong",
    "LedgerError",
    "OtelAlreadyConfigured",
    "PriceUnknown",
    "PricesError",
    "ReportError",
    "RunawayRepetition",
    "StoreError",
    "StoreUnavailable",
    "TokeneffError",
    "UnsupportedClient",
]

CUTS: tuple[type[TokeneffError], ...] = (BudgetExceeded, RunawayRepetition)
"""What cuts a stream where it is raised while that is read."""
