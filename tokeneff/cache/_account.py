"""Whose calls a client makes, and where to: all of a client that leaves with each of its calls.

It is taken from what the client was given, not from what its hooks would make of it: token providers are never
called. What cannot be seen (a provider of tokens, a hook, credentials that are found at the first call) stands under
a random name of that very object in this process, so nothing is shared that cannot be shown to be equal.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from types import MethodType
from typing import Any, NamedTuple, cast

from tokeneff._settings import KEY
from tokeneff.cache._canonical import absent, written


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


Headers = dict[str, str | None]
"""Names in lower case; ``None`` for one that the SDK's own client would send and that was taken away."""

_TRANSPORT = _names(
    "accept accept-encoding baggage b3 connection content-length content-type grpc-trace-bin host idempotency-key "
    "keep-alive sentry-trace te traceparent tracestate transfer-encoding uber-trace-id user-agent x-amzn-trace-id "
    "x-client-request-id x-cloud-trace-context x-correlation-id x-idempotency-key x-request-id"
)
"""Headers that say how or as part of what a request travels, and nothing of what it asks."""
_TRANSPORT_PREFIXES = ("x-stainless-", "x-b3-", "x-datadog-", "ot-tracer-")
_SDKS = _names(
    "authorization api-key x-api-key openai-organization openai-project anthropic-version anthropic-workspace-id "
    "anthropic-user-profile-id"
)
"""Headers that an SDK's client sends of itself: to take one of them away changes the request."""
_CREDENTIAL_HEADERS = _names("authorization api-key x-api-key proxy-authorization cookie")
_BALANCERS = ("__cf_bm", "_cfuvid", "__cflb", "cf_clearance", "AWSALB", "ARRAffinity")
"""Cookies that providers' front ends set by themselves."""
_UNSENT = _names(
    f"{KEY} _client _version _platform _strict_response_validation _idempotency_header max_retries timeout _timeout "
    "_timeout_overridden _default_stream_cls webhook_secret webhook_key websocket_base_url _middleware_chain "
    "_open_telemetry _otel _lazy_tracer _token_cache _custom_auth _workload_identity_auth _provider_runtime "
    "_unchosen_base_url _base_url_was_default _ambient_authorizations _bedrock_runtime_signature _base_url "
    "_custom_headers _custom_query _limits _transport _proxies"
)
"""Attributes of clients that do not leave, that others are made of, or that are looked at on their own."""
_CREDENTIALS = _names(
    "api_key admin_api_key auth_token access_token credentials workload_identity _azure_ad_token "
    "_azure_ad_token_provider _api_key_provider _provider _bedrock_provider _bedrock_state _bedrock_token_provider "
    "_creds_state _token_provider _skip_auth skip_auth aws_access_key aws_secret_key aws_session_token "
    "aws_profile"
)
_PROPERTIES = _names(
    "api_key admin_api_key auth_token organization project base_url default_headers default_query auth_headers "
    "_custom_headers _custom_query"
)
_HOOKS = _names(
    "_prepare_options _prepare_request _prepare_url _build_request _build_headers _auth_headers _auth_query "
    "_custom_auth custom_auth _refresh_api_key"
)
_MOST_CLIENTS = 1000


class Sender(NamedTuple):
    """What leaves with every call of a client."""

    identity: bytes
    """A digest of where to, and as whom."""
    headers: Headers
    query: Mapping[str, Any]


class _Known(NamedTuple):
    client: weakref.ref[Any]
    size: int
    """How many attributes the client had."""
    pick: Callable[[Any], Any]
    held: Any
    """What ``pick`` took of the client's attributes."""
    http: Any
    told: tuple[str | None, frozenset[str]]
    sender: Sender


_known: dict[int, _Known] = {}


def sender_of(client: Any, account: str | None, ignored: frozenset[str]) -> Sender:
    """What leaves with every call of this client.

    Args:
        account: whose replies they are, where the owner says it: then credentials do not count.
        ignored: further headers that do not count, in lower case.
    """
    state: dict[str, Any] = client.__dict__
    known = _known.get(id(client))
    if (
        known is not None
        and known.client() is client
        and known.size == len(state)
        and known.told == (account, ignored)
        and _picked(known, state) == known.held
        and _http_state(client._client) == known.http
    ):
        return known.sender
    return _found(client, state, account, ignored)


