"""Metrics, read from the SDK at each interval and sent by the courier."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics.export import MetricReader, MetricsData

from tokeneff.otel._courier import Courier, no_fork
from tokeneff.otel._outlet import Make, Outlet

if TYPE_CHECKING:
    from tokeneff.otel._settings import Settings, Signal


class MetricPump(MetricReader):
    """Collects all metrics and hands them to the outlet, in the courier's thread."""

    def __init__(self, settings: Settings, signal: Signal, make: Make) -> None:
        # Temporality and aggregation are the exporter's to choose: it reads the OTEL_EXPORTER_OTLP_METRICS_* variables.
        model = make(signal.timeout)
        super().__init__(
            preferred_temporality=getattr(model, "_preferred_temporality", None),
            preferred_aggregation=getattr(model, "_preferred_aggregation", None),
        )
        self._exit_timeout = settings.exit_timeout
        self._outlet = Outlet(signal, make)
        self._collected: MetricsData | None = None
        self.courier = Courier(
            "tokeneff-otel-metrics",
            signal.interval,
            self._deliver,
            interrupt=self._outlet.interrupt,
            in_child=self._outlet.in_child,
        )

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> None:
        self._collected = metrics_data

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self.courier.flush(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Send the last state, for at most the exit timeout."""
        deadline = monotonic() + min(timeout_millis / 1000, self._exit_timeout)
        self.courier.stop(deadline)
        self.close(deadline)

    def close(self, deadline: float) -> bool:
        """Wait for the last delivery until *deadline*, and report it when it did not arrive."""
        complete = self.courier.finished(deadline)
        if not complete:
            self._outlet.report("Metrics", "the process ended before the last ones were taken")
        return complete

    def _deliver(self, deadline: float | None) -> bool:
        with no_fork():  # while the SDK holds the locks of its instruments
            self._collected = None
            self.collect()
            data, self._collected = self._collected, None
        if data is None:
            return True
        reason = self._outlet.send(data, deadline)
        if reason is not None and (deadline is not None or not self.courier.stopped):
            self._outlet.report("Metrics", reason)
        return reason is None
