"""tokeneff: every token earns its place.

    import tokeneff
    client = tokeneff.wrap(OpenAI())

The client that comes back is used as before; from then on every call is in OpenTelemetry, with its tokens and times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokeneff._api import install, last, uninstall, unwrap, usage, wrap
from tokeneff._version import __version__
from tokeneff.context import override, tag
from tokeneff.errors import (
    BudgetExceeded,
    BudgetUnavailable,
    CacheMiss,
    ContextTooLong,
    LedgerError,
    OtelAlreadyConfigured,
    PricesError,
    PriceUnknown,
    RunawayRepetition,
    StoreError,
    TokeneffError,
    UnsupportedClient,
)

if TYPE_CHECKING:
    from tokeneff._last import Last
    from tokeneff.budgets import Budget, budget, rolling
    from tokeneff.cache import Cache, Semantic
    from tokeneff.ledger import CallRecord, Ledger
    from tokeneff.otel import OtelSetup, configure_otel
    from tokeneff.prices import Cost, Prices
    from tokeneff.tokens import TokenCount, count
    from tokeneff.totals import Latency, Total, Usage
    from tokeneff.trim import Output, Summarise, Trim
    from tokeneff.trim.recall._recall import Recall, recall

__all__ = [
    "Budget",
    "BudgetExceeded",
    "BudgetUnavailable",
    "Cache",
    "CacheMiss",
    "CallRecord",
    "ContextTooLong",
    "Cost",
    "Last",
    "Latency",
    "Ledger",
    "LedgerError",
    "OtelAlreadyConfigured",
    "OtelSetup",
    "Output",
    "PriceUnknown",
    "Prices",
    "PricesError",
    "Recall",
    "RunawayRepetition",
    "Semantic",
    "StoreError",
    "Summarise",
    "TokenCount",
    "TokeneffError",
    "Total",
    "Trim",
    "UnsupportedClient",
    "Usage",
    "__version__",
    "budget",
    "configure_otel",
    "count",
    "install",
    "last",
    "override",
    "recall",
    "rolling",
    "tag",
    "uninstall",
    "unwrap",
    "usage",
    "wrap",
]

_LATER = {
    "Budget": "tokeneff.budgets",
    "budget": "tokeneff.budgets",
    "rolling": "tokeneff.budgets",
    "Cache": "tokeneff.cache",
    "Semantic": "tokeneff.cache",
    "Last": "tokeneff._last",
    "CallRecord": "tokeneff.ledger",
    "Ledger": "tokeneff.ledger",
    "Cost": "tokeneff.prices",
    "Prices": "tokeneff.prices",
    "TokenCount": "tokeneff.tokens",
    "count": "tokeneff.tokens",
    "configure_otel": "tokeneff.otel",
    "OtelSetup": "tokeneff.otel",
    "Latency": "tokeneff.totals",
    "Total": "tokeneff.totals",
    "Usage": "tokeneff.totals",
    "Output": "tokeneff.trim",
    "Summarise": "tokeneff.trim",
    "Trim": "tokeneff.trim",
    "Recall": "tokeneff.trim.recall._recall",
    "recall": "tokeneff.trim.recall._recall",
}


def __getattr__(name: str) -> Any:
    """Names whose modules are worth loading only where they are used."""
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'tokeneff' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(module), name)
