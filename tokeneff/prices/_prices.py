"""The front of the room: costs and rates, by model, place and time."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path

from tokeneff._flow import Tokens
from tokeneff._log import log_once
from tokeneff.prices import _overlay
from tokeneff.prices._cost import UNPRICED, Cost
from tokeneff.prices._fares import Fare, wanted
from tokeneff.prices._rates import Rates, Sheet

_MOST = 4096
_COUNTS = Tokens._fields[: Tokens._fields.index("input_source")]
_CORRECTIONS = Path(__file__).with_name("corrections.toml")


class Prices:
    """What calls cost, in exact integers, with the source of each price.

    >>> prices = Prices()
    >>> tokens = Tokens(input_tokens=1200, output_tokens=80, cache_read=1024)
    >>> prices.cost(tokens, model="gpt-5", provider="openai").nano_usd   # 176×1250 + 1024×125 + 80×10000
    1148000

    The price list is read at the first question (about a second), or by :meth:`preload`. An overlay is read once,
    here, and never again: one process then has one price for one moment, and calls that ran at the same time agree.

    Args:
        overlay: path of a file of prices (see :mod:`tokeneff.prices`); ``None``: what ``TOKENEFF_PRICES`` names, if
            anything.

    Raises:
        PricesError: the file cannot be read, or says something that is no price.
    """

    def __init__(self, overlay: str | Path | None = None) -> None:
        path = overlay if overlay is not None else os.environ.get("TOKENEFF_PRICES", "").strip() or None
        self._own = _overlay.read(Path(path).expanduser()) if path else ()
        self._fares = dict[tuple[str, str, str, str | None, bool], Fare]()

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
    ) -> Cost:
        """What a call with these tokens costs; never says 0 for "not known".

        Args:
            tokens: counts as the provider gave them, cached ones included in the input.
            model: as the reply names it, else as it was asked for.
            provider: ``gen_ai.provider.name``.
            host: host name of the endpoint. ``openai`` and ``anthropic`` are what an SDK's client is called wherever
                it points; with another host they prove nothing, and the price is then one by name, ``assumed``.
            tier: the service tier as the reply says it, else as asked for (a call that asked for ``priority`` may be
                served, and billed, as ``default``).
            batch: whether it is part of a batch.
            at: when the call began, in seconds since 1970; ``None``: now. Prices are dated.

        Raises:
            ValueError: a count is negative or no whole number. Nothing else is raised, whatever model is named.
        """
        for name, count in zip(_COUNTS, tokens, strict=False):
            if count is not None and (not isinstance(count, int) or count < 0):
                raise ValueError(f"{name} must be a whole number from 0, or None for not known; it is {count!r}")
        try:
            fare = self._fare((model, provider, host, tier, batch))
            sheet = fare.sheet(time.time() if at is None else at)
            return fare.unpriced if sheet is None else sheet.cost(tokens)
        except Exception as fault:  # noqa: BLE001 - a price that cannot be found must not reach the call
            log_once(("prices", type(fault), model), "no price for %r: %s", model, fault, exc_info=fault)
            return UNPRICED._replace(note=f"the price could not be found: {type(fault).__name__}")

    def rates(
        self, model: str, provider: str, host: str = "", at: float | None = None, input_tokens: int = 0
    ) -> Rates | None:
        """What a token of each kind costs in a call with so much input, or ``None`` where that is not known.

        >>> Prices().rates("claude-sonnet-4-5", "anthropic").cache_write_1h   # nano-dollars; $6 a million
        Fraction(6000, 1)

        Args:
            model: as the reply names it, else as it was asked for.
            provider: ``gen_ai.provider.name``.
            host: host name of the endpoint.
            at: seconds since 1970; ``None``: now.
            input_tokens: of the whole call: some models cost more beyond a length.
        """
        try:
            sheet: Sheet | None = self._fare((model, provider, host, None, False)).sheet(
                time.time() if at is None else at
            )
            return sheet.at(input_tokens).rates if sheet is not None else None
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("prices", type(fault), model), "no price for %r: %s", model, fault, exc_info=fault)
            return None

    def sizes(
        self, model: str, provider: str, host: str = "", at: float | None = None
    ) -> tuple[int | None, int | None]:
        """What the user's own file says of a model's context window and longest reply, in tokens; else ``None``.

        Args:
            model, provider, host, at: as for :meth:`rates`.
        """
        if not self._own:
            return None, None
        try:
            return self._fare((model, provider, host, None, False)).sizes(time.time() if at is None else at)
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("prices", type(fault), model), "no price for %r: %s", model, fault, exc_info=fault)
            return None, None

    def preload(self) -> None:
        """Read the price list now, so that the first cost does not have to (about a second)."""
        self.rates("gpt-5", "openai")

    def _fare(self, key: tuple[str, str, str, str | None, bool]) -> Fare:
        fare = self._fares.get(key)
        if fare is None:
            fare = Fare(wanted(*key), _corrections(), self._own)
            if len(self._fares) >= _MOST:
                self._fares.clear()
            self._fares[key] = fare
        return fare


@lru_cache(maxsize=1)
def _corrections() -> tuple[_overlay.Entry, ...]:
    return _overlay.read(_CORRECTIONS)
