"""``configure_otel`` and the handle it returns."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from tokeneff import _reaper
from tokeneff.otel._settings import EXIT_TIMEOUT, Settings, resolve

if TYPE_CHECKING:
    from types import TracebackType

    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    from tokeneff.otel._metrics import MetricPump
    from tokeneff.otel._spans import SpanQueue

AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]

_lock = threading.Lock()
_global: OtelSetup | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class OtelSetup:
    """What :func:`configure_otel` has set up: the two providers, and the way to flush and end them.

    Example::

        with tokeneff.configure_otel("http://localhost:4318", set_global=False) as otel:
            client = tokeneff.wrap(
                OpenAI(), tracer_provider=otel.tracer_provider, meter_provider=otel.meter_provider
            )

    Attributes:
        tracer_provider: the SDK's provider whose spans are sent; ``None`` where traces are off.
        meter_provider: the SDK's provider whose metrics are sent; ``None`` where metrics are off.
        settings: where each signal goes and how often, as it came out of arguments and environment.
    """

    tracer_provider: TracerProvider | None
    meter_provider: MeterProvider | None
    settings: Settings
    resource: Resource = field(repr=False)
    _spans: SpanQueue | None = field(repr=False)
    _metrics: MetricPump | None = field(repr=False)

    @property
    def sent_spans(self) -> int:
        """How many spans the collector has taken from this process."""
        return self._spans.sent if self._spans else 0

    @property
    def lost_spans(self) -> int:
        """How many spans of this process did not and will not arrive: queue full, collector dead, process ended."""
        return self._spans.lost if self._spans else 0

    @property
    def active(self) -> bool:
        """Whether it still sends: not shut down."""
        return not any(part.courier.stopped for part in self._parts())

    def flush(self, timeout: float = 5.0) -> bool:
        """Send what was gathered so far, and return whether all of it has arrived.

        Args:
            timeout: seconds to wait at most; when they are over the answer is ``False`` and sending goes on.
        """
        deadline = monotonic() + timeout
        orders = [(part.courier, part.courier.order_flush()) for part in self._parts()]
        answers = [courier.flushed(order, deadline) for courier, order in orders]
        return all(answers)

    def shutdown(self, timeout: float | None = None) -> bool:
        """Send what was gathered so far and end; runs by itself when the process ends, and a second time does nothing.

        Args:
            timeout: seconds to wait at most; unless told, the ``exit_timeout`` of :func:`configure_otel`. What has not
                arrived by then is given up, counted in ``lost_spans`` and logged once.
        """
        deadline = monotonic() + (self.settings.exit_timeout if timeout is None else timeout)
        atexit.unregister(self.shut_down_at_exit)
        parts = self._parts()
        ending = [part for part in parts if not part.courier.stopped]
        for part in ending:  # both at once, so that they share the time
            part.courier.stop(deadline)
        answers = [part.close(deadline) for part in parts]
        # For what the application itself has added to the providers; ours have ended and return at once.
        if self.tracer_provider is not None and self._spans in ending:
            self.tracer_provider.shutdown()
        if self.meter_provider is not None and self._metrics in ending:
            self.meter_provider.shutdown()
        return all(answers)

    def shut_down_at_exit(self) -> None:
        """End as the process does: replies that were never read to their end become spans first."""
        _reaper.end_all()
        self.shutdown()

    def __enter__(self) -> OtelSetup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def _parts(self) -> list[SpanQueue | MetricPump]:
        return [part for part in (self._spans, self._metrics) if part is not None]


def configure_otel(
    endpoint: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    service_name: str | None = None,
    resource: Mapping[str, AttributeValue] | Resource | None = None,
    metrics: bool | None = None,
    traces: bool | None = None,
    set_global: bool = True,
    export_interval: float | None = None,
    timeout: float | None = None,
    queue_size: int | None = None,
    exit_timeout: float = EXIT_TIMEOUT,
) -> OtelSetup:
    """Send spans and metrics to an OTLP/HTTP collector; a dead, slow or full one delays neither a call nor the exit.

    Example::

        tokeneff.configure_otel("http://localhost:4318", service_name="my-service")
        client = tokeneff.wrap(OpenAI())

    The end of a span only puts it into a bounded queue; a thread sends it. When the process ends, what is left is sent
    for at most *exit_timeout* seconds. What cannot be sent is counted, logged once on the ``tokeneff`` logger, and
    never raised. After a fork (gunicorn ``--preload``, ``multiprocessing``) each child sends its own.

    Every argument left out comes from its standard variable, and what is passed wins over the environment. The other
    ``OTEL_*`` variables hold as well: ``OTEL_SDK_DISABLED``, ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_TRACES_SAMPLER``,
    ``OTEL_BSP_*``, ``OTEL_EXPORTER_OTLP_COMPRESSION``, ``…_CERTIFICATE``, ``…_METRICS_TEMPORALITY_PREFERENCE``.

    Args:
        endpoint: the collector's base URL, to which ``/v1/traces`` and ``/v1/metrics`` are added (a URL that ends so
            already is understood). Else ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` and ``…_METRICS_ENDPOINT`` (used as
            they are), ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``http://localhost:4318``.
        headers: sent with each request, such as an API key; else ``OTEL_EXPORTER_OTLP_HEADERS``.
        service_name: how backends name this program; else ``OTEL_SERVICE_NAME``.
        resource: further resource attributes, or a whole ``Resource``; over ``OTEL_RESOURCE_ATTRIBUTES``.
        metrics: whether to send metrics; else yes, unless ``OTEL_METRICS_EXPORTER=none``.
        traces: whether to send spans; else yes, unless ``OTEL_TRACES_EXPORTER=none``.
        set_global: make the providers OpenTelemetry's global ones, which everything uses that was given no other.
            With ``False``, pass those of the returned handle to :func:`tokeneff.wrap`.
        export_interval: seconds between two deliveries; else ``OTEL_BSP_SCHEDULE_DELAY`` (5 s) for spans and
            ``OTEL_METRIC_EXPORT_INTERVAL`` (60 s) for metrics.
        timeout: seconds for one delivery with its retries; else ``OTEL_EXPORTER_OTLP_TIMEOUT`` (10 s).
        queue_size: spans kept while they wait, further ones are lost; else ``OTEL_BSP_MAX_QUEUE_SIZE`` (2048).
        exit_timeout: seconds that the end of the process may be held.

    Returns:
        The handle; with the same arguments again, the same handle.

    Raises:
        ValueError: an argument, or an endpoint variable, cannot be used; the text says what to write.
        ImportError: the exporter is not installed; the text names the extra.
        OtelAlreadyConfigured: *set_global* is on and the application has set a global provider before. OpenTelemetry
            lets nobody replace it, so these spans would go elsewhere in silence.
    """
    settings = resolve(
        endpoint,
        headers=headers,
        traces=traces,
        metrics=metrics,
        export_interval=export_interval,
        timeout=timeout,
        queue_size=queue_size,
        exit_timeout=exit_timeout,
    )
    from tokeneff.otel._build import build, claim_global, make_resource, set_global_providers

    described = make_resource(resource, service_name)
    global _global
    with _lock:
        if set_global and (same := claim_global(_global, settings, described)):
            return same
        setup = build(settings, described)
        if set_global:
            set_global_providers(setup)
            _global = setup
    return setup
