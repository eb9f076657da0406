"""What a call's span says of the output that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokeneff.telemetry import names

if TYPE_CHECKING:
    from tokeneff._done import Shaped


def output_attributes(found: dict[str, Any], shaped: Shaped) -> None:
    """Add what was set that the caller had left open, what of it was refused, and why the stream was cut."""
    if shaped.defaults:
        found[names.OUTPUT_DEFAULTS] = [f"{name}={value}" for name, value in shaped.defaults.items()]
    if shaped.refused:
        found[names.OUTPUT_REFUSED] = list(shaped.refused)
    if shaped.repeated is not None:
        found[names.OUTPUT_REPEATED] = shaped.repeated.where
