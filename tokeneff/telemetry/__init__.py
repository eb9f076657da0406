"""One span and the conventions' metrics for every call: the outermost policy."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import metrics as otel_metrics
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from tokeneff._duplicates import SUPPRESSED, claim, owner, unpatched
from tokeneff._flow import Call, Effect, Outcome, forward
from tokeneff._last import begun
from tokeneff._log import log_once
from tokeneff._version import __version__
from tokeneff.telemetry import names
from tokeneff.telemetry.content import Capture
from tokeneff.telemetry.lending import Lending
from tokeneff.telemetry.metrics import Extra, Instruments, instruments
from tokeneff.telemetry.spans import add_events, end_attributes, error_text, span_name, start_attributes
from tokeneff.totals import Totals

if TYPE_CHECKING:
    from tokeneff.totals import Totals

_NOTHING = Capture()


class Telemetry:
    """Spans and metrics of one wrapping, to the providers that it was given or to the global ones."""

    def __init__(
        self,
        totals: Totals,
        tracer_provider: Any = None,
        meter_provider: Any = None,
        *,
        capture: Capture = _NOTHING,
        compat: str | None = None,
        metric_tags: tuple[str, ...] = (),
    ) -> None:
        self._totals = totals
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._capture = capture
        self._compat = compat
        self._metric_tags = metric_tags
        self._tracers: tuple[Any, Tracer | None] = (None, None)

    def provider(self) -> Any:
        """The tracer provider in use, or ``None`` where none is set."""
        provider = self._tracer_provider or _global(trace.get_tracer_provider)
        return None if type(provider) is trace.ProxyTracerProvider else provider

    def tracer(self) -> Tracer | None:
        """The tracer, or ``None`` where no provider is set."""
        provider = self.provider()
        if provider is None:
            return None
        known, tracer = self._tracers
        if known is not provider:
            tracer = provider.get_tracer("tokeneff", __version__)
            self._tracers = (provider, tracer)
        return tracer

    def instruments(self) -> Instruments | None:
        """The instruments, or ``None`` where no provider is set."""
        provider = self._meter_provider or _global(otel_metrics.get_meter_provider)
        if provider is None or type(provider).__name__ in ("_ProxyMeterProvider", "NoOpMeterProvider"):
            return None
        return instruments(provider)

    def observed(self) -> bool:
        """Whether anything that a call would tell goes anywhere."""
        return self.provider() is not None or self.instruments() is not None

    def policy(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """The policy: a span around the call, or attributes on the span of whoever already traces it."""
        box = begun(self._totals)
        tracer, meters = self.tracer(), self.instruments()
        if tracer is None and meters is None:
            outcome = yield from forward(call)
        else:
            outcome = yield from self._observed(call, tracer, meters)
        self._totals.add(call, outcome)
        box.over(call, outcome, self._totals.price)
        return outcome

    def _observed(
        self, call: Call, tracer: Tracer | None, meters: Instruments | None
    ) -> Generator[Effect, Any, Outcome]:
        site = call.family.site(call.client)
        start = start_attributes(call, site)
        span, lending, shipped = None, None, True
        if tracer is not None:
            other = owner(call.endpoint.operation, raw_stream=call.stream and call.raw is not None)
            shipped = other is None or not other.metrics
            if other is not None and other.name == SUPPRESSED:
                meters = None
            if other is not None and other.traces:
                lending = Lending(other, call)
                call = call.with_(scope=claim(otel_context.get_current()), begun=lending.begun)
            else:
                span, call = _begin(tracer, call, start)
        outcome = yield from forward(call)
        try:
            if lending is not None:
                lending.end(outcome)
                if tracer is not None and lending.untold(outcome):
                    span = _late(tracer, call, start, outcome)
            if span is not None and span.is_recording():
                self._end(span, call, outcome, site.provider)
        finally:
            if meters is not None:
                # Of a stream that was not read to its end, who was muted records nothing.
                shipped = shipped or (span is not None and outcome.ending in ("broken_off", "dropped", "cancelled"))
                meters.record(call, outcome, start, call.scope, Extra(self._dimensions(call), shipped))
        return outcome

    def _end(self, span: Span, call: Call, outcome: Outcome, provider: str) -> None:
        found = end_attributes(call, outcome)
        if self._capture.wanted or self._compat is not None:
            self._content(found, call, outcome, provider, span)
        span.set_attributes(found)
        add_events(span.add_event, outcome)
        if outcome.failure is not None:
            span.set_status(Status(StatusCode.ERROR, error_text(outcome)))
        span.end()

    def _content(self, found: dict[str, Any], call: Call, outcome: Outcome, provider: str, span: Any) -> None:
        from tokeneff.telemetry.capture import add_content

        try:
            add_content(
                found, call, outcome, provider, capture=self._capture, overlay=self._compat, span=span, scope=call.scope
            )
        except Exception as fault:  # noqa: BLE001 - the counts still go out
            log_once("content", "messages could not be captured: %s", type(fault).__name__)

    def _dimensions(self, call: Call) -> dict[str, Any]:
        tags = call.tags
        return {names.TAG + key: tags[key] for key in self._metric_tags if key in tags}


def _begin(tracer: Tracer, call: Call, start: Mapping[str, Any]) -> tuple[Span, Call]:
    """Our span for this call, current while it is sent past those who would make another."""
    method = unpatched(call.method)
    current = otel_context.get_current()  # said to the tracer, which would look it up three times
    span = tracer.start_span(span_name(start), context=current, kind=SpanKind.CLIENT, attributes=start)
    scope = claim(trace.set_span_in_context(span, current), method)
    return span, call.with_(scope=scope, method=method)


def _late(tracer: Tracer, call: Call, start: Mapping[str, Any], outcome: Outcome) -> Span:
    """Our span for a call that is over, of which its owner has made none."""
    began = time.time_ns() - int((time.perf_counter() - outcome.started) * 1e9)
    return tracer.start_span(
        span_name(start), context=call.scope, kind=SpanKind.CLIENT, attributes=start, start_time=began
    )


def _global(get: Callable[[], Any]) -> Any:
    """A global provider; ``None`` where the environment names one that cannot be loaded."""
    try:
        return get()
    except Exception as fault:  # noqa: BLE001 - OpenTelemetry raises whatever loading its entry points raises
        log_once("provider", "OpenTelemetry's global provider could not be loaded: %r", fault)
        return None
