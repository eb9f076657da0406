"""What did not fit a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from tokeneff.errors._general import TokeneffError

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from tokeneff._flow import Written


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

    __module__ = "tokeneff.errors"

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

    __module__ = "tokeneff.errors"

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

    __module__ = "tokeneff.errors"

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

    __module__ = "tokeneff.errors"
