"""A conversation on its way through a market, turn by turn: what holds of each request, and from one to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any, NamedTuple

from trim_checks import assert_rules, dumped, messages_in, sdk_takes, snapshot
from trim_histories import Asked as AnyRequest
from trim_histories import random_history
from trim_market_kit import prices
from trim_texts import text, words

from tokeneff.adapters._hosts import Site
from tokeneff.errors import ContextTooLong
from tokeneff.tokens import counter
from tokeneff.trim import Trim
from tokeneff.trim._asked import Asked, Trimmed
from tokeneff.trim._changing import changed, replaced
from tokeneff.trim._history import Exchange, Path
from tokeneff.trim._market import Market
from tokeneff.trim._reading import history_of
from tokeneff.trim._validity import fault_of
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._stores import GuardedMemoStore, MemoryMemo
from tokeneff.trim.planning._batches import Batch

MODELS = {
    "chat": (("gpt-4.1-mini", "openai"), ("gpt-5.6-sol", "openai"), ("deepseek-chat", "deepseek")),
    "responses": (("gpt-5", "openai"), ("gpt-5.6-sol", "openai")),
    "messages": (("claude-sonnet-4-6", "anthropic"), ("claude-opus-5", "anthropic")),
}
_BLOCK = "\n".join(f"line {number} of a file that is read again and again" for number in range(40))


class Turn(NamedTuple):
    """A request, and what was made of it."""

    messages: list[Any]
    sent: list[Any]
    batch: Batch
    texts: Mapping[Path, str]


@cache
def market(lossy: bool, number: int = 0) -> Market:
    """One for all conversations of a process, as it is in a program."""
    return Market(Trim(lossy=lossy), Memo(GuardedMemoStore(MemoryMemo())), prices(), f"test {lossy} {number}")


def check_market(seed: int, number: int = 0) -> int:
    """Send a conversation through a market, as far as it makes valid requests; returns how many were trimmed."""
    r = Random(seed)
    found = random_history(seed, most=9)
    body = _grown(found, r)
    (model, provider), lossy = r.choice(MODELS[found.dialect]), r.random() < 0.5
    body = {**body, "model": model}
    whole = messages_in(found.dialect, body)
    stops = sorted({r.randint(1, len(whole)) for _ in range(2)} | {len(whole)}) if whole else []
    most = r.choice((None, None, 200, 2_000))
    through, before, trimmed = market(lossy, number), None, 0
    for stop in stops:
        asked = {**body, ("input" if found.dialect == "responses" else "messages"): whole[:stop]}
        if isinstance(whole[0], str) or fault_of(found.dialect, asked):
            continue
        before, shorter = sent(through, found.dialect, asked, provider, most, before)
        trimmed += shorter
    return trimmed


def _grown(found: AnyRequest, r: Random) -> dict[str, Any]:
    """The request with results that are worth making shorter."""
    history = history_of(found.dialect, found.body)
    if history is None or isinstance(found.body.get("input"), str):
        return found.body
    results = [spot.path for spot in history.spots if spot.kind in ("tool_result", "document") and not spot.fixed]
    return replaced(history, {path: _long(r) for path in results if r.random() < 0.6})


def _long(r: Random) -> str:
    match r.randrange(5):
        case 0:
            rows = [{"id": number, "name": words(r, 2), "tags": None} for number in range(r.randint(5, 60))]
            return json.dumps(rows, indent=r.choice((None, 2, 4)), ensure_ascii=r.random() < 0.5)
        case 1:
            return "\n".join(f"\x1b[3{number % 8}mstep {number % 7}\x1b[0m   " for number in range(r.randint(9, 90)))
        case 2:
            return _BLOCK
        case 3:
            return f"{text(r)}\n{_BLOCK}\n{text(r)}"
        case _:
            return text(r) + "\n" * r.randint(1, 9) + "=" * r.randint(1, 900)


def sent(
    through: Market, dialect: str, body: dict[str, Any], provider: str, most: int | None, before: Turn | None
) -> tuple[Turn | None, bool]:
    taken = snapshot(body)
    history = history_of(dialect, body)
    assert history is not None
    prompt = counter().prompt(dialect, body, body["model"])
    total = sum(piece.tokens for piece in prompt.pieces)
    asked = Asked(history, prompt, body["model"], Site(provider, "h", 443, "h"), None, total, most)
    try:
        made = through.trimmed(asked)
    except ContextTooLong:
        assert most is not None
        return before, False
    assert snapshot(body) == taken
    if most is not None:
        assert made.after <= most
    if made.body is not body:
        assert fault_of(dialect, made.body) == ""
        # What the model cited since, it cited of what it was sent: without what was gone by then.
        texts, gone = ({}, ()) if before is None else (before.texts, before.batch.gone)
        assert_rules(dialect, changed(history, texts, [Exchange(*row) for row in gone]), made.body)
        assert not sdk_takes(dialect, body) or sdk_takes(dialect, made.body)
    batch = through._planner.standing(history)
    turn = Turn(_plain(dialect, body), _plain(dialect, made.body), batch, made.texts)
    _assert_rest_is_the_callers(dialect, body, made, batch)
    if before is not None and _same(before.batch, batch):
        assert turn.sent[: len(before.sent)] == before.sent, "what was sent stays"
    return turn, made.body is not body


def _same(one: Batch, other: Batch) -> bool:
    return (one.texts, one.gone) == (other.texts, other.gone)


def _plain(dialect: str, body: Mapping[str, Any]) -> list[str]:
    """Its messages, without breakpoints."""
    return [json.dumps(_unmarked(dumped(one)), default=repr) for one in messages_in(dialect, body)]


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(item) for key, item in value.items() if key != "cache_control"}
    return [_unmarked(item) for item in value] if isinstance(value, list) else value


def _assert_rest_is_the_callers(dialect: str, body: Mapping[str, Any], made: Trimmed, batch: Batch) -> None:
    """What holds none of the texts that are replaced is the caller's own object, but for one breakpoint more."""
    key = "input" if dialect == "responses" else "messages"
    assert all(made.body[name] is value for name, value in body.items() if name not in (key, "system", "tools"))
    gone = {place for start, stop in batch.gone for place in range(start, stop)}
    if made.body is body or len(made.body[key]) != len(body[key]) - len(gone):
        assert made.body is body or made.gone
        return
    kept = [place for place in range(len(body[key])) if place not in gone]
    edited = {path[1] for path in made.texts}
    anchor = made.planned is not None and made.planned.anchor is not None
    for sent, place in zip(made.body[key], kept, strict=True):
        own = body[key][place]
        if place not in edited and sent is not own:
            assert anchor
            assert _unmarked(dumped(sent)) == _unmarked(dumped(own))
