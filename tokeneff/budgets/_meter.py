"""Metering a stream as it comes: its hold grows ahead of it in steps, and at the limit it is cut.

Only of models whose output can all be seen in the stream. The hold is the input and one step of output at first. A
chunk costs the adding of lengths: no token is shorter than a byte, and only where the bytes that came would no longer
fit the hold are the tokens counted. When the next chunk, taken to be like those before it, would not fit, the hold is
extended by another step, or by what is left of the budgets; if there is nothing left, `BudgetExceeded` is raised where
the chunk was read, and the SDK closes the connection.

For an event loop, a store that has to be waited for is asked from a thread when half of a step is left. If a chunk
comes that does not fit before it has answered, nothing more is read from the provider until it has, at most
``PATIENCE`` seconds, after which the stream is cut.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Any

from tokeneff._flow import Failure
from tokeneff._log import log_once
from tokeneff.budgets._bounds import Bound, cents
from tokeneff.budgets._guarding import Story, exceeded, where
from tokeneff.budgets._tally import Tally
from tokeneff.errors import BudgetExceeded
from tokeneff.stores._contract import Amounts

if TYPE_CHECKING:
    from tokeneff._flow import Tokens
    from tokeneff.budgets._holding import Holding, Refusal

STEP = 256
"""Tokens by which a hold grows."""
PATIENCE = 5.0
"""Seconds that a stream stands still for a store's answer."""
_NOWHERE: Mapping[str, str] = {}
_CLOSING = 4
"""Tokens of a hold that are kept for what ends a reply and is in no chunk."""


