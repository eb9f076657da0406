"""Whether the messages of a call are told, to whom, and in what form."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from typing import Any, Literal, TypeAlias, get_args

from tokeneff._log import log_once
from tokeneff._plain import plain, sound

Mode: TypeAlias = Literal["NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT"]
Mask: TypeAlias = Callable[[Any, str], Any]

MODES: tuple[Mode, ...] = get_args(Mode)
ENVIRONMENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EVENT = "gen_ai.client.inference.operation.details"

# "true" and "false" are what the variable took before there were events to choose.
_SWITCH: dict[str, Mode] = {"true": "SPAN_ONLY", "1": "SPAN_ONLY", "false": "NO_CONTENT", "0": "NO_CONTENT"}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=plain)


def capture_mode(argument: bool | str | None = None) -> Mode:
    """Where messages are told: nowhere, on spans, in events, or in both.

    >>> capture_mode(True)
    'SPAN_ONLY'

    Args:
        argument: ``capture_content=`` as the user gave it: ``True`` (on spans), ``False``, the name of a mode in any
            case, or ``None`` for what ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says; it takes the same
            names, and ``true`` or ``false``.

    Raises:
        ValueError: the argument is none of these. (A wrong value of the variable is logged once, and captures nothing.)
    """
    if argument is True:
        return "SPAN_ONLY"
    if argument is False:
        return "NO_CONTENT"
    if argument is not None:
        named = _mode(argument) if isinstance(argument, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]
        if named is None:
            raise ValueError(f"capture_content={argument!r}; choose True, False, None, or one of {', '.join(MODES)}")
        return named
    told = os.environ.get(ENVIRONMENT, "").strip()
    named = _mode(told) or _SWITCH.get(told.lower())
    if named is None and told:
        log_once((ENVIRONMENT, told), "%s=%r captures nothing; choose one of %s", ENVIRONMENT, told, ", ".join(MODES))
    return named or "NO_CONTENT"


def _mode(name: str) -> Mode | None:
    upper = name.strip().upper()
    return upper if upper in MODES else None


@dataclass(frozen=True, slots=True)
class Capture:
    """What becomes of the messages of a client's calls."""

    mode: Mode = "NO_CONTENT"
    mask: Mask | None = None

    @property
    def spans(self) -> bool:
        """Whether messages go on spans."""
        return self.mode in ("SPAN_ONLY", "SPAN_AND_EVENT")

    @property
    def events(self) -> bool:
        """Whether messages go in events."""
        return self.mode in ("EVENT_ONLY", "SPAN_AND_EVENT")

    @property
    def wanted(self) -> bool:
        """Whether messages are to be gathered at all."""
        return self.mode != "NO_CONTENT"

    def masked(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """What the user's mask leaves of the content."""
        return masked(self.mask, content)


def masked(mask: Mask | None, content: Mapping[str, Any]) -> dict[str, Any]:
    """The content as the user's mask leaves it.

    >>> masked(lambda value, kind: "***", {"gen_ai.input.messages": [{"role": "user", "parts": []}]})
    {'gen_ai.input.messages': '***'}

    Args:
        mask: called with each value, not yet serialised, and its attribute's name; returns what is told in its
            place, ``None`` for nothing. It may change the value in place. What it cannot mask (it raises) is not told.
        content: attribute names to values.
    """
    if mask is None:
        return dict(content)
    left: dict[str, Any] = {}
    for kind, value in content.items():
        try:
            kept = mask(value, kind)
        except Exception as fault:  # noqa: BLE001 - the mask is the user's
            # Neither the fault's text nor its traceback: they may quote what was to be masked.
            name = type(fault).__name__
            log_once(("mask", kind, name), "the mask raised %s on %s, which is therefore left out", name, kind)
            continue
        if kept is not None:
            left[kind] = kept
    return left


def to_json(value: object) -> str:
    """Compact JSON of any value, in valid UTF-8. Never raises.

    >>> to_json([{"role": "user", "n": float("nan")}])
    '[{"role":"user","n":"NaN"}]'
    """
    try:
        return sound(_ENCODER.encode(value))
    except Exception:  # noqa: BLE001 - keys that JSON has not, NaN, cycles, depth: what `plain` is for
        try:
            return sound(_ENCODER.encode(plain(value)))
        except Exception:  # noqa: BLE001 - the stack is at its end, perhaps
            return f'"{type(value).__name__}"'


def emit_event(logger: Any, attributes: Mapping[str, Any], content: Mapping[str, Any], context: Any = None) -> None:
    """Send one ``gen_ai.client.inference.operation.details`` event: the call's attributes, and its content as data.

    Args:
        logger: of ``opentelemetry._logs``; one that has no SDK behind it does nothing.
        attributes: those of the call's span. content: attribute names to values, masked already.
        context: the OpenTelemetry context that the call's span is current in.
    """
    from opentelemetry._logs import SeverityNumber

    kind = _record_type(logger)
    known = _parameters(kind)
    told: dict[str, Any] = dict(attributes)
    # Events need no severity, but the exporters of before 1.37 fail on a record without one.
    record: dict[str, Any] = {"timestamp": time.time_ns(), "severity_number": SeverityNumber.INFO, "attributes": told}
    if "event_name" in known:
        record["event_name"] = EVENT
        told.update({name: plain(value) for name, value in content.items()})
    else:
        # Before 1.35, records have no name, and attributes no structure.
        told["event.name"] = EVENT
        told.update({name: to_json(value) for name, value in content.items()})
    if "context" in known:
        record["context"] = context
    else:
        record.update(_trace_ids(context))
    if "resource" in known:
        record["resource"] = getattr(logger, "resource", None) or getattr(logger, "_resource", None)
    logger.emit(kind(**record))


def _record_type(logger: object) -> Any:
    """The record class that this logger's SDK takes: its own, up to 1.38, without our importing it."""
    from opentelemetry._logs import LogRecord

    return getattr(sys.modules.get(type(logger).__module__), "LogRecord", LogRecord)


@lru_cache(maxsize=16)
def _parameters(kind: Any) -> frozenset[str]:
    return frozenset(signature(kind.__init__).parameters)


def _trace_ids(context: Any) -> dict[str, Any]:
    from opentelemetry.trace import get_current_span

    current = get_current_span(context).get_span_context()
    return {"trace_id": current.trace_id, "span_id": current.span_id, "trace_flags": current.trace_flags}
