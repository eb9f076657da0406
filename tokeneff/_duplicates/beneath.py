"""Peers beneath ``request()``: they begin after us, and leave the call to us."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span

SUPPRESS: Final[str] = getattr(otel_context, "_SUPPRESS_INSTRUMENTATION_KEY", "suppress_instrumentation")
SUPPRESS_PLAIN: Final = "suppress_instrumentation"

_CLAIMED: Final = "tokeneff.claimed"
_REQUEST_PATCHES: Final = ("openinference.", "logfire.")
TRACED: Final[Mapping[str, Any]] = {"_is_instrumented_by_logfire": True}
"""Members of a wrapped client's class: who would patch its ``request``, above ours, finds that it need not."""
_LOGFIRE_STATE: Final = ("request", "_original_request_method", "_is_instrumented_by_logfire")


def claim(context: Context, method: Callable[..., Any] | None = None) -> Context:
    """The context to be active while the call is sent: in it, what is beneath us leaves the call to us.

    Args:
        context: The context with our span (or the owner's) as the current one.
        method: The base ``request`` about to be called, after :func:`unpatched`; ``None`` where the owner's span
            stands, for then patches of ``request`` do as they do without us.
    """
    changed = {**context, _CLAIMED: (otel_context.get_current(), trace.get_current_span(context))}
    if method is not None and _is_patched_below(method):
        # Only a request() that a user's own subclass defines gets here. It also quiets HTTP client spans.
        changed |= {SUPPRESS: True, SUPPRESS_PLAIN: True}
    return Context(changed)


def unpatched(method: Callable[..., Any]) -> Callable[..., Any]:
    """The bound ``request`` beneath what OpenInference and Logfire patch; ``method`` itself where they did not."""
    while True:
        wrapped = getattr(method, "__wrapped__", None)
        if wrapped is None or not _is_patch(method):
            return method
        # wrapt binds what it wraps; a plain function's __wrapped__ has still to be bound.
        bound = getattr(method, "__self__", None)
        method = wrapped if hasattr(wrapped, "__self__") else wrapped.__get__(bound)


def relay(native: Any, *, given: bool = False) -> Any:
    """What an Anthropic client's ``_tracer`` is to give: a tracer of no spans of its own during a call of ours.

    The SDK then makes no span but goes on to send the trace context (ours) in the request's headers, where its
    ``propagation`` option says so. Where it has no provider, as ``given`` to it or as the global one, it would have
    sent the caller's own trace context, if any, and still does.
    """
    claimed = _claimed()
    if native is None or claimed is None:
        return native
    traces = given or not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    return _OURS if traces else _Relay(claimed[0])


def aside(native: Any) -> Any:
    """What ``_tracer`` is to give a client whose spans go to another provider than ours: they lie there as if bare.

    Our span is not in that provider: as a parent it would be one that is missing, and its sampling not theirs.
    """
    claimed = _claimed()
    return native if native is None or claimed is None else _Aside(native, *claimed)


def forget_patches(state: dict[str, Any]) -> None:
    """Take Logfire's ``request``, which calls the old client, out of a ``__dict__`` copied from an instrumented one."""
    if "_is_instrumented_by_logfire" in state:
        for name in _LOGFIRE_STATE:
            state.pop(name, None)


class _Relay:
    """Answers ``start_span`` with the context of the span that is current (in a given context), not recording."""

    def __init__(self, within: Context | None = None) -> None:
        self._within = within

    def start_span(self, name: str, context: Context | None = None, **_: Any) -> Span:
        return NonRecordingSpan(trace.get_current_span(context or self._within).get_span_context())


_OURS: Final = _Relay()


class _Aside:
    """Another provider's tracer, whose spans have the caller's span for a parent where ours would be it."""

    def __init__(self, tracer: Any, caller: Context, ours: Span) -> None:
        self._tracer = tracer
        self._caller = caller
        self._ours = ours

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer, name)

    def start_span(self, name: str, context: Context | None = None, *arguments: Any, **named: Any) -> Span:
        if context is None and trace.get_current_span() is self._ours:
            context = trace.set_span_in_context(trace.get_current_span(self._caller))
        return self._tracer.start_span(name, context, *arguments, **named)


def _claimed() -> tuple[Context, Span] | None:
    """The caller's context and the span in force, during a call of ours."""
    return cast("tuple[Context, Span] | None", otel_context.get_value(_CLAIMED))


def _is_patch(method: Any) -> bool:
    wrapper = getattr(method, "_self_wrapper", None)
    if wrapper is not None:
        return type(wrapper).__module__.startswith(_REQUEST_PATCHES)
    function = getattr(method, "__func__", method)
    return getattr(function, "__globals__", {}).get("__name__", "").startswith(_REQUEST_PATCHES)


def _is_patched_below(method: Any) -> bool:
    function = getattr(method, "__func__", method)
    if getattr(function, "__module__", "").partition(".")[0] in ("openai", "anthropic"):
        return False
    return any(_is_patch(vars(cls).get("request")) for cls in type(getattr(method, "__self__", None)).__mro__)