class Meter:
    """Meters one stream."""

    __slots__ = (
        "_allowed",
        "_asked",
        "_base",
        "_bound",
        "_holding",
        "_price",
        "_refusal",
        "_story",
        "_tally",
        "_waits",
        "failure",
        "finished",
    )

    def __init__(
        self,
        holding: Holding,
        bound: Bound,
        output: int,
        story: Story,
        *,
        count: Callable[[str], int],
        price: Callable[[Tokens], int | None],
        awaiting: bool,
    ) -> None:
        self._holding, self._bound, self._story = holding, bound, story
        self._tally, self._price = Tally(count, bound.ratio), price
        self._base: Amounts | None = None
        """The input as the provider counted it, once it has said."""
        self._waits = awaiting and not holding.instant
        self._asked: Future[Refusal | None] | None = None
        self._refusal: Refusal | None = None
        self._allowed = output
        """Tokens of output that the hold is good for."""
        self.finished = output >= bound.output
        """Whether there is nothing left to meter: all that can come is held, or the stream was cut."""
        self.failure: Failure | None = None
        """Why the stream was cut, if it was."""

    @property
    def waiting(self) -> bool:
        """Whether nothing more is to be read before the store has answered."""
        return self._asked is not None and not self._fits(self._tally.chunk)

    def heard(self, reader: Any, chunks: int = 1) -> None:
        """A chunk came, and was read. Raises BudgetExceeded where the budgets have no room for another."""
        if self.finished and self.failure is None:
            return
        error = None
        try:
            error = self._metered(reader, chunks)
        except BudgetExceeded as closed:  # the store is away, and its owner chose that nothing goes on then
            closed.partial, error = reader.written(), closed
            self._is_cut(closed)
        except Exception as fault:  # noqa: BLE001 - what we cannot meter is settled at its end
            log_once(("meter", type(fault)), "a stream could not be metered", exc_info=fault)
            self.finished = True
        if error is not None:
            raise error

    def wait(self) -> None:
        """Blocking: until the store has answered, or for as long as a stream may stand still."""
        asked = self._asked
        if asked is not None:
            wait((asked,), PATIENCE)

    def resume(self, reader: Any) -> None:
        """The wait is over. Raises BudgetExceeded where there is no room for another chunk, or no answer."""
        asked = self._asked
        if asked is not None and not asked.done():
            log_once("meter waits", "a store of budgets did not answer in time, and a stream was cut")
            self._asked = self._refusal = None
            raise self._cut(reader)
        self.heard(reader, 0)

    def _metered(self, reader: Any, chunks: int) -> BudgetExceeded | None:
        if self.failure is None:
            tally, ahead = self._tally, STEP // 2 if self._waits else 0
            tally.hear(reader, chunks)
            if self._fits(tally.chunk + ahead):
                return None
            tally.tally()
            self._based(reader)
            if self._fits(tally.chunk + ahead) or reader.terminal:
                return None
            self._grow()
            if self.finished or self._fits(tally.chunk) or (self._asked is not None and not self._asked.done()):
                return None
        return self._cut(reader)

    def _fits(self, more: float) -> bool:
        return self._tally.within(self._allowed, more + _CLOSING)

    def _based(self, reader: Any) -> None:
        """Take the provider's own count of the input, where it has told that: what was held too much is room."""
        tokens = reader.tokens
        if self._base is None and tokens is not None and tokens.input_source == "provider" and tokens.input_tokens:
            usd = self._price(tokens._replace(output_tokens=0, output_source="provider", reasoning=None))
            if usd is not None or self._bound.base is None:
                self._base = Amounts(usd or 0, tokens.input_tokens, 1)
                if self._holding.amounts is not None:
                    self._allowed = self._good_for(self._holding.amounts)

    def _of(self, output: int) -> Amounts:
        base = self._base
        if base is None:
            return self._bound.of(output)
        return Amounts(base.usd + cents(self._bound.rate, output), base.tokens + output, base.requests)

    def _good_for(self, amounts: Amounts) -> int:
        """Tokens of output that are within these amounts."""
        base, rate = self._of(0), self._bound.rate
        tokens = amounts.tokens - base.tokens
        if rate and self._bound.base is not None:
            tokens = min(tokens, (amounts.usd - base.usd) * rate.denominator // rate.numerator)
        return tokens

    def _grow(self) -> None:
        """Have the hold be larger, by a step or by what there is."""
        asked = self._asked
        if asked is not None:
            if asked.done():
                self._asked = None
                self._answered(asked)
            return
        received = int(self._tally.sure) + 1
        wanted = min(max(received, self._allowed) + STEP, self._bound.output)
        floor = self._of(received)
        if self._waits:
            self._asked = _threads().submit(partial(self._extend, wanted, floor))
        else:
            self._took(self._extend(wanted, floor))

    def _extend(self, wanted: int, floor: Amounts) -> Refusal | None:
        """Ask the stores: for so much, and if that is refused, for what they say is left."""
        refusal = self._holding.extend(self._of(wanted), floor)
        for _ in range(2):
            if refusal is None:
                return None
            room = self._room()
            if room <= self._allowed:
                return refusal
            refusal = self._holding.extend(self._of(room), floor)
        return refusal

    def _room(self) -> int:
        """Tokens of output that all of the budgets together have room for."""
        amounts = self._holding.amounts or Amounts()
        least = list(self._of(self._bound.output))
        for part in self._holding.parts:
            for claim, balance in zip(part.claims, part.balances, strict=False):
                if not claim.enforced:
                    continue
                for unit, limit in enumerate(balance.limits):
                    if limit is not None:
                        left = amounts[unit] + limit - balance.spent[unit] - balance.held[unit]
                        least[unit] = min(least[unit], left)
        return self._good_for(Amounts(*least))

    def _answered(self, asked: Future[Refusal | None]) -> None:
        try:
            self._took(asked.result(0))
        except BudgetExceeded:
            raise
        except Exception as fault:  # noqa: BLE001 - the store's fault: what is held stays held
            log_once(("meter store", type(fault)), "a hold could not be extended: %r", fault, exc_info=fault)
            self.finished = True

    def _took(self, refusal: Refusal | None) -> None:
        self._refusal = refusal
        if self._holding.amounts is not None:
            self._allowed = max(self._allowed, self._good_for(self._holding.amounts))
        self.finished = self._allowed >= self._bound.output

    def _cut(self, reader: Any) -> BudgetExceeded:
        refusal, partial_ = self._refusal, reader.written()
        if refusal is None or not refusal.against:
            error = BudgetExceeded("a stream was cut: its store of budgets did not answer in time", partial=partial_)
        else:
            index = refusal.against[0]
            error = exceeded(refusal, index, self._holding.id, partial_)
        if self.failure is None:
            self._is_cut(error, where(refusal.part.claims[refusal.against[0]]) if refusal and refusal.against else {})
        error.guard = self._story.guard(self._holding.parts, error if error.budget else None)
        return error

    def _is_cut(self, error: BudgetExceeded, about: Mapping[str, str] = _NOWHERE) -> None:
        kind = type(error)
        self.failure = Failure(f"{kind.__module__}.{kind.__qualname__}", str(error))
        self.finished = True
        self._story.tell("cut", "cut", **about, received=round(self._tally.sure))


_pool: ThreadPoolExecutor | None = None


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(4, "tokeneff-meter")
    return _pool


def _forget() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
