"""What a call's span and the metrics say of the cache."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from tokeneff._plain import sound
from tokeneff.telemetry import names
from tokeneff.telemetry.sums import Sums

if TYPE_CHECKING:
    from tokeneff._done import Placed
    from tokeneff.cache._reply import Served


def cache_attributes(found: dict[str, Any], served: Served) -> None:
    """Add what the cache did about a call, and what that saved; what is not known is not there."""
    found[names.CACHE_OUTCOME] = served.said
    if served.why:
        found[names.CACHE_WHY] = sound(served.why)
    if served.key:
        found[names.CACHE_KEY] = served.key
    if served.age is not None:
        found[names.CACHE_AGE] = served.age
    saved = served.saved
    if saved is None:
        return
    told = {
        names.CACHE_SAVED_INPUT: saved.input_tokens,
        names.CACHE_SAVED_OUTPUT: saved.output_tokens,
        names.CACHE_SAVED_USD: None if saved.cost is None else saved.cost / 1e9,
        names.CACHE_SAVED_SECONDS: saved.seconds,
    }
    found.update({name: value for name, value in told.items() if value is not None})


def placed_attributes(found: dict[str, Any], placed: Placed) -> None:
    """Add what was added to a call for its provider's prompt cache, and what that saved."""
    found[names.PLACED_OUTCOME] = placed.said
    if placed.added:
        found[names.PLACED_ADDED] = placed.added
    if placed.marks:
        found[names.PLACED_MARKS] = placed.marks
    if placed.saved is not None:
        found[names.PLACED_USD] = placed.saved / 1e9


class CacheInstruments:
    """The instruments of caches of one meter provider, made when the first of its calls meets a cache.

    Args:
        meter: what makes them.
    """

    def __init__(self, meter: Meter) -> None:
        self._sums = Sums()
        text = "Calls, by what the cache did about them."
        callback = partial(self._observe, "calls", names.CACHE_OUTCOME, None)
        meter.create_observable_counter(names.CACHE_CALLS_METRIC, [callback], "{call}", text)
        text = "Cost of calls that were answered without a provider, had they been sent; where it is known."
        callback = partial(self._observe, "cost", names.CACHE_OUTCOME, 1e9)
        meter.create_observable_counter(names.CACHE_SAVED_METRIC, [callback], "USD", text)
        text = "Tokens that calls answered without a provider did not use."
        callback = partial(self._observe, "tokens", names.TOKEN_TYPE, None)
        meter.create_observable_counter(names.CACHE_SAVED_TOKENS_METRIC, [callback], "{token}", text)

        text = "What marks for providers' prompt caches have saved, net of what they cost."
        callback = partial(self._observe, "placed", names.PLACED_OUTCOME, 1e9)
        meter.create_observable_up_down_counter(names.PLACED_METRIC, [callback], "USD", text)

    def placed(self, dimensions: dict[str, Any], placed: Placed) -> None:
        """Count what was placed in a call."""
        if placed.saved is not None:
            self._sums.add(dimensions, [("placed", placed.said, placed.saved)])

    def add(self, dimensions: dict[str, Any], served: Served) -> None:
        """Count a call."""
        counts = [("calls", served.said, 1)]
        saved = served.saved
        if saved is not None:
            if saved.cost is not None:
                counts.append(("cost", served.said, saved.cost))
            counts += [
                ("tokens", kind, value)
                for kind, value in (("input", saved.input_tokens), ("output", saved.output_tokens))
                if value is not None
            ]
        self._sums.add(dimensions, counts)

    def _observe(self, field: str, by: str, unit: float | None, options: CallbackOptions) -> Iterable[Observation]:
        return self._sums.observe(field, by, unit)
