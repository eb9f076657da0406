"""What is wrong with what was passed, named or asked for."""

from __future__ import annotations


class TokeneffError(Exception):
    """Base of every error that tokeneff raises on purpose, so that one ``except`` catches them all.

    Example::

        try:
            client = tokeneff.wrap(something)
        except tokeneff.TokeneffError as error:
            print(error)
    """

    __module__ = "tokeneff.errors"


class UnsupportedClient(TokeneffError, TypeError):
    """The object passed to :func:`tokeneff.wrap` is not a client that can be wrapped; the text says what can.

    Example::

        tokeneff.wrap(client.chat)   # UnsupportedClient: … wrap the client itself, and take the part from what …
    """

    __module__ = "tokeneff.errors"


class OtelAlreadyConfigured(TokeneffError, RuntimeError):
    """A global OpenTelemetry provider is there already, and OpenTelemetry lets nobody replace it; the text says what
    to do instead.

    Example::

        try:
            tokeneff.configure_otel()
        except tokeneff.OtelAlreadyConfigured:
            pass   # the application has its own, which wrap() uses
    """

    __module__ = "tokeneff.errors"


class LedgerError(TokeneffError, ValueError):
    """What was named as a ledger is none, or cannot become one; the text says why and what to write.

    Example::

        tokeneff.wrap(client, ledger="tokeneff.db")   # LedgerError: … write sqlite:///tokeneff.db
    """

    __module__ = "tokeneff.errors"


class PricesError(TokeneffError, ValueError):
    """A file of prices cannot be used; the text names the file, the key, and what to write there.

    Example::

        try:
            prices = tokeneff.prices.Prices("prices.toml")
        except tokeneff.errors.PricesError as error:
            print(error)   # prices.toml: [[model]] number 2 (gpt-5): input: is '1.25'; write a number that is not …
    """

    __module__ = "tokeneff.errors"


class ReportError(TokeneffError, ValueError):
    """A report cannot be made as asked; the text says what can.

    Example::

        tokeneff.report.report("sqlite:///tokeneff.db", by=["colour"])   # ReportError: … no tag of these calls …
    """

    __module__ = "tokeneff.errors"


class StoreError(TokeneffError, ValueError):
    """What was named as a store is none; the text says what to write or install.

    Example::

        tokeneff.wrap(client, budget=..., store="postgres://…")   # StoreError: there is no store of kind 'postgres': …
    """

    __module__ = "tokeneff.errors"


class CacheMiss(TokeneffError):
    """A call was to be answered from the cache alone (``tokeneff.override(cache="only")``), and nothing that answers it
    was kept; nothing was sent.

    Example::

        with tokeneff.override(cache="only"):
            client.chat.completions.create(...)   # CacheMiss: nothing is kept for this call (key 3f9a0c…)

    Args:
        why: why nothing was found, in a few words, where it is not for want of a reply: ``"sampled"``,
            ``"store away"``.
        key: the beginning of the call's key, as shown by ``tokeneff cache ls``; empty where it has none.
    """

    __module__ = "tokeneff.errors"

    def __init__(self, why: str = "", key: str = "") -> None:
        self.why = why
        self.key = key
        text = "nothing is kept for this call"
        text += f" (key {key})" if key else ""
        text += f": {why}" if why else ""
        super().__init__(f"{text}; it was not sent, for it is inside tokeneff.override(cache='only')")
