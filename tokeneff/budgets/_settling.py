"""What a call that is over has cost, however it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tokeneff._flow import Outcome, Tokens, Written
from tokeneff.budgets._bounds import Bound
from tokeneff.budgets._dearest import tier_of
from tokeneff.budgets._limits import limit_of
from tokeneff.budgets._tally import Ratios
from tokeneff.stores._contract import Amounts

if TYPE_CHECKING:
    from tokeneff.accounts import Asked
    from tokeneff.prices import Prices
    from tokeneff.tokens import Counter

_NEVER_SENT = frozenset(
    ("ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol", "LocalProtocolError")
)
"""Errors of the http client after which the provider has no request: it could not be reached."""


class Settlement(NamedTuple):
    """What is spent, and how that is known."""

    amounts: Amounts
    how: str
    """``usage``: the provider's count; ``counted``: ours; ``worst case``: all that was held; ``refused``: the provider
    answered with an error, which is not billed; ``not sent``; ``unpriced``: counted, of a model without a price."""


class Settling:
    """Settles the calls of one wrapping."""

    def __init__(self, counter: Counter, prices: Prices, ratios: Ratios | None = None) -> None:
        self._counter = counter
        self._prices = prices
        self._ratios = Ratios() if ratios is None else ratios

    def of(self, outcome: Outcome, asked: Asked, bound: Bound, held: Amounts) -> Settlement:
        """What a call is to be charged with.

        Providers bill what they answer, so an HTTP error costs nothing; a request that is lost after it was sent may
        have been answered and billed in full, and so may each try that the SDK repeated after such a loss (of which
        the input is charged, as far as it was held).
        """
        found = self._last(outcome, asked, bound, held)
        lost = sum(1 for attempt in outcome.attempts if attempt.status is None and attempt.error not in _NEVER_SENT)
        if not lost:
            return found
        usd, tokens = found.amounts.usd + lost * (bound.base or 0), found.amounts.tokens + lost * bound.expected
        most = Amounts(*map(max, found.amounts, held))
        return found._replace(amounts=Amounts(min(usd, most.usd), min(tokens, most.tokens), 1))

    def learn(self, bound: Bound, asked: Asked, input_tokens: int) -> None:
        """Take in the provider's count of a request."""
        if bound.prompt.pieces:
            self._counter.learn(bound.prompt, asked.model, asked.provider, input_tokens, asked.session)

    def _last(self, outcome: Outcome, asked: Asked, bound: Bound, held: Amounts) -> Settlement:
        tokens, failure = outcome.tokens, outcome.failure
        if outcome.ending == "failed" and failure is not None and outcome.status is None:
            if failure.status is not None and failure.status >= 400:
                return Settlement(Amounts(0, 0, 1), "refused")
            if failure.cause in _NEVER_SENT or not _of_connection(failure.type):
                return Settlement(Amounts(), "not sent")
        if outcome.ending == "refused":
            return Settlement(Amounts(), "not sent")
        if outcome.status is None and not outcome.chunks and tokens.input_tokens is None:
            return Settlement(held, "worst case")  # no answer: nobody knows what became of it
        if tokens.source == "provider" and (tokens.input_tokens is not None or tokens.output_tokens is not None):
            self._compare(outcome, asked, bound)
            return self._priced(tokens, outcome, asked, "usage")
        return self._counted(outcome, asked, bound, held)

    def _compare(self, outcome: Outcome, asked: Asked, bound: Bound) -> None:
        """Learn from a reply that came in full how the provider counts what a stream would show."""
        written, said = outcome.facts.written, outcome.tokens.output_tokens
        if bound.prompt.exact or outcome.ending != "read" or not said or not _any(written):
            return
        if outcome.tokens.reasoning or not limit_of(asked.model).visible or bound.choices > 1:
            return
        if self._ratios.wanted(asked.provider, asked.model):
            ours = counted(written, self._counter, bound._replace(ratio=1.0))
            if ours:
                self._ratios.learn(asked.provider, asked.model, said, ours)

    def _counted(self, outcome: Outcome, asked: Asked, bound: Bound, held: Amounts) -> Settlement:
        """Of a reply that was left, or that had no usage: the provider's counts as far as it gave some, else ours."""
        tokens, written = outcome.tokens, outcome.facts.written
        blank = outcome.ending == "read" or (outcome.ending == "failed" and not outcome.chunks)
        if blank and (asked.dialect is None or not _any(written)):
            return Settlement(held, "worst case")  # work in the background, or a reply that could not be read
        if tokens.input_source != "provider":
            tokens = Tokens(bound.expected, tokens.output_tokens, output_source=tokens.output_source)
        if tokens.output_source != "provider":
            tokens = tokens._replace(output_tokens=counted(written, self._counter, bound), reasoning=None)
        return self._priced(tokens, outcome, asked, "counted")

    def _priced(self, tokens: Tokens, outcome: Outcome, asked: Asked, how: str) -> Settlement:
        known = (tokens.input_tokens or 0) + (tokens.output_tokens or 0)
        tokens = tokens._replace(input_tokens=tokens.input_tokens or 0, output_tokens=tokens.output_tokens or 0)
        for model in dict.fromkeys((outcome.facts.model or asked.model, asked.model)):
            cost = self._prices.cost(
                tokens._replace(input_source="provider", output_source="provider"),
                model=model,
                provider=asked.provider,
                host=asked.host,
                tier=tier_of(asked, outcome.facts.service_tier),
                at=asked.at,
            )
            if cost.nano_usd is not None:
                return Settlement(Amounts(cost.nano_usd, known, 1), how)
        return Settlement(Amounts(0, known, 1), "unpriced")


def counted(written: Written | None, counter: Counter, bound: Bound) -> int:
    """Tokens of what was read of a reply, by our count."""
    if written is None:
        return 0
    texts = (written.text, written.reasoning, *(part for call in written.tool_calls for part in call))
    return round(sum(counter.text(text, bound.model) for text in texts if text) * bound.ratio)


def _any(written: Written | None) -> bool:
    return written is not None and bool(written.text or written.reasoning or written.tool_calls)


def _of_connection(kind: str) -> bool:
    """Whether an error says that a connection was lost or timed out; others were raised before anything was sent."""
    return "Connection" in kind or "Timeout" in kind
