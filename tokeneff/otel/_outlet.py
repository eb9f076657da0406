"""The SDK's own OTLP/HTTP exporters, used so that none of their waits reaches further than our thread."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from tokeneff._log import log_once
from tokeneff.otel import _hearsay

if TYPE_CHECKING:
    from tokeneff.otel._settings import Settings, Signal

_LEAST_TIMEOUT = 0.05

# The two exporters have no common type that says so, but both have export(batch) and shutdown().
Exporter = Any
Make = Callable[[float], Exporter]


class Outlet:
    """One place to send one signal to: an exporter, remade for the last delivery and in each child process."""

    def __init__(self, signal: Signal, make: Make) -> None:
        self._signal = signal
        self._make = make
        self._exporter: Exporter = None
        self._last = False

    def send(self, batch: object, deadline: float | None) -> str | None:
        """Send, and return ``None`` when it has arrived, or else why not; with a *deadline*, do not try any longer."""
        with _hearsay.listening() as heard:
            try:
                result = self._ready(deadline).export(batch)
            except Exception as error:  # noqa: BLE001 - whatever the exporter raises, it is a batch that did not arrive
                return heard.told(error)
        if result.name == "SUCCESS" and not heard.redirected:
            return None
        return heard.reason or "the exporter gives no reason"

    def _ready(self, deadline: float | None) -> Exporter:
        if deadline is not None and not self._last:
            # A new one, because the old one was shut down to cut its waits short, and its timeout cannot be changed.
            # It gets a little less than there is, so that it can still say what the trouble was.
            self._last = True
            self._exporter = self._make(max(_LEAST_TIMEOUT, 0.9 * (deadline - monotonic())))
        elif self._exporter is None:
            self._exporter = self._make(self._signal.timeout)
        return self._exporter

    def report(self, lost: str, reason: str) -> None:
        """Say in the log, once for this place, that something was lost."""
        log_once(
            ("otel", "lost", self._signal.endpoint),
            "%s, did not reach %s: %s. Calls go on, further losses are not logged.",
            lost,
            self._signal.place,
            reason,
        )

    def interrupt(self) -> None:
        """Wake the exporter from the pause before a retry; its running export then fails at once."""
        if self._exporter is not None:
            self._exporter.shutdown()

    def in_child(self) -> None:
        """A forked child must not talk on its parent's connection."""
        self._exporter = None


def exporter_of(settings: Settings, signal: Signal) -> Make:
    """How to make the exporter of a signal, for a timeout in seconds; raises when it is not installed."""
    module, name = {
        "traces": ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "OTLPSpanExporter"),
        "metrics": ("opentelemetry.exporter.otlp.proto.http.metric_exporter", "OTLPMetricExporter"),
    }[signal.kind]
    try:
        exporter = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ImportError(
            "configure_otel needs the OTLP/HTTP exporter, which is not installed: pip install 'tokeneff[otlp]'",
            name=error.name,
        ) from error
    _hearsay.listen_to(module)
    headers: Mapping[str, str] | None = dict(settings.headers) or None

    def make(timeout: float) -> Exporter:
        session = _hearsay.session(signal.kind)
        return exporter(endpoint=signal.endpoint, headers=headers, timeout=timeout, session=session)

    return make
