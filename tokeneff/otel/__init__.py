"""Send spans and metrics to an OTLP/HTTP collector, without ever holding up a call or the end of the process."""

from __future__ import annotations

from tokeneff.errors import OtelAlreadyConfigured
from tokeneff.otel._settings import Settings, Signal, resolve
from tokeneff.otel._setup import OtelSetup, configure_otel

__all__ = ["OtelAlreadyConfigured", "OtelSetup", "Settings", "Signal", "configure_otel", "resolve"]
