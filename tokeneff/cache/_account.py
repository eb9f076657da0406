"""Whose calls a client makes, and where to: all of a client that leaves with each of its calls.

It is taken from what the client was given, not from what its hooks would make of it: token providers are never
called. What cannot be seen (a provider of tokens, a hook, credentials that are found at the first call) stands under
a random name of that very object in this process, so nothing is shared that cannot be shown to be equal.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple, cast

from tokeneff._settings import KEY
from tokeneff.cache._canonical import written
from tokeneff.cache._client_facts import CREDENTIALS, facts_of, hidden_in
from tokeneff.cache._headers import CREDENTIALS as CREDENTIAL_HEADERS
from tokeneff.cache._headers import Headers, cookies_of, http_state, merged, names
from tokeneff.cache._objects import identity_of, is_plain, part_of

_UNSENT = names(
    f"{KEY} _client _version _platform _strict_response_validation _idempotency_header max_retries timeout _timeout "
    "_timeout_overridden _default_stream_cls webhook_secret webhook_key websocket_base_url _middleware_chain "
    "_open_telemetry _otel _lazy_tracer _token_cache _custom_auth _workload_identity_auth _provider_runtime "
    "_unchosen_base_url _base_url_was_default _ambient_authorizations _bedrock_runtime_signature _base_url "
    "_custom_headers _custom_query _limits _transport _proxies"
)
"""Attributes of clients that do not leave, that others are made of, or that are looked at on their own."""
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
        and http_state(client._client) == known.http
    ):
        return known.sender
    return _found(client, state, account, ignored)


def _picked(known: _Known, state: dict[str, Any]) -> Any:
    try:
        return known.pick(state)
    except KeyError:
        return None


def _found(client: Any, state: dict[str, Any], account: str | None, ignored: frozenset[str]) -> Sender:
    facts = facts_of(cast("type[Any]", type(client)))
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
    hidden = [*facts.hooks, *hidden_in(http, attributes)]
    if account is not None:
        attributes = {name: value for name, value in attributes.items() if name not in CREDENTIALS}
        attributes = {name: value for name, value in attributes.items() if is_plain(value)}
        headers = {name: value for name, value in headers.items() if name not in CREDENTIAL_HEADERS}
        hidden = []
    query = {**_mapping(overridden.get("default_query")), **_mapping(overridden.get("_custom_query"))} or _mapping(
        state.get("_custom_query")
    )
    url = overridden["base_url"] if "base_url" in overridden else state.get("_base_url") or client.base_url
    parts = [
        facts.name,
        str(url),
        [[name, part_of(attributes[name])] for name in sorted(attributes)],
        [identity_of(thing) for thing in hidden],
        str(http.params),
        [] if account is not None else cookies_of(http),
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
    taken = [name for name in (*seen, "_base_url", "_custom_headers", "_custom_query") if name in state]
    if len(taken) < 2 or not all(_is_steady(state[name]) for name in taken):
        return  # it may change, or be replaced by another at the same place in memory, without being seen to
    pick = itemgetter(*taken)
    held = tuple(dict(value) if isinstance(value, dict) else value for value in pick(state))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if len(_known) >= _MOST_CLIENTS:
        _known.clear()
    number = id(client)
    try:
        gone = weakref.ref(client, lambda _: _known.pop(number, None) and None)
    except TypeError:
        return
    _known[number] = _Known(gone, len(state), pick, held, http_state(client._client), (account, ignored), made)


def _is_steady(value: Any) -> bool:
    """Whether a change of it is seen by looking at it, or at a copy of it as deep as its members."""
    if type(value) is dict:
        held = cast("dict[str, Any]", value).values()
        return not any(isinstance(item, (Mapping, list, tuple)) or not is_plain(item) for item in held)
    return value == () or (not isinstance(value, (Mapping, list, tuple)) and is_plain(value))


def _is_part(value: Any, client: Any) -> bool:
    """Whether this is a resource of the client, or a view of one."""
    return not is_plain(value) and (
        getattr(value, "_client", None) is client or ".resources." in f"{type(value).__module__}."
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