def _picked(known: _Known, state: dict[str, Any]) -> Any:
    try:
        return known.pick(state)
    except KeyError:
        return None


def merged(below: Headers, above: Any, ignored: frozenset[str]) -> Headers:
    """Headers with others above them, as they leave; those of the transport left out."""
    made = below
    for name, value in _items(above):
        lower = name.lower()
        if lower in _TRANSPORT or lower in ignored or lower.startswith(_TRANSPORT_PREFIXES):
            continue
        if made is below:
            made = dict(below)
        if not absent(value):
            made[lower] = value if type(value) is str else _text(value)
        elif lower in _SDKS and lower not in ("anthropic-workspace-id", "anthropic-user-profile-id"):
            made[lower] = None
        else:
            made.pop(lower, None)
    return made


def _found(client: Any, state: dict[str, Any], account: str | None, ignored: frozenset[str]) -> Sender:
    facts = _facts(cast("type[Any]", type(client)))
    attributes = {name: value for name, value in state.items() if name not in _UNSENT and not _is_part(value, client)}
    overridden = {name: getattr(client, name, None) for name in facts.properties}
    attributes |= {name: value for name, value in overridden.items() if name not in _UNSENT}
    http: Any = client._client
    if attributes.get("_api_key_provider"):
        attributes.pop("api_key", None)  # the last that it gave
    custom = overridden.get("_custom_headers", state.get("_custom_headers"))
    layers = (http.headers, overridden.get("auth_headers"), overridden.get("default_headers"), custom)
    headers: Headers = {}
    for layer in layers:
        headers = merged(headers, layer, ignored)
    hidden = [*facts.hooks, *_hidden(http, attributes)]
    if account is not None:
        attributes = {name: value for name, value in attributes.items() if name not in _CREDENTIALS}
        attributes = {name: value for name, value in attributes.items() if _is_plain(value)}
        headers = {name: value for name, value in headers.items() if name not in _CREDENTIAL_HEADERS}
        hidden = []
    query = {**_mapping(overridden.get("default_query")), **_mapping(overridden.get("_custom_query"))} or _mapping(
        state.get("_custom_query")
    )
    url = overridden["base_url"] if "base_url" in overridden else state.get("_base_url") or client.base_url
    parts = [
        facts.name,
        str(url),
        [[name, _part(attributes[name])] for name in sorted(attributes)],
        [_identity(thing) for thing in hidden],
        str(http.params),
        [] if account is not None else _cookies(http),
        account,
    ]
    sender = Sender(sha256(written(parts)).digest(), headers, dict(query))
    if not (facts.properties or hidden):
        _keep(client, state, attributes, account, ignored, sender)
    return sender


def _keep(
    client: Any, state: dict[str, Any], seen: dict[str, Any], account: str | None, ignored: frozenset[str], made: Sender
) -> None:
    """Remember it, for as long as nothing of the client is seen to have changed."""
    names = [name for name in (*seen, "_base_url", "_custom_headers", "_custom_query") if name in state]
    if len(names) < 2 or not all(_is_plain(state[name]) for name in names):
        return  # an object may change, or be replaced by another at the same place in memory, without being seen to
    pick = itemgetter(*names)
    held = tuple(dict(value) if isinstance(value, dict) else value for value in pick(state))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if len(_known) >= _MOST_CLIENTS:
        _known.clear()
    number = id(client)
    try:
        gone = weakref.ref(client, lambda _: _known.pop(number, None) and None)
    except TypeError:
        return
    _known[number] = _Known(gone, len(state), pick, held, _http_state(client._client), (account, ignored), made)


class _Facts(NamedTuple):
    name: str
    """The SDK's own class, the same for blocking and awaiting clients."""
    properties: tuple[str, ...]
    """Those that are not the SDK's own, and may say something else each time."""
    hooks: tuple[Any, ...]
    """Functions that are not the SDK's own, and may change what leaves."""


