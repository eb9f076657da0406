"""From logged calls to conversations that can be replayed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tokeneff._plain import fields
from tokeneff.advise._asked import Asked, Told
from tokeneff.advise._joining import Joining
from tokeneff.advise._strand import Heard, Strand
from tokeneff.cache._models import takes_no_sampling
from tokeneff.logs._reading import sessions
from tokeneff.logs._sources import Source
from tokeneff.logs._traces import provider_of
from tokeneff.logs._values import Logged, Skipped
from tokeneff.promptcache import Mark, Pieces, rule_of
from tokeneff.tokens import counter
from tokeneff.trim.planning._replay import Turn, hidden, own_tokens, turn_of, words_of

_PATIENCE = 30.0
"""Seconds to wait for a vocabulary, once: all of the traffic is to be counted by the same."""
_SECOND = 1_000_000
_PER_TOKEN = 4
"""Characters, about: enough to choose a limit by."""


def threads(sources: Sequence[Source], skipped: Skipped, asked: Asked, told: Told) -> Iterator[list[Logged]]:
    """The calls of each conversation with each model, none twice; as much in memory as one conversation has."""
    seen, joining = set[str](), Joining()
    for session in sessions(sources, skipped, asked.since):
        found: dict[tuple[str, str], list[Logged]] = {}
        for call in session:
            if call.call_id in seen or (asked.since is not None and call.time < asked.since):
                continue
            seen.add(call.call_id)
            if call.ending == "read" and call.model:
                found.setdefault((call.thread, call.model), []).append(call)
            else:
                told.failed += 1
        for calls in found.values():
            if len(calls) == 1 and calls[0].call_id.startswith("trace:"):
                yield from joining.add(calls[0])
            else:
                yield calls
    yield from joining.rest()


def size_of(calls: Sequence[Logged]) -> int:
    """Tokens of the longest request, about."""
    counts = [call.tokens.input_tokens for call in calls if call.tokens is not None and call.tokens.input_tokens]
    return max(counts) if counts else len(json.dumps(calls[-1].body, default=str)) // _PER_TOKEN


def strand_of(calls: Sequence[Logged], start: float, asked: Asked, told: Told) -> Strand | None:
    """A conversation that can be replayed; ``None`` where there is no price for it.

    Args:
        start: when it is taken to begin, in seconds: those of one kind are replayed one after another.
    """
    first = calls[0]
    place = priced(first.model, first.provider, len(calls), asked, told)
    if place is None:
        return None
    counter().await_vocabulary(place[0], _PATIENCE)
    marked = any(_marks(call) for call in calls)
    cached = any(call.tokens is not None and (call.tokens.cache_read or call.tokens.cache_write) for call in calls)
    hours = any(call.tokens is not None and call.tokens.cache_write_1h for call in calls)
    placed, inferred = breakpoints(*place, cached, marked=marked, hours=hours)
    unseen: dict[bytes, int] = {}
    turns = [_turn(call, place[0], start + (call.time - first.time) / _SECOND, unseen, placed) for call in calls]
    heard = [_heard(call, turn, place[1], asked) for call, turn in zip(calls, turns, strict=True)]
    return Strand(first.thread, *place, tuple(turns), tuple(heard), True, not (marked or inferred), inferred)


def priced(model: str, provider: str, requests: int, asked: Asked, told: Told) -> tuple[str, str] | None:
    """The model and the provider that requests are taken to be sent to; ``None`` where they have no price."""
    if asked.model is not None:
        model, provider = asked.model, provider_of(asked.model, "openai")
    if asked.prices.rates(model, provider) is None:
        told.unpriced[model] += requests
        return None
    return model, provider


def breakpoints(
    model: str, provider: str, cached: bool, *, marked: bool, hours: bool
) -> tuple[Callable[[Pieces], Pieces], bool]:
    """What sets the breakpoints of requests, and whether they are inferred.

    Where no record shows any and the provider tells of reads and writes, the client set some.
    """
    inferred = cached and not marked and rule_of(model, provider).engine == "marks"
    return (_agents(hours) if inferred else _own), inferred


def _own(pieces: Pieces) -> Pieces:
    return pieces


def _agents(hours: bool) -> Callable[[Pieces], Pieces]:
    """Breakpoints as Claude Code sets them: after the system prompt, and at the latest two messages of the user's."""
    ttl = "1h" if hours else None

    def placed(pieces: Pieces) -> Pieces:
        head = max(pieces.head, 1) - 1
        places = {head, pieces.newest, pieces.newest - 2}
        return pieces.marked([Mark(place, ttl) for place in places if head <= place < len(pieces.chain)])

    return placed


