"""Every edit undone to the byte, from what was sent and what was kept: in another process, too."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from trim_checks import dumped
from trim_histories import Asked as AnyRequest
from trim_histories import histories
from trim_recall_kit import LOG, MODELS, body_of, recalling

import tokeneff
from tokeneff.adapters._hosts import Site
from tokeneff.prices import Prices
from tokeneff.tokens import counter
from tokeneff.traces import Conversation, read
from tokeneff.trim._asked import Asked
from tokeneff.trim._changing import changed
from tokeneff.trim._market import Market
from tokeneff.trim._reading import history_of
from tokeneff.trim.arrival._arriving import Arrived
from tokeneff.trim.memo._opened import memo_of
from tokeneff.trim.memo._vault import Vault
from tokeneff.trim.planning._batches import Batch, Batches
from tokeneff.trim.recall._restoring import restored, with_originals

TRACES = Path(os.environ.get("TOKENEFF_TRACES", Path(__file__).parents[3] / "shared" / "data" / "traces"))
PRICES = Prices()
FILES = {
    "claude_code_sessions": 30_000,
    "miniswe_gemini3pro": 6_000,
    "tau2_airline_gpt5": 7_000,
    "tau_airline_gpt4o": 6_000,
}
"""Recorded conversations, and the tokens that they may have after some turns."""


def market_of(trim: tokeneff.Trim) -> Market:
    return Market(trim, memo_of(trim), PRICES, "a host", tenant="somebody", recall=trim.recall)


def asked_of(dialect: str, body: dict[str, Any], most: int | None) -> Asked:
    history = history_of(dialect, body)
    assert history is not None
    prompt = counter().prompt(dialect, body, body["model"])
    provider = "anthropic" if dialect == "messages" else "openai"
    total, _ = counter().expected(prompt, body["model"], provider)
    return Asked(history, prompt, body["model"], Site(provider, "h", 443, "h"), None, total, most)


def undone(market: Market, asked: Asked, sent: str) -> dict[str, Any]:
    """The request as it was, from what was sent: nothing of it is taken from the one that was asked."""
    batch = market._planner.standing(asked.history)
    arrived = market.arriving.arrive(asked.history, asked.model)
    return restored(asked.history.dialect, json.loads(sent), market.arriving, market.vault, arrived, batch)


@pytest.mark.parametrize("recall", [False, True], ids=["lossy", "recall"])
@pytest.mark.parametrize("dialect", MODELS)
def test_all_is_got_back_at_every_turn(dialect: str, recall: bool, tmp_path: Path) -> None:
    trim = recalling(recall=recall, lossy=True, store=f"sqlite:///{tmp_path}/a.db")
    rows = json.dumps([{"id": f"i-{n}", "name": f"thing {n}", "price": n * 1.5} for n in range(60)], indent=4)
    prose = "\n".join(f"{'abc'[n % 3] * (n % 17 + 3)} says {'xyz'[n % 3] * (n % 13 + 2)}" for n in range(1_500))
    texts = [LOG[:9_000], rows, prose, LOG, "\x1b[31mred\x1b[0m text\n" * 90, LOG[:30_000], rows, rows]
    calls: list[tuple[str, dict[str, Any], str]] = [("run", {"n": n}, text) for n, text in enumerate(texts)]
    calls += [("run", {"script": f"make {n} && " * 150}, "done") for n in range(8)]  # which only goes as a whole
    market, kinds, told = market_of(trim), set[str](), set[bool]()
    for turn in range(1, len(calls) + 1):
        body = body_of(dialect, [], calls[:turn])
        asked = asked_of(dialect, body, 4_500 if turn > 4 else None)
        trimmed = market.trimmed(asked)
        sent = json.dumps(trimmed.body)
        assert undone(market, asked, sent) == body
        told.add("recall_left_out" in sent)
        kinds |= {done.kind for done in trimmed.arrived.edits}
        if turn == len(calls):
            standing = market._planner.standing(asked.history)
            assert standing.gone
            assert any(text.startswith("[Left out") for text in standing.texts.values())
            assert undone(market_of(trim), asked, sent) == body, "in a process that knows nothing of it"
    assert kinds >= {"terminal", "json", "logs", "ends"}
    assert (True in told) is recall


def requests(name: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Of each conversation all requests; unless TOKENEFF_SOAK=1, of a few the first."""
    path = TRACES / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no recorded conversations at {TRACES}: set TOKENEFF_TRACES")
    conversations, turns = (None, None) if os.environ.get("TOKENEFF_SOAK") else (2, 20)
    for found in islice(read(path), conversations):
        assert isinstance(found, Conversation)
        dialect = "messages" if found.dialect == "anthropic" else "chat"
        yield dialect, [call.request for call in islice(found.calls, turns)]


@pytest.mark.parametrize("name", FILES)
def test_recorded_conversations_are_got_back_at_every_turn(name: str) -> None:
    edits = cleared = gone = 0
    for dialect, bodies in requests(name):
        market = market_of(recalling())
        model = "claude-opus-4-5" if dialect == "messages" else "gpt-5"
        for turn, request in enumerate(bodies):
            body = {**request, "model": model}
            asked = asked_of(dialect, body, FILES[name] if turn > 10 else None)
            try:
                trimmed = market.trimmed(asked)
            except tokeneff.ContextTooLong:
                continue
            assert undone(market, asked, json.dumps(trimmed.body)) == json.loads(json.dumps(body))
            edits += len(trimmed.arrived.edits)
            standing = market._planner.standing(asked.history)
            cleared, gone = cleared + len(standing.texts), gone + len(standing.gone)
    assert edits + cleared + gone


@settings(max_examples=60, deadline=None)
@given(histories())
def test_whatever_is_left_out_is_got_back(asked: AnyRequest) -> None:
    """Of requests of any kind, by chance: also of SDK models among their messages."""
    history, r = history_of(asked.dialect, asked.body), asked.chance
    assert history is not None
    texts = {spot.path: f"[{r.random()}]" for spot in history.spots if not spot.fixed and r.random() < 0.5}
    gone = [one for one in history.exchanges if one.free and r.random() < 0.3]
    vault = Vault(memo_of(recalling()))
    batch = with_originals(vault, history, Batch(texts, gone=tuple((one.start, one.stop) for one in gone)))
    sent = json.loads(json.dumps(dumped(changed(history, texts, gone))))
    assert restored(asked.dialect, sent, None, vault, Arrived(), batch) == json.loads(json.dumps(dumped(asked.body)))  # type: ignore[arg-type]


def test_what_a_limit_leaves_out_holds_over_what_was_decided_before() -> None:
    memo = memo_of(recalling())
    first, second = (history_of("chat", body_of("chat", [], [("run", {}, LOG)] * count)) for count in (3, 4))
    assert first is not None
    assert second is not None
    path, other = first.spots[1].path, first.spots[2].path
    planned, cut = Batch({path: "[planned]"}), Batch({path: "[planned]", other: "[cut]"}, gone=((3, 5),))
    batches = Batches(memo)
    assert [batches.add(first, planned), batches.add(first, cut), batches.add(first, cut, more=True)] == [
        planned,
        planned,
        cut,
    ]
    for seen in (batches, Batches(memo)):
        assert (seen.holding(first), seen.holding(second)) == (cut, cut)
