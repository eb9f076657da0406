"""The dearest prices that can apply to a request, and which service tier its reply was billed by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tokeneff._flow import Tokens
from tokeneff.budgets._requests import given, kept_an_hour, sounds

if TYPE_CHECKING:
    from tokeneff.accounts import Asked
    from tokeneff.prices import Prices
    from tokeneff.prices._cost import Cost
    from tokeneff.tokens import Prompt

_MANY = 1_000_000
_UNDECIDED = (None, "", "auto", "standard_only")
_STANDARD = (*_UNDECIDED, "default", "standard")
FAST = "fast"
"""What prices call Anthropic's ``speed="fast"``, which a reply's service tier says nothing of."""


def tier_of(asked: Asked, said: str | None) -> str | None:
    """The service tier that a reply is billed by: as it says, else as was asked for."""
    wanted = _wanted(asked.body)
    if FAST in wanted:
        return FAST
    return wanted[-1] if wanted and said in _UNDECIDED else said


def _wanted(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Tiers beside the standard one that were asked for."""
    tier = body.get("service_tier")
    tiers = (tier,) if isinstance(tier, str) and tier not in _STANDARD else ()
    return (*tiers, FAST) if body.get("speed") == FAST else tiers


def dearest(asked: Asked, prices: Prices, tokens: Tokens) -> int | None:
    """What these tokens cost at the dearest of the tiers that can apply, in nano-dollars."""
    most = 0
    for tier in (None, *_wanted(asked.body)):
        cost = prices.cost(
            tokens, model=asked.model, provider=asked.provider, host=asked.host, tier=tier, at=asked.at
        ).nano_usd
        if cost is None:
            return None
        most = max(most, cost)
    return most


class Dearest:
    """The dearest prices that can apply to a request."""

    def __init__(self, asked: Asked, prompt: Prompt, prices: Prices) -> None:
        self._asked = asked
        self._prices = prices
        body = asked.body
        self._tiers: tuple[str | None, ...] = (None, *_wanted(body))
        self._marked = given(body, "cache_control") or any(piece.marked for piece in prompt.pieces)
        self._odd = (
            bool(prompt.unknown)
            or asked.dialect is None
            or any(kind == "attached" for piece in prompt.pieces for kind, _ in piece.contents)
        )
        self._spoken = sounds(body)

    def input(self, count: int) -> tuple[int | None, str]:
        """Nano-dollars of so many tokens of input; why there is no price."""
        kinds = [Tokens(count, 0)]
        if self._marked or self._asked.dialect != "messages":
            kinds.append(Tokens(count, 0, cache_write=count))
        if self._marked and kept_an_hour(self._asked.body):
            kinds.append(Tokens(count, 0, cache_write=count, cache_write_1h=count))
        if self._odd or self._spoken:
            kinds += [Tokens(count, 0, image_input=count), Tokens(count, 0, audio_input=count)]
        return self._dearest(kinds)

    def output(self, count: int) -> Fraction | None:
        """Nano-dollars of a token of output, after so much input."""
        kinds = [Tokens(count, _MANY), Tokens(count, _MANY, reasoning=_MANY)]
        if self._spoken or self._asked.dialect is None:
            kinds += [Tokens(count, _MANY, audio_output=_MANY), Tokens(count, _MANY, image_output=_MANY)]
        dearest, _ = self._dearest(kinds, lambda cost: cost.output)
        return None if dearest is None else Fraction(dearest, _MANY)

    def _dearest(
        self, kinds: list[Tokens], part: Callable[[Cost], int | None] = lambda cost: cost.nano_usd
    ) -> tuple[int | None, str]:
        asked, most, why = self._asked, None, ""
        for tier in self._tiers:
            for tokens in kinds:
                cost = self._prices.cost(
                    tokens, model=asked.model, provider=asked.provider, host=asked.host, tier=tier, at=asked.at
                )
                found = part(cost)
                if found is None:
                    return None, cost.note
                most = found if most is None else max(most, found)
        return most, why
