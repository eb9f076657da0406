"""An index finds what is not in memory, and what other processes have asked; it proposes, and decides nothing."""

from __future__ import annotations

import sqlite3
import sys
from array import array
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cache_lab import CHAT, Lab, said
from cache_store_kit import kinds, servers_by_kind
from hypothesis import given, settings
from hypothesis import strategies as st
from test_semantic_neighbourhoods import THINGS, WAYS, Asker, dense, letters
from test_semantic_neighbourhoods import said as replied

import tokeneff
from tokeneff.cache._codec import Codec
from tokeneff.cache._place import settled
from tokeneff.cache.semantic import Neighbourhoods, Semantic, index_of
from tokeneff.cache.semantic._dense import normal
from tokeneff.cache.semantic._index import Near
from tokeneff.cache.semantic._index_sqlite import SQLiteIndex, _module
from tokeneff.cli import main
from tokeneff.errors import StoreError

CAN = hasattr(_module().Connection, "enable_load_extension")

__all__ = ["servers_by_kind"]


@pytest.fixture(params=["sqlite-vec", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def place(kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of a store that can have an index."""
    if kind == "sqlite-vec":
        return request.getfixturevalue("url")
    pytest.importorskip("redis")
    if not kinds():
        pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
    servers: Callable[[str], Any] = request.getfixturevalue("servers_by_kind")
    url: str = servers(kinds()[0]).url("redis")
    try:
        index_of(url, "redis").clear()
    except StoreError as fault:
        pytest.skip(str(fault))
    return url


@pytest.fixture
def url(tmp_path: Path) -> str:
    pytest.importorskip("sqlite_vec")
    if not CAN:
        pytest.skip("this Python's sqlite3 loads no extensions, and there is no pysqlite3")
    return f"sqlite:///{tmp_path}/cache.db"


def places(index: Any, most: int = 10_000) -> Neighbourhoods:
    semantic = Semantic(letters, 0.1, confidence=0.9, most=most, index="sqlite-vec")
    return Neighbourhoods(semantic, coin=lambda: 0.5, index=index)


def test_what_is_not_in_memory_is_found_and_served(place: str, kind: str) -> None:
    def served(index: Any) -> list[str]:
        asker = Asker(places(index, most=6))
        asker.trust(160)
        return [
            thing
            for thing in THINGS
            if asker.ask(WAYS[0].format(thing) + "!", f"so you get your {thing}").serve is not None
        ]

    assert len(served(None)) <= 2
    assert len(served(index_of(place, kind))) >= 9


def test_another_process_finds_it_at_once(place: str, kind: str) -> None:
    asker = Asker(places(index_of(place, kind)))
    asker.trust(30)
    other = Asker(places(index_of(place, kind)), numbers=count(10**6))
    other.kept |= asker.kept

    assert other.places.totals()["questions"] == 0
    assert other.ask(WAYS[0].format("card"), "so you get your card").explore in asker.kept
    assert other.places.consider(b"another context", WAYS[0].format("card")).explore is None
    assert dense(len, index=index_of(place, kind)).totals()["questions"] == 0


def test_what_has_no_reply_any_more_is_not_proposed(place: str, kind: str) -> None:
    asker = Asker(places(index_of(place, kind)))
    asker.trust(30)
    for key in asker.kept:
        asker.places.forget(key)

    assert index_of(place, kind).keys() == set()
    assert asker.places.consider(b"context", WAYS[0].format("card")).explore is None
    asker.trust(10)
    asker.places.clear()
    assert index_of(place, kind).keys() == set()


VECTORS = st.lists(st.integers(-5, 5), min_size=4, max_size=4).filter(any)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.booleans(), VECTORS), max_size=40), VECTORS)
def test_it_finds_what_memory_finds(steps: list[tuple[bool, list[int]]], asked: list[int]) -> None:
    from tempfile import TemporaryDirectory

    pytest.importorskip("sqlite_vec")
    if not CAN:
        pytest.skip("this Python's sqlite3 loads no extensions, and there is no pysqlite3")
    with TemporaryDirectory() as folder:
        index, alive = SQLiteIndex(f"sqlite:///{folder}/cache.db"), dict[bytes, list[float]]()
        index.check()
        for number, (drops, vector) in enumerate(steps):
            if drops and alive:
                index.drop([next(iter(alive))])
                del alive[next(iter(alive))]
                continue
            key = number.to_bytes(32, "big")
            alive[key] = normal(vector)
            index.add(b"one", key, array("f", alive[key]).tobytes(), b"record")
            index.add(b"other", key[:-1] + b"x" + key[-1:], array("f", normal(asked)).tobytes(), b"record")
        wanted = normal(asked)
        found = index.nearest(b"one", array("f", wanted).tobytes(), 5)
        index.close()
    likes = {key: sum(a * b for a, b in zip(vector, wanted, strict=True)) for key, vector in alive.items()}
    assert [likes[one.key] for one in found] == pytest.approx(sorted(likes.values(), reverse=True)[:5], abs=1e-5)


class Odd:
    """Proposes whatever it was told to."""

    def __init__(self, rows: list[Near] | None = None) -> None:
        self.rows = rows

    def nearest(self, context: bytes, vector: bytes, most: int) -> list[Near]:
        if self.rows is None:
            raise OSError("the disk is gone")
        return self.rows

    def __getattr__(self, name: str) -> Any:
        if self.rows is None:
            raise OSError("the disk is gone")
        return lambda *args: None


def test_the_worst_that_it_proposes_is_refused_or_looked_at_first() -> None:
    text = b'["how do I not get my card", ["a", "b", []]]'
    right = b'["How do I get my card", ["a", "b", []]]'
    vector = array("f", normal(letters([WAYS[0].format("card")])[0])).tobytes()
    rows = [
        Near(
            bytes([number]) * 32,
            vector,
            Codec().pack(bytes([number]) * 32, tokeneff.cache.Reply("bytes", (), body)),
            9,
            0,
        )
        for number, body in enumerate((text, right), 201)
    ]
    rows += [Near(bytes(32), vector, b"damaged", 9, 0), Near(bytes(32), b"", rows[0].record, 9, 0)]
    found = places(Odd(rows)).consider(b"context", WAYS[0].format("card"))

    assert (found.serve, found.explore) == (None, rows[1].key), "the bound is earned by looking"
    assert places(Odd(rows[:1])).consider(b"context", WAYS[0].format("card")).explore is None


def test_without_it_there_is_what_memory_has(caplog: pytest.LogCaptureFixture) -> None:
    asker = Asker(places(Odd()))
    asker.trust(130)

    assert asker.served > 0
    assert len([record for record in caplog.records if "index of questions" in record.message]) == 1


def test_a_damaged_file_is_one_without(url: str, tmp_path: Path) -> None:
    (tmp_path / "cache.db-vectors").write_text("no database " * 500)
    asker = Asker(places(index_of(url)))
    asker.trust(130)

    assert asker.served > 0


def test_what_is_purged_is_in_no_index_either(place: str, kind: str, lab: Lab, tmp_path: Path) -> None:
    semantic = Semantic(lambda texts: [[1.0, 0.5]] * len(texts), 0.5, confidence=0.5, explore=0.01, index=kind)
    client = lab.client("openai", "sync", tokeneff.Cache(place, semantic=semantic, by="tenant"))

    def ask(text: str, tenant: str) -> str:
        with tokeneff.tag(tenant=tenant):
            CHAT.ask(client, messages=[{"role": "user", "content": text}])
        settled()
        return said()[0]

    for number in range(12):
        ask("where is the library" + "?" * number, "acme")
    ask("where is the library", "globex")
    assert ask("Where is the library", "acme") == "semantic"
    assert main(["cache", "purge", "--store", place, "--scope", "tenant=acme", "--yes"]) == 0
    assert len(index_of(place, kind).keys()) == 1
    assert ask("where is the library!", "acme") == "miss"
    assert main(["cache", "purge", "--store", place, "--all", "--yes"]) == 0
    assert index_of(place, kind).keys() == set()
    if kind == "sqlite-vec":
        file = sqlite3.connect(tmp_path / "cache.db-vectors")
        assert file.execute("SELECT count(*) FROM vectors").fetchone() == (0,)
        file.close()
    assert ask("where is the library!!", "acme") == "miss"


# -- what cannot be


def test_what_makes_no_sense_is_said(url: str, lab: Lab) -> None:
    pytest.importorskip("cryptography")
    with pytest.raises(ValueError, match="index='faiss' is not known"):
        Semantic(letters, index="faiss")
    with pytest.raises(ValueError, match="holds vectors"):
        Semantic("lexical", index="sqlite-vec")
    semantic = Semantic(letters, index="sqlite-vec")
    with pytest.raises(StoreError, match="a file beside the replies"):
        lab.client("openai", "sync", {"semantic": semantic})
    with pytest.raises(StoreError, match="leave out index="):
        lab.client("openai", "sync", tokeneff.Cache(url, semantic=semantic, key="A" * 43 + "="))


def test_what_is_missing_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain: Any = SimpleNamespace(Connection=object, connect=None)
    monkeypatch.setattr("tokeneff.cache.semantic._index_sqlite._module", lambda: plain)
    with pytest.raises(StoreError, match="pysqlite3"):
        index_of(url)
    monkeypatch.setitem(sys.modules, "sqlite_vec", None)
    with pytest.raises(StoreError, match=r"tokeneff\[sqlite-vec\]"):
        index_of(url)


def test_replies_that_differ_are_told_apart(place: str, kind: str) -> None:
    """Two questions out of memory, one answer each: each is served its own."""
    asker = Asker(places(index_of(place, kind), most=4))
    asker.trust(160)
    for thing in ("card", "river"):
        found = asker.ask(WAYS[0].format(thing) + "!!", f"so you get your {thing}")
        assert found.serve is None or asker.kept[found.serve] == replied(f"so you get your {thing}")
