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

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from tokeneff._flow import Written


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
    """What was named as a store is none; the text says what to write or install.

    Example::

        tokeneff.wrap(client, budget=..., store="postgres://…")   # StoreError: there is no store of kind 'postgres': …
    """


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

    def __init__(self, why: str = "", key: str = "") -> None:
        self.why = why
        self.key = key
        text = "nothing is kept for this call"
        text += f" (key {key})" if key else ""
        text += f": {why}" if why else ""
        super().__init__(f"{text}; it was not sent, for it is inside tokeneff.override(cache='only')")


class ContextTooLong(TokeneffError):
    """A request has more input tokens than may be sent, and would have even without all that may be left out of it;
    nothing was sent, and the text says what stands in the way.

    Example::

        try:
            client.chat.completions.create(...)
        except tokeneff.ContextTooLong as error:
            print(error)        # the request has about 152,300 tokens, and 120,000 may be sent at most; without all …
            print(error.parts)  # {'tools': 2100, 'newest user turn': 131000}

    Args:
        limit: input tokens that may be sent, of the whole request.
        tokens: how many the request has, as expected.
        least: how many it would have without all that may be left out.
        parts: the same by what they are of, the largest first.
        model: whom it was for.
    """

    def __init__(
        self, limit: int = 0, tokens: int = 0, least: int = 0, parts: Mapping[str, int] | None = None, model: str = ""
    ) -> None:
        self.limit = limit
        self.tokens = tokens
        self.least = least
        self.parts = dict(sorted((parts or {}).items(), key=lambda part: -part[1]))
        self.model = model
        whom = f" to {model}" if model else ""
        text = f"the request has about {tokens:,} tokens, and {limit:,} may be sent{whom} at most"
        text += f"; without all that may be left out it still has {least:,}"
        of = ", ".join(f"{name} {size:,}" for name, size in self.parts.items() if size)
        text += f": {of}" if of else ""
        super().__init__(f"{text}. Send less of the largest of these, or set a higher Trim(max_input_tokens=…)")


class RunawayRepetition(TokeneffError):
    """A stream said the same over and over and was cut (``Trim(output=tokeneff.Output(stop_repetition=True))``); what
    had come until then is charged.

    Example::

        try:
            for chunk in client.chat.completions.create(..., stream=True):
                ...
        except tokeneff.RunawayRepetition as error:
            print(error)               # a stream was cut: its text ended in the same 24 characters 333 times over; …
            print(error.partial.text)  # what had come

    Args:
        unit: what was repeated. times: how often, when that was noticed.
        where: in what: ``"text"``, ``"reasoning"``, ``"tool call"``.
        partial: what of the stream was received before it was cut.
    """

    def __init__(
        self,
        unit: str = "",
        times: int = 0,
        where: Literal["text", "reasoning", "tool call"] = "text",
        partial: Written | None = None,
    ) -> None:
        self.unit = unit
        self.times = times
        self.where: Literal["text", "reasoning", "tool call"] = where
        self.partial = partial
        whose = {"text": "its text", "reasoning": "its reasoning", "tool call": "a tool call"}[where]
        super().__init__(
            f"a stream was cut: {whose} ended in the same {len(unit):,} characters {times:,} times over; they are in "
            "this error's unit, and all that had come is in its partial"
        )