def _marks(call: Logged) -> bool:
    prompt = counter().prompt(call.dialect, call.body, call.model)
    return bool(call.body.get("cache_control")) or any(piece.marked for piece in prompt.pieces)


def _turn(call: Logged, model: str, at: float, unseen: dict[bytes, int], placed: Callable[[Pieces], Pieces]) -> Turn:
    said = (call.tokens.input_tokens or 0) if call.tokens is not None else 0
    own = own_tokens(call.dialect, call.body, call.model)
    before = 0
    if call.dialect != "chat":
        # What a summary has taken the place of begins anew.
        begins = counter().prompt(call.dialect, {"messages": _first(call.body)}, call.model).digest
        before = unseen.setdefault(begins, hidden(own, said))
    if model != call.model:  # another model counts otherwise; what no log shows is as long as it was
        own = own_tokens(call.dialect, call.body, model)
        said = own + before
    written = call.facts.written
    used = words_of(written.text, [part[1] for part in written.tool_calls]) if written is not None else frozenset[str]()
    return turn_of(call.thread, at, call.dialect, model, call.body, own, said, before, used, placed)


def _first(body: Mapping[str, Any]) -> list[Any]:
    turns: Any = body.get("messages") or body.get("input")
    return list(turns[:1]) if isinstance(turns, list | tuple) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _heard(call: Logged, turn: Turn, provider: str, asked: Asked) -> Heard:
    prompt = counter().prompt(turn.dialect, turn.body, turn.model)
    key = prompt.digest + turn.model.encode("utf-8", "surrogatepass")
    tokens, at = call.tokens, call.time / _SECOND
    counted = tokens is not None and tokens.input_tokens is not None and tokens.input_source == "provider"
    written = _written(call) if tokens is None or tokens.output_tokens is None else tokens.output_tokens
    rates = asked.prices.rates(turn.model, provider, "", None if asked.model else at, turn.plain.total)
    output = round(written * rates.output) if rates is not None and rates.output is not None else 0
    error = 0.0 if counted and asked.model is None else counter().expected(prompt, turn.model, provider)[1]
    if tokens is None or not counted or asked.model is not None:
        return Heard(key, _fixed(turn), None, output, 0, False, error)
    cost = asked.prices.cost(
        tokens, model=call.model, provider=provider, tier=call.facts.service_tier, batch=call.batch, at=at
    )
    if cost.nano_usd is None or cost.output is None:
        return Heard(key, _fixed(turn), None, output, 0, False, error)
    cached = bool(tokens.cache_read or tokens.cache_write)
    return Heard(key, _fixed(turn), cost.nano_usd - cost.output, cost.output, tokens.cache_read or 0, cached, error)


def _written(call: Logged) -> int:
    """Tokens of a reply that nobody counted."""
    said = call.facts.written
    if said is None:
        return 0
    texts = (said.text, said.reasoning, *(part for tool in said.tool_calls for part in tool))
    return sum(counter().text(text, call.model) for text in texts if text)


def _fixed(turn: Turn) -> bool:
    """Whether :class:`tokeneff.Cache` keeps the reply without being told ``when="always"``."""
    body = turn.body
    if body.get("temperature") == 0 or type(body.get("seed")) is int:
        return True
    reasoning: Mapping[str, Any] = fields(body.get("reasoning")) or {}
    return takes_no_sampling(turn.model, body.get("reasoning_effort") or reasoning.get("effort"))
