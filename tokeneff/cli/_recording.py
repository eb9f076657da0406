"""Spans kept in memory to be shown, and sent to a collector where one is named."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import tokeneff
from tokeneff.cli._output import Output, UsageError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tokeneff.ledger import Ledger
    from tokeneff.otel import OtelSetup

_FLUSH_SECONDS = 5.0


class Recording:
    """OpenTelemetry providers of a command's own; the process's global ones stay as they are.

    Args:
        endpoint: the collector's URL; nothing is sent where None.
        keep: whether to keep the spans for `spans()`.
        ledger: where calls are put on record; nowhere if not given, whatever `TOKENEFF_LEDGER` says: calls that a
            command makes up are no calls of the user's.
    """

    def __init__(self, endpoint: str | None = None, *, keep: bool = True, ledger: Ledger | None = None) -> None:
        self._ledger: Ledger | Literal[False] = False if ledger is None else ledger
        self.otel: OtelSetup | None = collector(endpoint) if endpoint else None
        self._memory: Any = None
        self._patient = True
        self.provider: Any = self.otel.tracer_provider if self.otel else None
        if keep:
            self._remember()

    @property
    def tracer(self) -> Any:
        """A tracer for the command's own spans."""
        return self.provider.get_tracer("tokeneff.cli")

    def wrap(self, client: Any) -> Any:
        """Return the client wrapped, recording here."""
        meters = None if self.otel is None else self.otel.meter_provider
        return tokeneff.wrap(client, tracer_provider=self.provider, meter_provider=meters, ledger=self._ledger)

    def spans(self) -> list[ReadableSpan]:
        """Return the spans that have ended so far."""
        return list(self._memory.get_finished_spans())

    def flush(self) -> None:
        """Let the collector take what there is; a collector that does not is not waited for again."""
        if self.otel is not None and self._patient:
            self._patient = self.otel.flush(_FLUSH_SECONDS)

    def report(self, out: Output) -> bool:
        """Say how many spans arrived at the collector, if there is one, and return whether all did."""
        if self.otel is None:
            return True
        place = self.otel.settings.traces.place if self.otel.settings.traces else "nowhere"
        sent, lost = self.otel.sent_spans, self.otel.lost_spans
        out.note(f"{sent:,} spans sent to {place}" + (f"; {lost:,} LOST: is that a collector?" if lost else ""))
        return not lost

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.otel is not None:
            self.otel.shutdown(_FLUSH_SECONDS if kind is None else None)

    def _remember(self) -> None:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        if self.provider is None:
            self.provider = TracerProvider(shutdown_on_exit=False)
        self._memory = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._memory))


def collector(endpoint: str) -> OtelSetup:
    """Return what sends to a collector; raises `UsageError` where it cannot be set up."""
    try:
        return tokeneff.configure_otel(endpoint, service_name="tokeneff", set_global=False)
    except (ValueError, ImportError, tokeneff.TokeneffError) as error:
        raise UsageError(f"--otlp: {error}") from error