class BudgetExceeded(TokeneffError):
    """A call did not fit a budget: it was not sent, or its stream was closed at the limit.

    Example::

        try:
            client.chat.completions.create(...)
        except tokeneff.BudgetExceeded as error:
            print(error)         # budget 'hour by user' of user=u1: the call may cost up to 0.04 USD, with 1.93 USD …
            print(error.resets)  # 2026-11-22 15:00:00+01:00

    Amounts are whole numbers of ``unit``: nano-dollars (1e-9 USD), tokens or requests. Where the unit is ``"usd"``,
    ``limit_usd``, ``spent_usd``, ``held_usd`` and ``asked_usd`` are the same in US dollars, else ``None``.

    Args:
        message: what is said; made of the rest unless given.
        budget, scope, window: which account it was: the budget's name, as ``"hour by user"``; whom it is for, as
            ``"user=u1"``; which window, as ``"2026-11-22T14+01:00"``.
        unit: what there was too little of.
        limit, spent, held: how far that account may go, what it has spent, and what is held for calls on their way.
        asked: what this call might have come to; for a stream, how much more it would have needed.
        resets: when the window is over; ``None`` where it never is, or rolls.
        partial: what of a stream was received before it was closed; ``None`` for a call that was not sent.
        call_id: the call's hold in the store's journal.
    """

    def __init__(
        self,
        message: str | None = None,
        *,
        budget: str = "",
        scope: str = "",
        window: str = "",
        unit: Literal["usd", "tokens", "requests"] = "usd",
        limit: int = 0,
        spent: int = 0,
        held: int = 0,
        asked: int = 0,
        resets: datetime | None = None,
        partial: Written | None = None,
        call_id: str = "",
    ) -> None:
        self.budget = budget
        self.scope = scope
        self.window = window
        self.unit: Literal["usd", "tokens", "requests"] = unit
        self.limit = limit
        self.spent = spent
        self.held = held
        self.asked = asked
        self.resets = resets
        self.partial = partial
        self.call_id = call_id
        self.guard: Any = None
        """What the call's span says of its budgets."""
        super().__init__(message if message is not None else self._sentence())

    @property
    def limit_usd(self) -> Decimal | None:
        """``limit`` in US dollars."""
        return self._usd(self.limit)

    @property
    def spent_usd(self) -> Decimal | None:
        """``spent`` in US dollars."""
        return self._usd(self.spent)

    @property
    def held_usd(self) -> Decimal | None:
        """``held`` in US dollars."""
        return self._usd(self.held)

    @property
    def asked_usd(self) -> Decimal | None:
        """``asked`` in US dollars."""
        return self._usd(self.asked)

    def _usd(self, amount: int) -> Decimal | None:
        from tokeneff.budgets._money import in_usd

        return in_usd(amount) if self.unit == "usd" else None

    def _sentence(self) -> str:
        from tokeneff.budgets._money import shown

        asked, limit, spent, held = (shown(self.unit, one) for one in (self.asked, self.limit, self.spent, self.held))
        whose = f" of {self.scope}" if self.scope else ""
        need = f"the call may cost up to {asked}" if self.partial is None else f"its stream needs {asked} more"
        text = f"budget {self.budget!r}{whose}: {need}, with {spent} of {limit} spent"
        return text + (f" and {held} held" if self.held else "") + (f"; resets {self.resets}" if self.resets else "")


class PriceUnknown(BudgetExceeded):
    """A budget in US dollars cannot bound a call, for its model has no price; the text says which line to add where.

    Example::

        client = tokeneff.wrap(OpenAI(base_url="http://localhost:8000/v1"), budget=tokeneff.Budget(usd=1))
        client.chat.completions.create(model="my-llama", ...)   # PriceUnknown: … add to your prices.toml …

    Args:
        message: what is said; made of the rest unless given.
        model, provider: what has no price.
        reason: why it has none.
        **account: as for :class:`BudgetExceeded`.
    """

    def __init__(
        self, message: str | None = None, *, model: str = "", provider: str = "", reason: str = "", **account: Any
    ) -> None:
        self.model = model
        self.provider = provider
        self.reason = reason
        super().__init__(message, **account)

    def _sentence(self) -> str:
        from json import dumps

        at = f" at {self.provider}" if self.provider else ""
        why = f" ({self.reason})" if self.reason else ""
        return (
            f"budget {self.budget!r} is in US dollars, and there is no price for {self.model!r}{at}{why}; let such "
            'calls pass with on_unknown_price="allow", or add to your prices.toml, in US dollars per million '
            "tokens:\n\n"
            f"[[model]]\nname = {dumps(self.model, ensure_ascii=False)}\ninput = 0.50\noutput = 1.50"
        )


class BudgetUnavailable(BudgetExceeded):
    """The store of budgets cannot be asked, and its owner chose (``on_store_error="closed"``) that no call passes then.

    Example::

        try:
            client.chat.completions.create(...)
        except tokeneff.BudgetUnavailable as error:
            print(error)   # the store of budgets redis://10.0.0.7:6379/0 cannot be asked: …

    Args:
        message: what is said; made of the rest unless given.
        store: the store's URL, without a password.
        reason: what went wrong.
        **account: as for :class:`BudgetExceeded`.
    """

    def __init__(self, message: str | None = None, *, store: str = "", reason: str = "", **account: Any) -> None:
        self.store = store
        self.reason = reason
        super().__init__(message, **account)

    def _sentence(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return (
            f"the store of budgets {self.store} cannot be asked{why}; no call passes meanwhile, for it was opened with "
            'on_store_error="closed"'
        )


class StoreUnavailable(Exception):
    """A store could not be asked, or not in time. Not raised to callers: what happens then is their choice."""


CUTS: tuple[type[TokeneffError], ...] = (BudgetExceeded, RunawayRepetition)
"""What cuts a stream where it is raised while that is read."""
