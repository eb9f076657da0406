"""What accounts need of a counter and of prices, so that neither room is imported for its types alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tokeneff._flow import Tokens
from tokeneff.prices import Cost
from tokeneff.prices._rates import Rates
from tokeneff.tokens import Prompt


class Counts(Protocol):
    """What accounts need of a counter."""

    def prompt(self, dialect: Any, body: Mapping[str, Any], model: str) -> Prompt: ...

    def expected(
        self, prompt: Prompt, model: str, provider: str, session: str | None = None, at: float | None = None
    ) -> tuple[int, float]: ...

    def learn(
        self, prompt: Prompt, model: str, provider: str, input_tokens: int, session: str | None = None
    ) -> None: ...

    def text(self, text: str, model: str) -> int: ...


class Tariff(Protocol):
    """What accounts need of prices."""

    def cost(
        self,
        tokens: Tokens,
        *,
        model: str,
        provider: str,
        host: str = "",
        tier: str | None = None,
        batch: bool = False,
        at: float | None = None,
    ) -> Cost: ...

    def rates(self, model: str, provider: str, host: str, at: float, input_tokens: int) -> Rates | None: ...
