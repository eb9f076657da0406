"""A budget for the calls inside a block."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from tokeneff._around import Around, Frame
from tokeneff.budgets._budget import Action, Budget, Tell
from tokeneff.budgets._money import Usd, in_usd
from tokeneff.budgets._scopes import prefix
from tokeneff.context import blocks_place
from tokeneff.stores._contract import Amounts, Balance, Claim

if TYPE_CHECKING:
    from typing import Literal

B = TypeVar("B", bound="budget")

_numbers = count(1)
_let_go: deque[str] = deque()
"""Accounts of blocks that nobody has any more. A finalizer may interrupt anything, so it only says so; the next block
that begins lets them go."""


class Spending(NamedTuple):
    """Amounts of a block."""

    usd: Decimal
    """US dollars, exact."""
    tokens: int
    requests: int


class Remaining(NamedTuple):
    """What is left of a block's limits; ``None`` where that unit has none."""

    usd: Decimal | None
    tokens: int | None
    requests: int | None


class budget(Around["tuple[budget, ...]"]):  # noqa: N801 - reads as a word of the sentence at the place of use
    """A budget for the calls inside a block, whichever wrapped client makes them.

    Example::

        with tokeneff.budget(usd=0.10) as block:
            agent.run(...)
        print(block.spent.usd, block.remaining.usd)

        @tokeneff.budget(usd=0.10, tokens=50_000)
        async def answer(question): ...   # each call of it has a budget of its own

    A call that does not fit raises :class:`BudgetExceeded`, or what else ``then`` says. ``spent``, ``held`` and
    ``remaining`` say where the budget stands, inside and afterwards.

    Everything inside shares it, across awaits, for tasks started inside, and for threads that run in a copied context.
    Blocks nest: a call has to fit each that it is in, and the client's own budgets. One object is one budget, also when
    it is entered again, or in several places at once; as a decorator, of functions, coroutine functions and generators
    of both kinds, it makes a budget for each call. It is kept in this process, and gone with the object.

    Args:
        usd, tokens, requests: limits, at least one, as for :class:`Budget`.
        then, to, at, tell, wait, cap_output, on_unknown_price: as for :class:`Budget`.
        name: what it is called on spans; ``"block"`` unless told.

    Raises:
        TypeError, ValueError: an argument is wrong; the text says what to write.
    """

    __slots__ = ("__weakref__", "budget", "claim")

    def __init__(
        self,
        usd: Usd | None = None,
        *,
        tokens: int | None = None,
        requests: int | None = None,
        then: Action = "block",
        to: str | None = None,
        at: float | Iterable[float] = (),
        tell: Tell | None = None,
        wait: str | float | timedelta | None = None,
        cap_output: bool = False,
        on_unknown_price: Literal["block", "allow"] = "block",
        name: str | None = None,
    ) -> None:
        given: dict[str, Any] = {"tokens": tokens, "requests": requests, "then": then, "to": to, "at": at}
        given |= {"tell": tell, "wait": wait, "cap_output": cap_output, "on_unknown_price": on_unknown_price}
        self._begin(Budget(usd, name="block" if name is None else name, **given))

    def _begin(self, given: Budget) -> None:
        self.budget = given
        """What was asked for."""
        account = f"{prefix(given.name)}|block {next(_numbers)}"
        self.claim = Claim(account, given.limits, given.enforced, budget=given.name)
        """What each call inside claims of :func:`block_store`."""
        weakref.finalize(self, _let_go.append, account).atexit = False
        _forget()

    def _place(self) -> ContextVar[Frame[tuple[budget, ...]] | None]:
        return blocks_place()

    def _inside(self, outer: tuple[budget, ...] | None) -> tuple[budget, ...]:
        return (self,) if outer is None else outer if self in outer else (*outer, self)

    def _anew(self) -> Self:
        return _made(type(self), self.budget)

    @property
    def spent(self) -> Spending:
        """What the calls that are over have cost."""
        return _spending(self._balance().spent)

    @property
    def held(self) -> Spending:
        """What the calls on their way may cost."""
        return _spending(self._balance().held)

    @property
    def remaining(self) -> Remaining:
        """What of the limits is neither spent nor held; never below 0."""
        balance, limits = self._balance(), self.claim.limits
        used = (a + b for a, b in zip(balance.spent, balance.held, strict=True))
        usd, *counts = (
            None if limit is None else max(0, limit + more - one)
            for limit, more, one in zip(limits, balance.topped, used, strict=True)
        )
        return Remaining(None if usd is None else in_usd(usd), *counts)

    def _balance(self) -> Balance:
        from tokeneff.budgets._block_store import block_store  # a store, only where there is a block

        return block_store().balance(self.claim.account)

    def __reduce__(self) -> tuple[Callable[..., budget], tuple[Any, ...]]:
        """A copy is a budget of its own, here or in another process."""
        return _made, (type(self), self.budget)

    def __repr__(self) -> str:
        return f"<tokeneff.budget {self.budget!r}>"


Block = budget
"""The same class, for those who have one in hand."""


def _spending(amounts: Amounts) -> Spending:
    return Spending(in_usd(amounts.usd), amounts.tokens, amounts.requests)


def _made(kind: type[B], given: Budget) -> B:
    block = kind.__new__(kind)
    begin: Callable[[Budget], None] = block._begin  # pyright: ignore[reportPrivateUsage]
    begin(given)
    return block


def _forget() -> None:
    """Let go the accounts of blocks that are gone; those with calls still out, a later time."""
    if not _let_go:
        return
    from tokeneff.budgets._block_store import block_store

    for _ in range(len(_let_go)):
        try:
            account = _let_go.popleft()
        except IndexError:  # another thread was faster
            return
        if not block_store().forget(account):
            _let_go.append(account)
