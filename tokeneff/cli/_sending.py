"""What would be sent where: the variables that are set, the collectors they name, and whether those listen."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from tokeneff._masked import masked
from tokeneff.cli._versions import Problem
from tokeneff.otel import Settings, Signal, resolve
from tokeneff.telemetry.content import ENVIRONMENT, capture_mode

_PREFIXES = ("OTEL_", "TOKENEFF_", "OPENAI_", "ANTHROPIC_", "AZURE_OPENAI_")
_SECRET = re.compile(r"(?:^|_)(?:API)?(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)(?:_|$)")
_CONTENT = {
    "NO_CONTENT": "off",
    "SPAN_ONLY": "on spans",
    "EVENT_ONLY": "on events",
    "SPAN_AND_EVENT": "on spans and events",
}
_CONNECT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Collector:
    """Where `configure_otel()` would send one signal; `listening` is None where it was not tried."""

    signal: str
    endpoint: str
    configured: bool
    listening: bool | None


def environment(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that play a part, with secrets masked."""
    return {name: _masked(name, variables[name]) for name in sorted(variables) if name.startswith(_PREFIXES)}


def content_capture() -> str:
    """Return whether prompts and replies are recorded, as the environment says."""
    return _CONTENT[capture_mode()]


def collectors() -> tuple[list[Collector], list[Problem]]:
    """Return where each signal would go, and what stands in its way."""
    try:
        settings = resolve()
    except ValueError as error:
        return [], [Problem("error", f"nothing can be sent: {error}", "correct the variable, or unset it")]
    problems = _problems(settings)
    found = [_collector(signal) for signal in (settings.traces, settings.metrics) if signal]
    deaf = {collector.endpoint for collector in found if collector.listening is False}
    for place in sorted({_server(endpoint) for endpoint in deaf}):
        problems.append(
            Problem(
                "error", f"nothing listens at {place}", "start the collector, or correct OTEL_EXPORTER_OTLP_ENDPOINT"
            )
        )
    if any(collector.configured for collector in found) and not _has_exporter():
        what = "an OTLP endpoint is set, but the exporter is not installed"
        problems.append(Problem("error", what, "pip install 'tokeneff[otlp]'"))
    return found, problems


def _problems(settings: Settings) -> list[Problem]:
    problems: list[Problem] = []
    if settings.disabled:
        what = "OTEL_SDK_DISABLED=true: no span and no metric is recorded"
        problems.append(Problem("warning", what, "unset it to record"))
    if os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower().endswith("always_off"):
        what = f"OTEL_TRACES_SAMPLER={os.environ['OTEL_TRACES_SAMPLER']}: no trace of our own is recorded"
        problems.append(Problem("warning", what, "unset it, or choose parentbased_always_on"))
    told = os.environ.get(ENVIRONMENT, "").strip()
    if told and content_capture() == "off" and told.lower() not in ("no_content", "false", "0"):
        what = f"{ENVIRONMENT}={told!r} is not known; content is not recorded"
        problems.append(Problem("warning", what, f"choose from {', '.join(_CONTENT)}"))
    for name, ours in (("OTEL_TRACES_EXPORTER", settings.traces), ("OTEL_METRICS_EXPORTER", settings.metrics)):
        named = os.environ.get(name, "").strip().lower()
        if ours and named not in ("", "otlp"):
            what = f"{name}={named}, but configure_otel() sends OTLP only"
            do = f"set it to otlp or none, or give wrap() a provider of your own that uses {named}"
            problems.append(Problem("warning", what, do))
    return problems


def _collector(signal: Signal) -> Collector:
    own = f"OTEL_EXPORTER_OTLP_{signal.kind.upper()}_ENDPOINT"
    configured = any(os.environ.get(name, "").strip() for name in (own, "OTEL_EXPORTER_OTLP_ENDPOINT"))
    return Collector(signal.kind, signal.place, configured, _listens(signal.endpoint) if configured else None)


def _listens(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_SECONDS):
            return True
    except (OSError, UnicodeError):
        return False


def _server(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"


def _has_exporter() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def _masked(name: str, value: str) -> str:
    if name.endswith("_HEADERS"):
        return ",".join(f"{pair.partition('=')[0].strip()}=****" for pair in value.split(",") if pair.strip())
    if _SECRET.search(name):
        return f"**** ({len(value)} characters)" if value else ""
    return masked(value) if "://" in value else value
