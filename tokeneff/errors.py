"""Everything tokeneff raises.

    TokeneffError
    ├── UnsupportedClient       what was passed to wrap() is no client that it knows        (also a TypeError)
    ├── OtelAlreadyConfigured   configure_otel() found a global provider there already      (also a RuntimeError)
    ├── LedgerError             what was named as a ledger is none, or cannot become one    (also a ValueError)
    ├── PricesError             a file of prices cannot be used                             (also a ValueError)
    ├── ReportError             a report cannot be made as asked                            (also a ValueError)
    ├── StoreError              what was named as a store of budgets is none                (also a ValueError)
    └── BudgetExceeded          a call did not fit a budget, and was not sent or was cut off
        ├── PriceUnknown        a budget in USD cannot bound a model without a price
        └── BudgetUnavailable   the store cannot be asked, and its owner chose that calls wait for it

The providers' own errors (``openai.RateLimitError``, ``anthropic.APIStatusError``, …) are never replaced or wrapped:
they reach the caller as the bare client raises them.
"""

from __future__ import annotations


class TokeneffError(Exception):
    """Base of every error that tokeneff raises on purpose, so that one ``except`` catches them all.

    Example::

        try:
            client = tokeneff.wrap(something)
        except tokeneff.TokeneffError as error:
            print(error)
    """


class UnsupportedClient(TokeneffError, TypeError):
    """The object passed to :func:`tokeneff.wrap` is not a client that can be wrapped; the text says what can.

    Example::

        tokeneff.wrap(client.chat)   # UnsupportedClient: … wrap the client itself, and take the part from what …
    """


class OtelAlreadyConfigured(TokeneffError, RuntimeError):
    """A global OpenTelemetry provider is there already, and OpenTelemetry lets nobody replace it; the text says what
    to do instead.

    Example::

        try:
            tokeneff.configure_otel()
        except tokeneff.OtelAlreadyConfigured:
            pass   # the application has its own, which wrap() uses
    """


class LedgerError(TokeneffError, ValueError):
    """What was named as a ledger is none, or cannot become one; the text says why and what to write.

    Example::

        tokeneff.wrap(client, ledger="tokeneff.db")   # LedgerError: … write sqlite:///tokeneff.db
    """


class PricesError(TokeneffError, ValueError):
    """A file of prices cannot be used; the text names the file, the key, and what to write there.

    Example::

        try:
            prices = tokeneff.prices.Prices("prices.toml")
        except tokeneff.errors.PricesError as error:
            print(error)   # prices.toml: [[model]] number 2 (gpt-5): input: is '1.25'; write a number that is not …
    """


class ReportError(TokeneffError, ValueError):
    """A report cannot be made as asked; the text says what can.

    Example::

        tokeneff.report.report("sqlite:///tokeneff.db", by=["colour"])   # ReportError: … no tag of these calls …
    """


class StoreError(TokeneffError, ValueError):
    """What was named as a store of budgets is none; the text says what to write or install.

    Example::

        tokeneff.wrap(client, budget=..., store="postgres://…")   # StoreError: there is no store of kind 'postgres': …
    """


class StoreUnavailable(Exception):  # noqa: N818 - never reaches a caller
    """A store could not be asked, or not in time. Not raised to callers: what happens then is their choice."""
