"""Messages on spans and in events, and the OpenInference attributes on top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._flow import Call, Outcome
from tokeneff._version import __version__
from tokeneff.telemetry import names
from tokeneff.telemetry.content import Capture, emit_event, to_json


def add_content(
    found: dict[str, Any],
    call: Call,
    outcome: Outcome,
    provider: str,
    *,
    capture: Capture,
    overlay: str | None,
    span: Any,
    scope: Any,
    logger_provider: Any = None,
) -> None:
    """Add to a span's attributes what the user asked to see of the messages.

    Args:
        found: the attributes so far, which are added to.
        capture: where messages go, and the mask they pass before.
        overlay: ``"openinference"`` for that convention's attributes, counts included.
        span: the span that they are for.
        scope: the OpenTelemetry context of the call's span.
        logger_provider: where events go; OpenTelemetry's global provider unless told.
    """
    content = capture.masked(gathered(call, outcome)) if call.capture and capture.wanted else {}
    if content and capture.events:
        _event(found, content, scope, logger_provider)
    seen = content if capture.spans else {}
    if overlay == "openinference":
        from tokeneff.telemetry import openinference

        room = openinference.room_on(span, len(found) + len(seen))
        found.update(openinference.overlay(call, outcome, seen, provider, room=room))
    for name, value in seen.items():
        found[name] = to_json(value)


def gathered(call: Call, outcome: Outcome) -> dict[str, Any]:
    """The messages of a call and of its reply, as attribute names and values that are not serialised yet."""
    content = call.endpoint.content
    if content is None:
        return {}
    body: Mapping[str, Any] = outcome.sent if outcome.sent is not None else call.body
    found = dict(content.request(body))
    if outcome.facts.output:
        found[names.OUTPUT_MESSAGES] = list(outcome.facts.output)
    return found


def _event(found: Mapping[str, Any], content: Mapping[str, Any], scope: Any, logger_provider: Any) -> None:
    from opentelemetry._logs import get_logger

    emit_event(get_logger("tokeneff", __version__, logger_provider), found, content, scope)
