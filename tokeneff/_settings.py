"""What a wrapping was asked to do; one object, shared by a wrapped client and every copy made of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from tokeneff._accounting import Accounting
from tokeneff._api import wrap
from tokeneff._flow import Policy
from tokeneff._memory import Memory
from tokeneff._warm import import_whole, warm

if TYPE_CHECKING:
    from tokeneff.accounts._accounts import Accounts
    from tokeneff.budgets._policy import Guards
    from tokeneff.ledger import Ledger
    from tokeneff.prices import Prices
    from tokeneff.telemetry import Telemetry
    from tokeneff.totals import Totals

KEY = "_tokeneff"
"""The one entry that a wrapped client has in its ``__dict__`` and a bare one has not."""


class Settings:
    """Checked arguments of ``wrap()``, the policies made of them, and the running totals."""

    __slots__ = (
        "__weakref__",
        "arguments",
        "asks_usage",
        "capture",
        "guards",
        "ledger",
        "memory",
        "policies",
        "prices",
        "telemetry",
        "totals",
    )

    def __init__(self, **arguments: Any) -> None:
        from tokeneff.telemetry import Telemetry
        from tokeneff.telemetry.content import Capture, capture_mode
        from tokeneff.totals import Totals

        self.arguments = arguments
        _check(arguments)
        capture = Capture(capture_mode(arguments.get("capture_content")), arguments.get("mask"))
        self.asks_usage: bool = arguments.get("stream_usage", "ask") == "ask"
        self.prices: Prices = _prices(arguments.get("prices"))
        self.ledger: Ledger | None = _ledger(arguments.get("ledger"))
        self.totals: Totals = Totals(self.prices)
        self.telemetry: Telemetry = Telemetry(
            self.totals,
            arguments.get("tracer_provider"),
            arguments.get("meter_provider"),
            capture=capture,
            compat=arguments.get("compat"),
            metric_tags=arguments.get("metric_tags", ()),
        )
        self.memory: Memory | None = Memory() if arguments.get("remember_messages", True) else None
        keeps_content = self.ledger is not None and self.ledger.content
        self.capture: bool = capture.wanted or keeps_content
        trims = bool(arguments.get("trim"))
        accounting = Accounting(self._accounts, self.ledger, self.telemetry.observed, capture.masked, trims=trims)
        self.guards: Guards = self._guards(arguments)
        cached, placed = self._cache(arguments.get("cache"))
        above, within, lowest = self._trim(arguments.get("trim"), bool(placed))
        below = [*within, *placed, *lowest, self.guards.policy]
        self.policies: Sequence[Policy] = (self.telemetry.policy, accounting.policy, *above, *cached, *below)
        import_whole("httpx2")
        if self.ledger is not None or self.telemetry.observed() or arguments.get("budget") or len(below) > 1 or cached:
            # The first call needs the price list, and may well be answered before it is read.
            warm("prices", self.prices.preload)

    def _accounts(self) -> Accounts:
        from tokeneff.accounts._accounts import Accounts
        from tokeneff.tokens import counter

        return Accounts(counter(), self.prices)

    def _guards(self, arguments: dict[str, Any]) -> Guards:
        from tokeneff.budgets._wiring import guards

        return guards(
            arguments.get("budget"),
            arguments.get("store"),
            arguments.get("on_store_error", "open"),
            self.prices,
            self._learns,
        )

    def _learns(self) -> bool:
        """Whether no accounts are kept, which teach the counter what providers count."""
        return self.ledger is None and not self.telemetry.observed()

    def _cache(self, given: Any) -> tuple[list[Policy], list[Policy]]:
        if given is None or given is False:
            return [], []
        from tokeneff.cache._wiring import policies_of

        return policies_of(given, self.prices, lambda: self.policies)

    def _trim(self, given: Any, placed: bool) -> tuple[Sequence[Policy], Sequence[Policy], Sequence[Policy]]:
        if given is None or given is False:
            return (), (), ()
        from tokeneff.trim import policies_of

        return policies_of(given, self.prices, placed)

    def changed(self, **arguments: Any) -> Settings:
        """These settings with other arguments, and totals of their own."""
        return Settings(**{**self.arguments, **arguments})

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # Providers and hooks belong to a process; in another one the global providers take their place.
        plain = {
            key: value
            for key, value in self.arguments.items()
            if key not in ("tracer_provider", "meter_provider", "mask")
        }
        if self.arguments.get("mask") is not None:
            plain["capture_content"] = False  # never the content without the mask
            if self.ledger is not None:
                plain["ledger"] = self.ledger.url
        if "budget" in plain or "store" in plain:
            from tokeneff.budgets._wiring import portable

            plain = portable(plain)
        if plain.get("cache"):
            from tokeneff.cache._wiring import portable as portable_cache

            plain["cache"] = portable_cache(plain["cache"])
        if plain.get("trim"):
            from tokeneff.trim import portable as portable_trim

            plain["trim"] = portable_trim(plain["trim"])
        return _restore, (plain,)


def _restore(arguments: dict[str, Any]) -> Settings:
    return Settings(**arguments)


def memory_of(client: Any) -> Memory | None:
    """What a wrapped client remembers of messages; ``None`` where it is not to remember, or not wrapped."""
    settings: Settings | None = client.__dict__.get(KEY)
    return settings.memory if settings is not None else None


def settings_of(client: Any) -> Settings:
    """The settings of a wrapped client."""
    return client.__dict__[KEY]


def _prices(overlay: Any) -> Prices:
    from tokeneff.prices import Prices

    return overlay if isinstance(overlay, Prices) else Prices(overlay)


def _ledger(given: Any) -> Ledger | None:
    if given is None:
        given = os.environ.get("TOKENEFF_LEDGER")
    if not given:
        return None
    from tokeneff.ledger import Ledger

    return given if isinstance(given, Ledger) else Ledger(given)


def _check(arguments: dict[str, Any]) -> None:
    known = wrap.__kwdefaults__ or {}
    for key in arguments:
        if key not in known:  # as of a client that a later version has pickled
            raise TypeError(f"wrap() has no argument {key!r}; it takes {', '.join(known)}")
    _one_of(arguments, "stream_usage", ("ask", "off"))
    _one_of(arguments, "compat", (None, "openinference"))
    for key, method in (("tracer_provider", "get_tracer"), ("meter_provider", "get_meter")):
        value = arguments.get(key)
        if value is not None and not callable(getattr(value, method, None)):
            kind = "TracerProvider" if method == "get_tracer" else "MeterProvider"
            raise TypeError(f"{key} must be an OpenTelemetry {kind}, not {type(value).__name__}")
    mask = arguments.get("mask")
    if mask is not None and not callable(mask):
        raise TypeError(f"mask must be a function of (value, name), not {type(mask).__name__}")
    if "metric_tags" in arguments:
        arguments["metric_tags"] = _names(arguments["metric_tags"])


def _names(tags: Any) -> tuple[str, ...]:
    """An iterator is read here, once."""
    if isinstance(tags, Iterable) and not isinstance(tags, str):
        names = tuple(cast("Iterable[Any]", tags))
        if all(isinstance(name, str) for name in names):
            return names
    raise TypeError("metric_tags must be a tuple of tag names, as metric_tags=('feature',)")


def _one_of(arguments: dict[str, Any], key: str, known: tuple[Any, ...]) -> None:
    if key in arguments and arguments[key] not in known:
        choices = " or ".join(map(repr, known))
        raise ValueError(f"{key} must be {choices}, not {arguments[key]!r}")
