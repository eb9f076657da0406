"""An account between the sending of a request and its end."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from tokeneff._plain import fields, items, string
from tokeneff.accounts._account import Asked
from tokeneff.accounts._input import grown
from tokeneff.accounts._rules import Rules, rules_of
from tokeneff.accounts._seen import Seen
from tokeneff.accounts._sessions import Place, Sessions
from tokeneff.accounts._stale import NOTHING_STALE, stale
from tokeneff.tokens import Prompt

_RUN_BY_THE_CALLER = frozenset({None, "function", "custom"})


class Opened:
    """An account between the sending of a request and its end. It holds no part of the request's text."""

    __slots__ = (
        "at",
        "counted",
        "error",
        "host",
        "keeps_replies",
        "kept",
        "model",
        "place",
        "prompt",
        "provider",
        "rules",
        "seen",
        "under_way",
    )

    def __init__(self, asked: Asked) -> None:
        self.model, self.provider, self.host, self.at = asked.model, asked.provider, asked.host, asked.at
        self.prompt: Prompt | None = None
        self.counted: int | None = None
        self.error: float | None = None
        self.seen: Seen | None = None
        self.place: Place | None = None
        self.rules: Rules | None = None
        self.under_way = False
        """Whether the request that it goes on from was not yet over."""
        self.keeps_replies = asked.dialect == "responses"
        self.kept = False
        """Whether the provider keeps earlier parts of the conversation, so that the request leaves them out."""

    @property
    def session(self) -> str | None:
        """Which conversation it belongs to, where that is known."""
        return self.place.session.id if self.place is not None else None

    def place_in(self, sessions: Sessions, asked: Asked, prompt: Prompt) -> None:
        """Find the session of the request, and take over what is known of the pieces that it repeats."""
        seen = Seen(prompt, asked.model, asked.provider, asked.at)
        said = _said(asked)
        place = sessions.place(seen, said.name, said.reply)
        earlier = place.earlier
        goes_on = earlier is not None and place.length == len(earlier.digests) and place.length > 0
        known = earlier if goes_on and earlier is not None and earlier.encoding == seen.encoding else None
        if known is None or known.raw is None or known.stale is None:
            pieces, raw, waiting = seen.pieces, None, NOTHING_STALE
        else:
            pieces, raw, waiting = seen.pieces[place.length :], known.raw, known.stale
            seen.marked = known.marked
        seen.stale = stale(pieces, waiting)
        seen.marked = seen.marked or said.marked or any(piece.marked for piece in pieces)
        seen.opening = not place.related
        seen.toolset, seen.system_hash = _head_names(seen, earlier)
        same_tools = known is not None and known.raw is not None and known.tools == seen.tools
        seen.hosted = known.hosted if same_tools and known is not None else _hosted(asked)
        seen.raw = grown(pieces, raw)
        self.under_way = earlier is not None and earlier.settled is None
        self.kept = said.kept
        self.seen, self.place = seen, place
        self.rules = rules_of(asked.model, asked.provider, said.retention)


class _Said(NamedTuple):
    """What a request says of its conversation and of how it is to be cached."""

    name: str | None
    reply: str | None
    retention: str
    marked: bool
    kept: bool


def _said(asked: Asked) -> _Said:
    body, name = asked.body, asked.session
    kept = False
    reply = None
    if asked.dialect == "responses":
        reply = string(body.get("previous_response_id"))
        conversation = body.get("conversation")
        identifier = string(conversation) or string((fields(conversation) or {}).get("id"))
        kept = bool(reply or identifier)
        name = name if name is not None else identifier or None
    mark = fields(body.get("cache_control")) if "cache_control" in body else None
    options = fields(body.get("prompt_cache_options")) if "prompt_cache_options" in body else None
    retention = string(body.get("prompt_cache_retention")) or string((options or mark or {}).get("ttl")) or ""
    return _Said(name, reply or None, retention, mark is not None, kept)


def _hosted(asked: Asked) -> bool:
    if asked.body.get("mcp_servers") or asked.body.get("web_search_options"):
        return True
    kinds = {string((fields(tool) or {}).get("type")) for tool in items(asked.body.get("tools"))}
    return not kinds <= _RUN_BY_THE_CALLER


def _head_names(seen: Seen, earlier: Seen | None) -> tuple[str, str]:
    """Digests of the tools and of the system prompt, those of the earlier request where they are the same."""
    tools, head = seen.tools, seen.head
    if earlier is not None and earlier.raw is not None:
        same = (earlier.tools, earlier.head) == (tools, head) and earlier.digests[:head] == seen.digests[:head]
        if same:
            return earlier.toolset, earlier.system_hash
    return _digest(seen.digests[:tools]), _digest(seen.digests[tools:head])


def _digest(digests: tuple[bytes, ...]) -> str:
    return blake2b(b"".join(digests), digest_size=16).hexdigest() if digests else ""
