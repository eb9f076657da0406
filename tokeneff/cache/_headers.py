"""The headers and cookies of a request that say something of what it asks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tokeneff.cache._canonical import absent


def names(text: str) -> frozenset[str]:
    """Several names, written as one text."""
    return frozenset(text.split())


Headers = dict[str, str | None]
"""Names in lower case; ``None`` for one that the SDK's own client would send and that was taken away."""

_TRANSPORT = names(
    "accept accept-encoding baggage b3 connection content-length content-type grpc-trace-bin host idempotency-key "
    "keep-alive sentry-trace te traceparent tracestate transfer-encoding uber-trace-id user-agent x-amzn-trace-id "
    "x-client-request-id x-cloud-trace-context x-correlation-id x-idempotency-key x-request-id"
)
"""Headers that say how or as part of what a request travels, and nothing of what it asks."""
_TRANSPORT_PREFIXES = ("x-stainless-", "x-b3-", "x-datadog-", "ot-tracer-")
_SDKS = names("authorization api-key x-api-key openai-organization openai-project anthropic-version")
"""Headers that an SDK's client sends of itself: to take one of them away changes the request."""
_PARAMETERS = ("anthropic-workspace-id", "anthropic-user-profile-id")
"""Headers that are parameters of a call: where it gives none, the client's own stays."""
CREDENTIALS = names("authorization api-key x-api-key proxy-authorization cookie")
_BALANCERS = ("__cf_bm", "_cfuvid", "__cflb", "cf_clearance", "AWSALB", "ARRAffinity")
"""Cookies that providers' front ends set by themselves."""


def merged(below: Headers, above: Any, ignored: frozenset[str]) -> Headers:
    """Headers with others above them, as they leave; those of the transport left out."""
    made = below
    for name, value in _items(above):
        lower = _counted(name)
        if not lower or lower in ignored:
            continue
        gone = absent(value)
        if gone and lower in _PARAMETERS:
            continue
        if made is below:
            made = dict(below)
        if not gone:
            made[lower] = value if type(value) is str else _text(value)
        elif lower in _SDKS:
            made[lower] = None
        else:
            made.pop(lower, None)
    return made


@lru_cache(maxsize=512)
def _counted(name: str) -> str:
    """The name of a header in lower case; empty for one that says nothing of what is asked."""
    lower = name.lower()
    return "" if lower in _TRANSPORT or lower.startswith(_TRANSPORT_PREFIXES) else lower


def http_state(http: Any) -> Any:
    """What is looked at of a client's HTTP client, as values that can be compared."""
    hooks = http.event_hooks.get("request")
    # Parameters are a value that nobody can change, so they may be looked at as they are.
    transports = [http._transport.__class__, *[one.__class__ for one in http._mounts.values()]]
    return http.headers.raw, http.params, http.auth is None, cookies_of(http), len(hooks) if hooks else 0, transports


def cookies_of(http: Any) -> list[list[str]]:
    cookies = list(http.cookies.jar)
    if not cookies:
        return cookies
    kept = [cookie for cookie in cookies if not cookie.name.startswith(_BALANCERS)]
    return sorted([cookie.name, str(cookie.value), cookie.domain, cookie.path] for cookie in kept)


def _items(headers: Any) -> Any:
    return () if headers is None or absent(headers) else headers.items()


def _text(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    return str.__str__(value) if isinstance(value, str) else str(value)
