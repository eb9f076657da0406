"""What a call's span and the metrics say of trimming."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from tokeneff.telemetry import names
from tokeneff.telemetry.sums import Sums

if TYPE_CHECKING:
    from tokeneff._done import Trimming


def trimming_attributes(found: dict[str, Any], trimmed: Trimming) -> None:
    """Add what was left out of a call and what that saved; what is not known is not there."""
    found[names.TRIM_OUTCOME] = trimmed.said
    if trimmed.conversation:
        found[names.TRIM_CONVERSATION] = trimmed.conversation
    if trimmed.edits:
        kinds = sorted(trimmed.edits)
        found[names.TRIM_KINDS] = kinds
        found[names.TRIM_EDITS] = [trimmed.edits[kind] for kind in kinds]
    if trimmed.texts:
        found[names.TRIM_TEXTS] = trimmed.texts
    if trimmed.saved is not None:
        found[names.TRIM_TOKENS] = trimmed.saved
        found[names.TRIM_TOKENS_SOURCE] = "provider" if trimmed.counted else "estimated"
    for name, nano in (
        (names.TRIM_GAIN, trimmed.gain),
        (names.TRIM_EXPECTED, trimmed.expected),
        (names.TRIM_REALISED, trimmed.realised),
        (names.TRIM_UNTRIMMED, trimmed.untrimmed),
    ):
        if nano is not None:
            found[name] = nano / 1e9
    if trimmed.proof:
        found[names.TRIM_PROOF] = trimmed.proof


class TrimInstruments:
    """The instruments of trimming of one meter provider, made when the first of its calls is looked at.

    Args:
        meter: what makes them.
    """

    def __init__(self, meter: Meter) -> None:
        self._sums = Sums()
        text = "Calls that were looked at for trimming, by what came of it."
        meter.create_observable_counter(names.TRIM_CALLS_METRIC, [self._of("calls", None)], "{call}", text)
        text = "Edits that calls were sent with, by kind: each call counts its own."
        callback = self._of("edits", None, names.TRIM_KIND)
        meter.create_observable_counter(names.TRIM_EDITS_METRIC, [callback], "{edit}", text)
        text = "Input tokens that were removed from calls."
        meter.create_observable_counter(names.TRIM_TOKENS_METRIC, [self._of("tokens", None)], "{token}", text)
        text = "What calls cost less than they would have untrimmed, net, by the provider's own counts."
        callback = self._of("realised", 1e9)
        meter.create_observable_up_down_counter(names.TRIM_REALISED_METRIC, [callback], "USD", text)
        text = "What calls were expected to cost less than untrimmed, net, before they were sent."
        callback = self._of("expected", 1e9)
        meter.create_observable_up_down_counter(names.TRIM_EXPECTED_METRIC, [callback], "USD", text)

    def add(self, dimensions: dict[str, Any], trimmed: Trimming) -> None:
        """Count a call."""
        said = trimmed.said
        told = (("tokens", trimmed.saved), ("realised", trimmed.realised), ("expected", trimmed.expected))
        counts = [("calls", said, 1), *((name, said, value) for name, value in told if value is not None)]
        self._sums.add(dimensions, [*counts, *(("edits", kind, count) for kind, count in trimmed.edits.items())])

    def _of(self, field: str, unit: float | None, by: str = names.TRIM_OUTCOME) -> Any:
        return partial(self._observe, field, by, unit)

    def _observe(self, field: str, by: str, unit: float | None, options: CallbackOptions) -> Iterable[Observation]:
        return self._sums.observe(field, by, unit)
