"""Whose calls a client makes, and where to: all of a client that leaves with each of its calls.

It is taken from what the client was given, not from what its hooks would make of it: token providers are never
called. What cannot be seen (a provider of tokens, a hook, credentials that are found at the first call) stands under
a random name of that very object in this process, so nothing is shared that cannot be shown to be equal.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple, cast

from tokeneff._log import log_once
from tokeneff._settings import KEY
from tokeneff.cache._canonical import written
from tokeneff.cache._client_facts import AMBIENT, CREDENTIALS, facts_of, hidden_in
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
    objects: tuple[tuple[str, weakref.ref[Any]], ...]
    """Attributes that are known by being that very object."""
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
    if known is not None and known.client() is client and known.told == (account, ignored) and _holds(known, state):
        return known.sender
    return _found(client, state, account, ignored)


def _holds(known: _Known, state: dict[str, Any]) -> bool:
    """Whether the client is still as it was when it was looked at."""
    if known.size != len(state) or http_state(state["_client"]) != known.http:
        return False
    try:
        return known.pick(state) == known.held and all(thing() is state[name] for name, thing in known.objects)
    except KeyError:
        return False


def _found(client: Any, state: dict[str, Any], account: str | None, ignored: frozenset[str]) -> Sender:
    facts = facts_of(cast("type[Any]", type(client)))
    own = {name: getattr(client, name, None) for name in facts.properties}
    attributes = {name: value for name, value in state.items() if name not in _UNSENT and not _is_part(value, client)}
    attributes |= {name: value for name, value in own.items() if name not in _UNSENT}
    if attributes.get("_api_key_provider"):
        attributes.pop("api_key", None)  # the last that it gave
    http: Any = client._client
    hidden = hidden_in(http, attributes)
    headers: Headers = {}
    custom = own.get("_custom_headers", state.get("_custom_headers"))
    for layer in (http.headers, own.get("auth_headers"), own.get("default_headers"), custom):
        headers = merged(headers, layer, ignored)
    if account is None:
        objects = [*facts.hooks, *hidden]
        whose = [[identity_of(thing) for thing in objects], cookies_of(http)]
        if objects or not all(map(is_plain, attributes.values())):
            _tell(facts.name)
    else:
        whose, objects = [account], []
        attributes = {name: value for name, value in attributes.items() if name not in CREDENTIALS and is_plain(value)}
        headers = {name: value for name, value in headers.items() if name not in CREDENTIAL_HEADERS}
    url = own["base_url"] if "base_url" in own else state.get("_base_url") or client.base_url
    told = [[name, part_of(attributes[name])] for name in sorted(attributes)]
    identity = sha256(written([facts.name, str(url), told, str(http.params), *whose])).digest()
    sender = Sender(identity, headers, _query(own, state))
    if not facts.properties and all(thing is AMBIENT for thing in objects):
        _keep(client, attributes, (account, ignored), sender)
    return sender


def _query(own: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    query: dict[str, Any] = {}
    for layer in (own.get("_custom_query", state.get("_custom_query")), own.get("default_query")):
        if isinstance(layer, Mapping):
            query |= cast("Mapping[str, Any]", layer)
    return query


def _tell(name: str) -> None:
    log_once(
        ("cache account", name),
        "replies for this %s are shared with no other process, for its credentials cannot be compared: "
        "Cache(account=…) says whose they are",
        name,
        level=logging.INFO,
    )


def _keep(client: Any, seen: dict[str, Any], told: tuple[str | None, frozenset[str]], made: Sender) -> None:
    """Remember it, for as long as nothing of the client is seen to have changed."""
    state: dict[str, Any] = client.__dict__
    taken = [name for name in (*seen, "_base_url", "_custom_headers", "_custom_query") if name in state]
    things = [name for name in taken if not is_plain(state[name])]
    values = [name for name in taken if is_plain(state[name])]
    if len(values) < 2 or not all(_is_steady(state[name]) for name in values):
        return
    pick = itemgetter(*values)
    held = tuple([dict(cast("Any", value)) if isinstance(value, dict) else value for value in pick(state)])
    if len(_known) >= _MOST_CLIENTS:
        _known.clear()
    number = id(client)
    try:
        gone = weakref.ref(client, lambda _: _known.pop(number, None) and None)
        objects = tuple([(name, weakref.ref(state[name])) for name in things if not is_dataclass(state[name])])
    except TypeError:
        return  # another object may come to be at the same place in memory
    if len(objects) == len(things):
        _known[number] = _Known(gone, len(state), pick, held, objects, http_state(client._client), told, made)


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