@lru_cache(maxsize=512)
def _facts(kind: type) -> _Facts:
    classes = [base for base in kind.__mro__ if "__tokeneff_base__" not in vars(base)]
    name = next((base.__name__ for base in classes if _is_sdks(base)), kind.__name__)
    found: dict[str, Any] = {}
    for wanted in (*_PROPERTIES, *_HOOKS):
        home = next((base for base in classes if wanted in vars(base)), None)
        if home is not None and not _is_sdks(home):
            found[wanted] = vars(home)[wanted]
    properties = tuple(name for name in sorted(_PROPERTIES) if name in found and not _is_plain(found[name]))
    return _Facts(
        name.removeprefix("Async"), properties, tuple(found[name] for name in sorted(_HOOKS) if name in found)
    )


def _is_sdks(kind: type) -> bool:
    root, dot, _ = kind.__module__.partition(".")
    return root in ("openai", "anthropic") and bool(dot)


def _hidden(http: Any, attributes: dict[str, Any]) -> list[Any]:
    """What may add to a request, or chooses its credentials, out of our sight."""
    found: list[Any] = []
    if http.auth is not None:
        found.append(http.auth)
    found += [hook for hook in http.event_hooks.get("request", ()) if not _of_sdk(hook)]
    given = {name for name in _CREDENTIALS if attributes.get(name)}
    signs = "aws_secret_key" in attributes and not given & {"api_key", "skip_auth", "_skip_auth"}
    if signs and not {"aws_access_key", "aws_secret_key"} <= given:
        found.append(_AMBIENT)
    if "access_token" in attributes and "access_token" not in given:
        found.append(_AMBIENT)
    return found


def _of_sdk(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).partition(".")[0] in ("openai", "anthropic")


def _http_state(http: Any) -> Any:
    """What is looked at of a client's HTTP client, as values that can be compared."""
    jar = http.cookies.jar
    return http.headers.raw, str(http.params), http.auth is None, _cookies(http) if len(jar) else (), _hooks(http)


def _hooks(http: Any) -> list[int]:
    return [id(hook) for hook in http.event_hooks.get("request", ())]


def _cookies(http: Any) -> list[list[str]]:
    return sorted(
        [cookie.name, str(cookie.value), cookie.domain, cookie.path]
        for cookie in http.cookies.jar
        if not cookie.name.startswith(_BALANCERS)
    )


def _is_part(value: Any, client: Any) -> bool:
    """Whether this is a resource of the client, or a view of one."""
    return not _is_plain(value) and (
        getattr(value, "_client", None) is client or ".resources." in f"{type(value).__module__}."
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(item) for item in cast("Mapping[Any, Any]", value).values())
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in cast("list[Any]", value))
    return (
        value is None or isinstance(value, (str, int, float, bytes)) or type(value).__name__ == "URL" or absent(value)
    )


def _part(value: Any) -> Any:
    """A value of a client, as one that can be written: by what it is, or under the name of that very object."""
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if absent(value):
        return []
    if type(value).__name__ == "URL":
        return ["URL", str(value)]
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value)
        return ["mapping", sorted([str(name), _part(items[name])] for name in items)]
    if isinstance(value, (list, tuple)):
        return ["list", [_part(item) for item in cast("list[Any]", value)]]
    if is_dataclass(value) and not isinstance(value, type) and _of_sdk(type(value)):
        return ["fields", [[field.name, _part(getattr(value, field.name))] for field in fields(value)]]
    return ["object", _identity(value)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _items(headers: Any) -> Any:
    if headers is None or absent(headers):
        return ()
    multiple = getattr(headers, "multi_items", None)
    return multiple() if multiple is not None else headers.items()


def _text(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    return str.__str__(value) if isinstance(value, str) else str(value)


class _Ambient:
    """Credentials that are found in this process's surroundings at the first call."""


_AMBIENT = _Ambient()
_identities: dict[int, tuple[Any, bytes]] = {}
_lock = threading.Lock()


def _identity(thing: Any) -> list[bytes]:
    """A name of this very object that no other object has, in this process or elsewhere."""
    if isinstance(thing, MethodType):
        return [*_identity(thing.__self__), *_identity(thing.__func__)]
    number = id(thing)
    with _lock:
        held = _identities.get(number)
        if held is not None and held[0]() is thing:
            return [held[1]]
        try:
            alive = weakref.ref(thing, lambda _: _identities.pop(number, None) and None)
        except TypeError:
            return [os.urandom(16)]  # it cannot be known again
        _identities[number] = (alive, os.urandom(16))
        return [_identities[number][1]]
