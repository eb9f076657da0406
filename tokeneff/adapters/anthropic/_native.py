"""The Anthropic SDK's own tracing (from 1.x on) beside ours: one span per call to one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._duplicates import aside, relay
from tokeneff._settings import settings_of


def native_namespace(base: type) -> Mapping[str, Any]:
    """``_tracer`` for the generated subclass: during a call that we trace, the SDK's tracer makes no span of its own.

    A client that was given a provider of its own (``open_telemetry={"tracer_provider": …}``) goes on to fill that
    one, unless it is ours too: its owner asked for those spans by name.
    """
    native = getattr(base, "_tracer", None)
    if not isinstance(native, property) or native.fget is None:
        return {}
    get = native.fget

    def _tracer(self: Any) -> Any:
        tracer = get(self)
        given = getattr(self, "_open_telemetry", {}).get("tracer_provider")
        if given is not None and given is not settings_of(self).telemetry.provider():
            return aside(tracer)
        return relay(tracer, given=given is not None)

    return {"_tracer": property(_tracer)}
