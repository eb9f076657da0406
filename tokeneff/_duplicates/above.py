"""Peers above ``request()``: they have begun when our call begins, and may own its span."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final, Literal, cast
from weakref import WeakSet

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracer, Span

from tokeneff._duplicates.beneath import SUPPRESS, SUPPRESS_PLAIN
from tokeneff._log import log_once

SCOPE: Final = "tokeneff"
SUPPRESSED: Final = "suppressed"

_SUPPRESS_MODELS: Final = "suppress_language_model_instrumentation"

_OPENLLMETRY: Final = "opentelemetry.instrumentation.openai.v"

_EMBEDDING_DATA: Final = "opentelemetry.genai.client.embedding.context"
_FETCH_DATA: Final = "opentelemetry.genai.client.fetch_response.context"
_INFERENCE_DATA: Final = "opentelemetry.genai.client.inference.context"
_DATA_KEYS: Final = {
    "chat": _INFERENCE_DATA,
    "text_completion": _INFERENCE_DATA,
    "generate_content": _INFERENCE_DATA,
    "embeddings": _EMBEDDING_DATA,
    "fetch_response": _FETCH_DATA,
}

_Mode = Literal["adopt", "mute", "late"]

_WRAPPERS: Final[Mapping[str, tuple[_Mode, tuple[str, ...]]]] = {
    # module of the wrapper -> what to do with its span, and where its frame keeps it
    "opentelemetry.instrumentation.anthropic": ("mute", ("span",)),
    "opentelemetry.instrumentation.anthropic.streaming": ("mute", ("self._span",)),
    "opentelemetry.instrumentation.openai.v1.responses_wrappers": ("late", ()),
    "openinference.instrumentation.anthropic._wrappers": ("adopt", ("span._span", "self._self_with_span._span")),
    "langfuse.openai": ("adopt", ("generation._otel_span",)),
}
_SDKS: Final = frozenset({"openai", "anthropic", "tokeneff", "wrapt", "functools", "contextlib"})
_DEEPEST: Final = 40

_adopted: WeakSet[Any] = WeakSet()


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody else who already traces this call."""

    name: str
    """The instrumentation scope or package; ``suppressed`` where tracing is switched off for this call."""
    span: Span | None = None
    """Their open span, to which ours would be added, where it is in reach."""
    data: Any = None
    """The ``InferenceData`` (or its like) through which OpenTelemetry's own instrumentors take counts."""
    traces: bool = True
    """Whether their span stands: then start none. When false it was muted, and ours is the one."""
    late: bool = False
    """Whether they make their span from the reply, and only of one that is complete or failed: no span if not."""
    metrics: bool = False
    """Whether they record ``gen_ai.client.operation.duration`` and ``gen_ai.client.token.usage`` themselves."""

    def record(self, attributes: Mapping[str, Any], estimates: Collection[str] = ()) -> None:
        """Add attributes to their span, and counts to what they publish, while it is open.

        Those named in ``estimates`` are kept out of the metrics that they make of what is published.
        """
        if not self.traces:
            return
        if self.span is not None and self.span.is_recording():
            self.span.set_attributes(attributes)
        if self.data is not None:
            _publish(self.data, attributes, estimates)

    def event(self, name: str, attributes: Mapping[str, Any], timestamp: int | None = None) -> None:
        """Add an event to their span; ``timestamp`` in nanoseconds since the epoch."""
        if self.traces and self.span is not None and self.span.is_recording():
            self.span.add_event(name, attributes, timestamp)

    def before_end(self, tell: Callable[[], bool]) -> None:
        """Have ``tell()`` called when they end their span, unless :meth:`finish` was by then.

        Some end it before the stream is over, or even begun. Where ``tell`` says that it knows nothing yet, the span
        stays open until ``finish``. It is kept on the span until then, and must not refer to the reply.
        """
        if self.traces and self.span is not None and self.span.is_recording():
            _shadow_end(self.span, _End(self.span, tell))

    def finish(self, ending: str) -> None:
        """The call is over. Their span of a dropped stream is ended for them: it would never be exported."""
        span: Any = self.span
        if not self.traces or span is None:
            return
        end = span.end
        _unshadow_end(span)
        if span.is_recording() and (ending == "dropped" or (type(end) is _End and end.held)):
            span.end()


class _End:
    """In the place of a span's ``end``."""

    def __init__(self, span: Any, tell: Callable[[], bool]) -> None:
        self._span = span  # a weak reference would be dead where span and stream are collected together
        self._tell = tell
        self.held = False

    def __call__(self, end_time: int | None = None) -> None:
        try:
            self.held = not self._tell()
        except Exception as fault:  # noqa: BLE001 - we are in their code here
            self.held = False
            log_once("before_end", "a call could not be described on another tool's span", exc_info=fault)
        if not self.held:
            _unshadow_end(self._span)
            self._span.end(end_time)


