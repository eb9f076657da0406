"""Other tools that trace the same calls, and which of the two makes the span."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from tokeneff.cli._versions import Problem, version

Steps = Literal["tokeneff", "it", "nobody"]

_PEERS: dict[str, tuple[str, Steps]] = {
    "opentelemetry-instrumentation-genai-openai": ("OpenTelemetry's own, for OpenAI", "tokeneff"),
    "opentelemetry-instrumentation-genai-anthropic": ("OpenTelemetry's own, for Anthropic", "tokeneff"),
    "opentelemetry-instrumentation-openai-v2": ("OpenTelemetry's own, older", "tokeneff"),
    "opentelemetry-instrumentation-openai": ("OpenLLMetry, for OpenAI", "tokeneff"),
    "opentelemetry-instrumentation-anthropic": ("OpenLLMetry, for Anthropic", "it"),
    "openinference-instrumentation-openai": ("OpenInference, for OpenAI", "it"),
    "openinference-instrumentation-anthropic": ("OpenInference, for Anthropic", "tokeneff"),
    "logfire": ("Logfire", "it"),
    "langfuse": ("Langfuse", "tokeneff"),
    "openlit": ("OpenLIT", "nobody"),
    "ddtrace": ("Datadog", "nobody"),
    "weave": ("Weave", "nobody"),
    "braintrust": ("Braintrust", "nobody"),
    "langsmith": ("LangSmith", "nobody"),
}


@dataclass(frozen=True, slots=True)
class Peer:
    """An installed tool that can trace model calls; `steps_back` says who does when both are active."""

    package: str
    name: str
    version: str
    steps_back: Steps


def peers() -> list[Peer]:
    """Return the known tools that are installed."""
    return [
        Peer(package, name, found, steps) for package, (name, steps) in _PEERS.items() if (found := version(package))
    ]


def peer_problems(found: list[Peer]) -> list[Problem]:
    """Return the tools that would make a second span."""
    return [
        Problem(
            "warning",
            f"{peer.name} ({peer.package}) cannot be told from the application: where it traces too, two spans stand",
            "turn its tracing of the model's client off, or do not wrap that client",
        )
        for peer in found
        if peer.steps_back == "nobody"
    ]


def anthropic_tracing() -> str:
    """Return whether the Anthropic SDK traces by itself: `on`, `off`, `absent` (an older SDK) or `not installed`."""
    spec = find_spec("anthropic")  # importing it only to ask would take seconds
    folders = (spec.submodule_search_locations if spec else None) or []
    if not folders:
        return "not installed"
    if not any(Path(folder, "_tracing.py").exists() for folder in folders):
        return "absent"
    return "off" if os.environ.get("ANTHROPIC_OPEN_TELEMETRY", "").lower() == "false" else "on"
