"""The ways of wrapping that must all leave a client what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tokeneff
from probing.lab import Lab

Make = Callable[[], Any]


@dataclass(frozen=True)
class Wrapping:
    """A name, and how a client is made so wrapped."""

    name: str
    client: Callable[[Make], Any]
    counts: bool = True

    def begin(self, lab: Lab) -> None:
        """A run begins."""

    def seen(self, lab: Lab) -> int | None:
        """The calls in the totals, or ``None`` where nobody counts."""
        return tokeneff.usage(lab.client).total.calls if self.counts else None


def bare(make: Make) -> Any:
    return make()


def plain(make: Make) -> Any:
    return tokeneff.wrap(make())


def _providers() -> dict[str, Any]:
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    return {
        "tracer_provider": tracers,
        "meter_provider": MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False),
    }


def traced(make: Make) -> Any:
    return tokeneff.wrap(make(), **_providers())


def told(make: Make) -> Any:
    """All that can be recorded, recorded, and all looked at for what could be left out of it."""
    return tokeneff.wrap(
        make(), **_providers(), capture_content=True, compat="openinference", mask=lambda value, name: value, trim=True
    )


def installed(make: Make) -> Any:
    tokeneff.install()
    try:
        return make()
    finally:
        tokeneff.uninstall()


def unwrapped(make: Make) -> Any:
    return tokeneff.unwrap(traced(make))


BARE = Wrapping("bare", bare, counts=False)
FULL = Wrapping("content", told)
INSTALLED = Wrapping("installed", installed)
WRAPPINGS = (
    Wrapping("plain", plain),
    Wrapping("traced", traced),
    FULL,
)
EITHER = (INSTALLED, Wrapping("unwrapped", unwrapped, counts=False))
SOME = (FULL,)
"""For kinds of clients beside the plain ones."""
