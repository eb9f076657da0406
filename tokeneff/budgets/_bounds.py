"""What a call may come to at most, before it is sent."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from tokeneff._flow import Tokens
from tokeneff._log import log_once
from tokeneff._plain import items
from tokeneff.budgets._dearest import Dearest
from tokeneff.budgets._limits import Limit, limit_of
from tokeneff.budgets._requests import all_seen, choices_of, hosted, output_of, prompts_of, sealed
from tokeneff.budgets._tally import Ratios
from tokeneff.stores._contract import Amounts

if TYPE_CHECKING:
    from tokeneff.accounts import Asked
    from tokeneff.prices import Prices
    from tokeneff.tokens import Counter, Prompt

MOST = 2**53
_MARGIN = 16
"""Tokens beside the relative error: what frames a request is not known to the token."""
_ERRORS = 3
"""Expected errors that the count may be off: within one it is about five times out of six."""
_LEAST = 0.6
"""Of our own count: whatever was learnt, a provider's is not less."""
_IMAGES = 4
"""An image whose size is not known is counted as one of 1,024 pixels square; the largest costs up to this many times
that (OpenAI's tiles of 2,048 by 768 pixels, Anthropic's long edge of 2,576)."""
_CLIENTS_TOOL = 3_000
"""Tokens that the description of a tool takes which the provider knows and the caller runs (bash, text editor …)."""
_HIDDEN = frozenset(("encrypted reasoning", "redacted thinking"))


class Bound(NamedTuple):
    """What a call may come to. Its cost is ``base`` and ``rate`` for each token of output."""

    model: str
    expected: int
    """Input tokens as counted, with what was learnt applied."""
    ratio: float
    """The model's tokens by those of the vocabulary that it is counted with."""
    input: int
    """Input tokens at most."""
    output: int
    """Output tokens at most, of all choices."""
    choices: int
    capped: bool
    """Whether the caller set a limit to the output."""
    visible: bool
    """Whether all of its output can be read from its stream."""
    base: int | None
    """Nano-dollars of the input at the dearest; ``None`` where there is no price."""
    rate: Fraction
    """Nano-dollars of a token of output at the dearest."""
    why: str
    """Why there is no price."""
    prompt: Prompt

    def of(self, output: int) -> Amounts:
        """What it comes to at most with so many tokens of output."""
        usd = 0 if self.base is None else self.base + cents(self.rate, output)
        return Amounts(min(usd, MOST), min(self.input + output, MOST), 1)

    @property
    def amounts(self) -> Amounts:
        """What it comes to at most."""
        return self.of(self.output)


def cents(rate: Fraction, count: int) -> int:
    """The cost of so many tokens, rounded up."""
    return -(-rate.numerator * count // rate.denominator)


class Bounds:
    """Bounds of requests, by what this process counts and what prices it knows."""

    def __init__(self, counter: Counter, prices: Prices, ratios: Ratios | None = None) -> None:
        self.counter = counter
        self.prices = prices
        self.ratios = Ratios() if ratios is None else ratios
        self._foreseen: set[tuple[str, str, str]] = set()

    def foresee(self, budget: str, model: str, asked: Asked) -> None:
        """Warn of a model that calls are to be downgraded to and that has no price, before one has to be."""
        key = model, asked.provider, asked.host
        if key in self._foreseen:
            return
        self._foreseen.add(key)
        cost = self.prices.cost(Tokens(1, 1), model=model, provider=asked.provider, host=asked.host, at=asked.at)
        if cost.nano_usd is None:
            log_once(
                ("downgrade", *key),
                "budget %r is in US dollars and goes down to %r, which has no price (%s): what does not fit will be "
                'refused, unless prices.toml has a price for it, or on_unknown_price="allow" is said',
                budget,
                model,
                cost.note,
            )

    def of(self, asked: Asked) -> Bound:
        """What a request may come to.

        Input is the expected count times 1 + 3 × its expected error, and 16 tokens; with parts in it that nobody can
        count beforehand (files, audio, conversations that the provider keeps, tools that it runs) the model's whole
        context window. Output is what the caller allows, else what the model can say; each at the dearest price that
        can apply: nothing read from the cache, all written to it where it is written unasked or for a mark, the
        service tier or speed asked for, audio and images where there may be some.
        """
        model, limit = asked.model, self._limit(asked)
        prompt = self.counter.prompt(asked.dialect, asked.body, model)
        expected, error = self.counter.expected(prompt, model, asked.provider, asked.session, asked.at)
        whole = _input(asked, prompt, expected, min(error, 1.0), limit)
        output, capped = output_of(asked, limit)
        choices = choices_of(asked)
        costs = Dearest(asked, prompt, self.prices)
        base, why = costs.input(whole)
        rate = costs.output(whole) if output and base is not None else Fraction(0)
        if rate is None:
            base, why = None, "no price per output token"
        return Bound(
            model,
            expected,
            self._ratio(asked, prompt, expected),
            whole,
            output * choices,
            choices,
            capped,
            all_seen(asked, prompt, limit),
            base,
            rate or Fraction(0),
            why,
            prompt,
        )

    def _limit(self, asked: Asked) -> Limit:
        """The model's limits: as the user's own file says, else by its name."""
        limit = limit_of(asked.model)
        context, output = self.prices.sizes(asked.model, asked.provider, asked.host, asked.at)
        return limit._replace(context=context or limit.context, output=output or limit.output)

    def _ratio(self, asked: Asked, prompt: Prompt, expected: int) -> float:
        if prompt.exact:
            return 1.0
        by_input = min(max(expected / prompt.tokens, 1.0), 1.6) if prompt.tokens else 1.0
        return self.ratios.of(asked.provider, asked.model, by_input)


def _input(asked: Asked, prompt: Prompt, expected: int, error: float, limit: Limit) -> int:
    # No prompt is longer than the model's context, whatever an odd count has taught.
    return min(_counted(asked, prompt, expected, error, limit), limit.context * prompts_of(asked))


def _counted(asked: Asked, prompt: Prompt, expected: int, error: float, limit: Limit) -> int:
    bound = max(int(expected * (1 + _ERRORS * error)), int(prompt.tokens * _LEAST)) + _MARGIN
    if asked.dialect is None:
        return limit.context
    unknown = set(prompt.unknown)
    if not unknown:
        return bound
    if "image size" in unknown:
        attached = sum(tokens for piece in prompt.pieces for kind, tokens in piece.contents if kind == "attached")
        bound += (_IMAGES - 1) * attached
    if unknown & _HIDDEN:
        bound += sum(map(len, sealed(asked.body)))
    if "hosted tool" in unknown and not hosted(asked.body):
        bound += _CLIENTS_TOOL * len(items(asked.body.get("tools")))
        unknown.discard("hosted tool")
    return bound if unknown <= _HIDDEN | {"image size"} else limit.context
