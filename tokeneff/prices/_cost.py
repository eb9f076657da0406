"""The cost of one call, and where it comes from."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Confidence: TypeAlias = Literal["listed", "assumed", "estimated", "unknown"]
"""How far a cost can be trusted, the worst that applies:

``listed``: the provider's count at a price listed for this model at this provider (or by the user);
``assumed``: the price is that of the same model name elsewhere, or some kind of token had no price of its own;
``estimated``: the tokens are our estimate; ``unknown``: there is no price, or no count.
"""


class Cost(NamedTuple):
    """What a call cost, in integers of a billionth of a US dollar (nano-dollars), so that sums are exact.

    The parts sum to ``nano_usd``. Where the cost is not known everything is ``None``, never 0.
    """

    nano_usd: int | None = None
    input: int | None = None
    """Input neither read from nor written to the prompt cache."""
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    """Reasoning included."""
    source: str = "unknown"
    """``genai-prices``, ``corrections.toml`` (ours, over it), the name of the user's file of prices, ``provider``, or
    ``unknown``."""
    version: str = ""
    """Version or date of the source."""
    confidence: Confidence = "unknown"
    note: str = ""
    """Why the confidence is not the best, in a few words."""

    @property
    def micro_usd(self) -> int | None:
        """The total in millionths of a US dollar, rounded half up."""
        return None if self.nano_usd is None else (self.nano_usd + 500) // 1000

    @property
    def usd(self) -> float | None:
        """The total in US dollars, to be shown; sums are made of the integers."""
        return None if self.nano_usd is None else self.nano_usd / 1e9


UNPRICED = Cost()