def owner(operation: str, *, raw_stream: bool = False) -> Owner | None:
    """Who already traces the call that is being made, or ``None`` when the span is ours to make.

    To be called in ``request()`` itself (its frame or one called from it, in the same task), only when our own
    tracer records, and before our own span starts. A peer that steps back has been silenced when this returns.

    Args:
        operation: The call's ``gen_ai.operation.name``.
        raw_stream: Whether a stream was asked for through ``with_raw_response`` or ``with_streaming_response``.
    """
    context = otel_context.get_current()
    current = trace.get_current_span(context)
    live = current if current.is_recording() and _is_inference(current, operation) else None
    if context.get(SUPPRESS) or context.get(SUPPRESS_PLAIN) or context.get(_SUPPRESS_MODELS):
        return Owner(SUPPRESSED, live, metrics=True)
    data = context.get(_DATA_KEYS.get(operation, ""))
    if data is not None and not _is_void(context, current):
        return Owner(_scope(live) or "opentelemetry.util.genai", live, data, metrics=True)
    for module in _WRAPPERS:
        if module in sys.modules:
            found = _wrapper_above(sys._getframe(1), raw_stream)  # pyright: ignore[reportPrivateUsage]
            if found is not None:
                return found
            break
    if live is None or not _is_first(live):
        return None
    scope = _scope(live)
    metrics = scope.startswith("opentelemetry.instrumentation.")
    if scope.startswith(_OPENLLMETRY) and (raw_stream or operation == "text_completion"):
        metrics = False  # the two that they trace, and record nothing of
    return Owner(scope or "unknown", live, metrics=metrics)


def _scope(span: Any) -> str:
    return getattr(getattr(span, "instrumentation_scope", None), "name", None) or ""


def _is_inference(span: Any, operation: str) -> bool:
    """Whether ``span`` stands for a model call of this operation: agents' and users' own spans do not."""
    attributes = getattr(span, "attributes", None)
    if not attributes or _scope(span) == SCOPE:
        return False
    named = attributes.get("gen_ai.operation.name")
    if named is not None:
        return named == operation
    kind = attributes.get("openinference.span.kind") or attributes.get("langfuse.observation.type")
    return kind in (("EMBEDDING", "embedding") if operation == "embeddings" else ("LLM", "generation"))


def _is_first(span: Any) -> bool:
    """Whether this is the first call in ``span``: a second one would write over the first one's counts."""
    try:
        if span in _adopted:
            return False
        _adopted.add(span)
    except TypeError:  # a span class of others, not hashable
        pass
    return True


def _is_void(context: Context, current: Any) -> bool:
    """Whether the owner's span is over, or one of a tracer without a provider: then nobody records the call but us."""
    if getattr(current, "end_time", None) is not None:
        return True
    return any(value is current for value in context.values()) and not current.get_span_context().is_valid


def _wrapper_above(frame: FrameType | None, raw_stream: bool) -> Owner | None:
    """The known wrapper among the frames between us and the caller's code, if its span is not the current one."""
    for _ in range(_DEEPEST):
        if frame is None:
            return None
        module: str = frame.f_globals.get("__name__", "")
        if module in _WRAPPERS:
            mode, places = _WRAPPERS[module]
            if mode == "late":
                # Their span is made from the reply; a raw stream gives them none to read.
                return None if raw_stream or _is_noop_tracer(frame.f_locals.get("tracer")) else Owner(module, late=True)
            span = _find(frame.f_locals, places)
            if span is not None:
                if mode == "adopt":
                    return Owner(module, span)
                # A span that is never ended is never exported.
                muted = _shadow_end(span, _no_end)
                return Owner(module, None if muted else span, traces=not muted, metrics=True)
        elif module.partition(".")[0] not in _SDKS and not module.startswith("opentelemetry.instrumentation."):
            return None
        frame = frame.f_back
    return None


def span_of_reader() -> Span | None:
    """The span of whoever reads the stream that is being read: some make theirs when the reply has begun to come."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    for _ in range(_DEEPEST):
        if frame is None:
            return None
        if frame.f_globals.get("__name__") in _WRAPPERS:
            return _find(frame.f_locals, ("self._span",))
        frame = frame.f_back
    return None


def _is_noop_tracer(tracer: Any) -> bool:
    return isinstance(getattr(tracer, "_tracer", tracer), NoOpTracer)


def _find(variables: Mapping[str, Any], places: Iterable[str]) -> Span | None:
    for place in places:
        first, *rest = place.split(".")
        value = variables.get(first)
        for name in rest:
            value = getattr(value, name, None)
        if isinstance(value, Span) and value.is_recording():
            return value
    return None


def _shadow_end(span: Any, end: Callable[..., None]) -> bool:
    try:
        span.end = end
    except AttributeError:  # a span class of others, with slots
        return False
    return True


def _unshadow_end(span: Any) -> None:
    with suppress(AttributeError):  # by del, for it may be a proxy of the span that was shadowed
        del span.end


def _no_end(end_time: int | None = None) -> None:
    pass


_PUBLISHED: Final = {
    "gen_ai.response.id": "response_id",
    "gen_ai.response.model": "response_model",
    "gen_ai.response.finish_reasons": "response_finish_reasons",
}


def _publish(data: Any, attributes: Mapping[str, Any], estimates: Collection[str]) -> None:
    """Their own values win over what is published; what they have no field for becomes an attribute."""
    extra = getattr(data, "attributes", None)
    for name, value in attributes.items():
        field = _PUBLISHED.get(name) or name.removeprefix("gen_ai.").replace(".", "_")
        if name.startswith("gen_ai.") and name not in estimates and hasattr(data, field):
            setattr(data, field, list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value)
        elif isinstance(extra, dict) and (name in estimates or not name.startswith("gen_ai.")):
            extra[name] = value
