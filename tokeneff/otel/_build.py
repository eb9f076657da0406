"""The SDK's objects that ``configure_otel`` puts together; imported when it is called, since the SDK is heavy."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from multiprocessing import util
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider

from tokeneff.errors import OtelAlreadyConfigured
from tokeneff.otel._metrics import MetricPump
from tokeneff.otel._outlet import exporter_of
from tokeneff.otel._setup import OtelSetup
from tokeneff.otel._spans import SpanQueue

if TYPE_CHECKING:
    from tokeneff.otel._settings import Settings


def make_resource(given: Any, service_name: Any) -> Resource:
    if given is not None and not isinstance(given, (Mapping, Resource)):
        raise ValueError(f"resource must be a mapping of attributes or a Resource, not {type(given).__name__}")
    if service_name is not None and (not isinstance(service_name, str) or not service_name.strip()):
        raise ValueError(f"service_name must be a text that is not empty, not {service_name!r}")
    named: dict[str, Any] = {} if service_name is None else {SERVICE_NAME: service_name}
    if isinstance(given, Resource):
        return Resource.create().merge(given).merge(Resource(named))
    return Resource.create({**(given or {}), **named})


def build(settings: Settings, resource: Resource) -> OtelSetup:
    tracer_provider = meter_provider = spans = pump = None
    if settings.traces and not settings.disabled:
        spans = SpanQueue(settings, settings.traces, exporter_of(settings, settings.traces))
    if settings.metrics and not settings.disabled:
        pump = MetricPump(settings, settings.metrics, exporter_of(settings, settings.metrics))
    # Not `shutdown_on_exit`: each provider would wait for itself, one after the other; `OtelSetup` ends both at once.
    if settings.traces:
        tracer_provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        if spans:
            tracer_provider.add_span_processor(spans)
    if settings.metrics:
        readers = [pump] if pump else []
        meter_provider = MeterProvider(metric_readers=readers, resource=resource, shutdown_on_exit=False)
    setup = OtelSetup(tracer_provider, meter_provider, settings, resource, spans, pump)
    for part in (spans, pump):
        if part is not None:
            part.courier.start()
    if spans or pump:
        atexit.register(setup.shut_down_at_exit)
        util.register_after_fork(setup, _end_with_worker)
    return setup


def _end_with_worker(setup: OtelSetup) -> None:
    """A forked ``multiprocessing`` worker ends without ``atexit``; this is what it runs instead."""
    util.Finalize(None, setup.shut_down_at_exit, exitpriority=10)


def claim_global(mine: OtelSetup | None, settings: Settings, resource: Resource) -> OtelSetup | None:
    """The handle that is global already, when it is the very same; ``None`` when the place is free."""
    taken: list[str] = []
    tracer_provider, meter_provider = trace.get_tracer_provider(), metrics.get_meter_provider()
    if settings.traces and not isinstance(tracer_provider, trace.ProxyTracerProvider):
        taken.append(f"TracerProvider ({_name(tracer_provider)})")
    if settings.metrics and type(meter_provider).__name__ != "_ProxyMeterProvider":
        taken.append(f"MeterProvider ({_name(meter_provider)})")
    if not taken:
        return None
    ours = mine is not None and (tracer_provider is mine.tracer_provider or meter_provider is mine.meter_provider)
    if mine is not None and ours:
        if mine.active and mine.settings == settings and mine.resource == resource:
            return mine
        what = "with other settings" if mine.active else "and was shut down"
        raise OtelAlreadyConfigured(
            f"configure_otel has been called before {what}, and OpenTelemetry does not let a global provider be "
            f"replaced: call it once per process, {_INSTEAD}"
        )
    raise OtelAlreadyConfigured(
        f"a global {' and a global '.join(taken)} is set already, and OpenTelemetry does not let it be replaced: "
        f"leave configure_otel out, since wrap() uses what is global, {_INSTEAD}"
    )


_INSTEAD = (
    "or use the handle: otel = configure_otel(..., set_global=False), then "
    "wrap(client, tracer_provider=otel.tracer_provider, meter_provider=otel.meter_provider)"
)


def _name(provider: object) -> str:
    return f"{type(provider).__module__}.{type(provider).__qualname__}"


def set_global_providers(setup: OtelSetup) -> None:
    if setup.tracer_provider is not None:
        trace.set_tracer_provider(setup.tracer_provider)
    if setup.meter_provider is not None:
        metrics.set_meter_provider(setup.meter_provider)
