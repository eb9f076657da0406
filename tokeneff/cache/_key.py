"""The key of a call: 32 bytes, the same for calls that are answered alike, and for no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b, sha256
from typing import Any, NamedTuple, cast

from tokeneff._flow import Call
from tokeneff._log import log_once
from tokeneff.cache import _files
from tokeneff.cache._account import Sender, sender_of
from tokeneff.cache._canonical import Unkeyable, absent, body_of, canonical, written
from tokeneff.cache._headers import merged
from tokeneff.context import Value

FORMAT = 1
"""Raised with every change of what a key is made of: what was kept under older ones is not found any more."""
Scope = tuple[tuple[str, Value], ...]

_NONE: frozenset[str] = frozenset()
_FORM = frozenset(("stream", "stream_options"))
"""Fields that shape a reply's form and not what it says: any form can be answered from any other."""
_TURNS = {"chat": "messages", "messages": "messages", "responses": "input"}
_BEFORE = ("assistant", "system", "developer")


class Context(NamedTuple):
    """A call without the text of its last user turn."""

    key: bytes
    question: str


def key_of(
    call: Call,
    *,
    scope: Scope = (),
    account: str | None = None,
    ignore_headers: frozenset[str] = _NONE,
    ignore: frozenset[str] = _NONE,
    policies: tuple[str, ...] = (),
    secret: bytes = b"",
) -> bytes | str:
    """The key of a call, or in a few words why it can have none.

    Calls have the same key where they are the same in all that leaves for the provider (but what belongs to the
    transport), and in scope, account and policies. Whether a reply is streamed is no part of it.

    Args:
        scope: whom the reply is for, as tags: ``1``, ``"1"`` and ``True`` are three. account: whose account the
            client's credentials belong to, where its owner says so; else the credentials themselves count.
        ignore_headers: names of headers, in lower case, and ``ignore``: fields of the body, that do not count.
        policies: what else may change a reply, with its version.
        secret: up to 64 bytes that the key is made with, so that who sees a key can guess neither credentials nor
            prompts from it.
    """
    try:
        shaped = canonical(body_of(*_body(call)), _left_out(call, ignore))
        return _digest(call, shaped, scope, account, ignore_headers, policies, secret, b"call")
    except Unkeyable as why:
        return str(why)
    except Exception as fault:  # noqa: BLE001 - our fault: the call goes on without the cache
        log_once(("cache key", type(fault)), "no key could be made of a call", exc_info=fault)
        return "no key"


def context_key(
    call: Call,
    *,
    scope: Scope = (),
    account: str | None = None,
    ignore_headers: frozenset[str] = _NONE,
    ignore: frozenset[str] = _NONE,
    policies: tuple[str, ...] = (),
    secret: bytes = b"",
) -> Context | None:
    """The key of everything but the text of the last user turn, and that text.

    ``None`` where the last turn is not one plain text of a user, or the call can have no key.

    Args:
        as of :func:`key_of`.
    """
    try:
        shaped = canonical(body_of(*_body(call)), _left_out(call, ignore))
        question = _take_question(call.endpoint.dialect, shaped)
        if not question:
            return None
        return Context(_digest(call, shaped, scope, account, ignore_headers, policies, secret, b"turn"), question)
    except Unkeyable:
        return None
    except Exception as fault:  # noqa: BLE001 - as above
        log_once(("cache key", type(fault)), "no key could be made of a call", exc_info=fault)
        return None


def scope_of(by: Sequence[str], tags: Mapping[str, Value]) -> Scope | str:
    """Whom a reply is for: the tags that the cache keeps apart, or the first of them that the call has not."""
    for name in by:
        if name not in tags:
            return name
    return tuple([(name, tags[name]) for name in by])


def _body(call: Call) -> tuple[Any, Any]:
    data = call.options.json_data
    return None if isinstance(data, (bytes, bytearray)) else data, call.options.extra_json


def _take_question(dialect: str | None, shaped: dict[str, Any]) -> str | None:
    """Take the text of the last turn out of a body that is ours; ``None`` where that is not one text of a user."""
    place = _TURNS.get(dialect or "")
    turns = shaped.get(place or "")
    if place == "input" and isinstance(turns, str):
        shaped["input"] = ...
        return turns
    before, last = [{}, {}, *map(_part, _list(turns))][-2:]
    if last.get("role") != "user" or before.get("role", "system" if len(_list(turns)) == 1 else None) not in _BEFORE:
        return None
    blocks = _list(last.get("content"))
    block = _part(blocks[0]) if len(blocks) == 1 else {}
    holder, name = (block, "text") if block.get("type") in ("text", "input_text") else (last, "content")
    text = holder.get(name)
    if not isinstance(text, str):
        return None
    holder[name] = ...
    return text


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _part(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _left_out(call: Call, ignore: frozenset[str]) -> frozenset[str]:
    if call.endpoint.operation not in ("chat", "text_completion"):
        return ignore
    return _FORM | ignore if ignore else _FORM


def _digest(
    call: Call,
    shaped: dict[str, Any],
    scope: Scope,
    account: str | None,
    ignore_headers: frozenset[str],
    policies: tuple[str, ...],
    secret: bytes,
    what: bytes,
) -> bytes:
    options = call.options
    sender = sender_of(call.client, account, ignore_headers)
    parts = [
        FORMAT,
        what,
        call.family.name,
        options.method.upper(),
        options.url,
        sender.identity,
        _headers(sender, options.headers, ignore_headers),
        _query(sender, options.params),
        [[name, _typed(value)] for name, value in scope],
        list(policies),
        _attached(options),
        shaped,
    ]
    return blake2b(sha256(written(parts)).digest(), digest_size=32, key=secret[:64], person=b"tokeneff cache").digest()


def _headers(sender: Sender, given: Any, ignored: frozenset[str]) -> list[Any]:
    headers = merged(sender.headers, given, ignored) if given else sender.headers
    return [[name, headers[name]] for name in sorted(headers)] if headers else []


def _query(sender: Sender, given: Any) -> dict[str, Any] | None:
    if not given and not sender.query:
        return None
    query = {**sender.query, **cast("Mapping[str, Any]", given or {})}
    return canonical({name: value for name, value in query.items() if not absent(value)}, _NONE)


def _typed(value: Value) -> Value:
    """Of exactly the type that it is one of."""
    if type(value) in (str, bool, int, float):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    return int.__index__(value) if isinstance(value, int) else float.__float__(value)


def _attached(options: Any) -> Any:
    """What leaves beside the JSON body, or in its place."""
    content = getattr(options, "content", None)
    data = options.json_data if isinstance(options.json_data, (bytes, bytearray)) else None
    if content is None and data is None and not options.files:
        return None
    raw = content if content is not None else data
    if raw is not None:
        found = _files.contents(raw)
        if found is None:
            raise Unkeyable("one-shot body")
        return ["raw", sha256(found).digest()]
    parts = _files.parts(options.files)
    if parts is None:
        raise Unkeyable("one-shot body")
    return ["parts", parts]
