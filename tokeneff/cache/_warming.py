"""Replies that were recorded elsewhere are kept, as if they had been asked for.

A key is of all that leaves for the provider: the whole body, the endpoint, the account, the headers that count. So what
is recorded is put through the SDK's own method of a client like the live ones, up to where it would be sent: the key is
the live call's because it is made where that is. What keeps less than whole requests, as a ledger does, has none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from tokeneff._arguments import split_body
from tokeneff._flow import Call, Effect, Outcome, answer
from tokeneff.cache._cache import Cache, normalised
from tokeneff.cache._entering import Entering
from tokeneff.cache._place import Place, place_of
from tokeneff.cache._reply import Reply
from tokeneff.cache._telling import model_of, worth_of
from tokeneff.errors import TokeneffError, UnsupportedClient

if TYPE_CHECKING:
    from tokeneff._settings import Settings

_METHODS = {
    "chat/completions": "chat.completions.create",
    "completions": "completions.create",
    "responses": "responses.create",
    "embeddings": "embeddings.create",
    "moderations": "moderations.create",
    "messages": "messages.create",
}
_HEADERS = (("content-type", "application/json"),)
_FORM = ("stream", "stream_options")


class Warmed(NamedTuple):
    """What came of warming a cache."""

    kept: int
    left_out: Mapping[str, int]
    """Records that were not kept, by why: as on spans, and ``too old``, ``no endpoint``, ``not accepted``."""


class _LeftOut(TokeneffError):
    """A record that is not kept: never raised to a caller."""


@dataclass
class _Twin:
    """The settings of a client whose calls are kept, and not sent."""

    policies: Any
    asks_usage: bool = False
    capture: bool = False
    memory: Any = None


def warm(client: Any, records: Iterable[Mapping[str, Any]]) -> Warmed:
    """Keep recorded replies in a client's cache, under the keys that its own calls have.

    Example::

        client = tokeneff.wrap(OpenAI(), cache="sqlite:///cache.db")
        tokeneff.cache.warm(client, [{"endpoint": "/v1/chat/completions", "request": body, "response": completion}])

    Nothing is sent. Calls have the key of a record if they are made by a client of the same account, base URL and
    headers, with a body that says the same, inside the same tags of ``by``.

    Args:
        client: a wrapped client of a blocking kind, with a cache.
        records: mappings with ``endpoint`` (the path, as ``/v1/chat/completions``), ``request`` (the whole JSON body)
            and ``response`` (the whole JSON reply, not a stream's events).

    Returns:
        how many were kept, and why others were not.

    Raises:
        UnsupportedClient, ValueError: the client is not wrapped, is an awaiting one, or has no cache.
    """
    settings, cache, place = _checked(client)
    left_out: dict[str, int] = {}
    kept = 0
    place.meet()
    for record in records:
        why = _one(client, settings, cache, place, record)
        if why:
            left_out[why] = left_out.get(why, 0) + 1
        else:
            kept += 1
    place.finish(60.0)
    return Warmed(kept, left_out)


def _checked(client: Any) -> tuple[Settings, Cache, Place]:
    from tokeneff._client import is_wrapped
    from tokeneff._settings import settings_of

    if not is_wrapped(client) or any(kind.__name__ == "AsyncAPIClient" for kind in type(client).__mro__):
        raise UnsupportedClient(f"warm() takes a blocking client that wrap() returned, not a {type(client).__name__}")
    settings = settings_of(client)
    cache = normalised(settings.arguments.get("cache"))
    place = None if cache is None else place_of(cache)
    if cache is None or place is None:
        raise ValueError("warm() takes a client with a cache: write tokeneff.wrap(client, cache=…)")
    return settings, cache, place


def _one(client: Any, settings: Settings, cache: Cache, place: Place, record: Mapping[str, Any]) -> str:
    """Why a record is not kept; empty where it is."""
    request, response = record.get("request"), record.get("response")
    if not isinstance(request, Mapping) or not isinstance(response, Mapping):
        return "not whole"
    told = cast("Mapping[str, Any]", response)
    body = {name: value for name, value in cast("Mapping[str, Any]", request).items() if name not in _FORM}
    stored = _got(told)
    if stored is not None and cache.ttl is not None and time.time() * 1e6 - stored > cache.ttl:
        return "too old"
    reply = Reply("json", _HEADERS, json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode())
    twin = _twin(client, _Keeping(settings, cache, place, reply, stored))
    create = _method(twin, str(record.get("endpoint") or ""))
    if create is None:
        return "no endpoint"
    try:
        create(**split_body(create, body))
    except _LeftOut as why:
        return str(why)
    except Exception:  # noqa: BLE001 - the SDK does not take such a request, or cannot read such a reply
        return "not accepted"
    return ""


class _Keeping:
    """Keeps one reply."""

    def __init__(self, settings: Settings, cache: Cache, place: Place, reply: Reply, stored: int | None) -> None:
        self._prices = settings.prices
        self._entering = Entering(cache, place)
        self._place = place
        self._life = None if cache.ttl is None else cache.ttl + cache.stale
        self._reply = reply
        self._stored = stored

    def policy(self, call: Call) -> Generator[Effect, Any, Outcome]:
        """In place of all policies: what cannot be served like a live reply is not kept."""
        entry = self._entering.of(call)
        why = entry if isinstance(entry, str) else self._entering.unfit(call, self._reply)
        if why or isinstance(entry, str):
            raise _LeftOut(why)
        outcome = yield from answer(call, self._reply)
        if outcome.ending == "read":
            labels = entry.labels(outcome.facts.model or model_of(call))
            worth = worth_of(call, outcome, self._prices)
            self._place.keep(entry.key, self._reply, worth, labels, self._life, None, None, self._stored)
        return outcome


def _twin(client: Any, keeping: _Keeping) -> Any:
    from tokeneff._wrap import clone

    return clone(client, type(client), cast("Any", _Twin((keeping.policy,))))


def _method(client: Any, endpoint: str) -> Any:
    path = endpoint.strip("/").removeprefix("v1/")
    found: Any = client if path in _METHODS else None
    for name in _METHODS.get(path, "").split("."):
        found = getattr(found, name, None)
    return found


def _got(response: Mapping[str, Any]) -> int | None:
    """When a reply was got, in microseconds since 1970, where it says that."""
    for name in ("created", "created_at"):
        value = response.get(name)
        if isinstance(value, (int, float)) and 0 < value <= time.time():
            return int(value * 1e6)
    return None
