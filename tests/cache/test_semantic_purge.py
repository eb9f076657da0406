"""What is purged answers nobody, in whichever words they ask."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cache_lab import CHAT, Lab, said
from cache_store_kit import kinds, servers_by_kind
from test_semantic_neighbourhoods import WAYS, Asker, made

import tokeneff
from tokeneff.cache._place import place_of, settled
from tokeneff.cache.semantic import forget, journal_of
from tokeneff.cli import main
from tokeneff.errors import StoreUnavailable

__all__ = ["servers_by_kind"]

SEMANTIC = tokeneff.cache.Semantic("lexical", 0.5, confidence=0.5, explore=0.01)
FORMS = ("how do I get my {}", "How do I get my {}?", "how can I get my {} ?", "please, how do I get my {}...")
THINGS = ("card", "phone", "house")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokeneff.cache.semantic._memoir._PATIENCE", 60.0)


class Shop:
    """A client whose cache is in a file, and who has asked so much that it is answered in other words."""

    def __init__(self, lab: Lab, path: Path) -> None:
        self.url = f"sqlite:///{path / 'cache.db'}"
        self.cache = tokeneff.Cache(self.url, by="tenant", semantic=SEMANTIC)
        self.client = lab.client("openai", "sync", self.cache)
        self._numbers = count()

    def ask(self, thing: str, tenant: str, **more: Any) -> str:
        form = FORMS[next(self._numbers) % len(FORMS)]
        text = form.format(thing) + "!" * next(self._numbers)
        with tokeneff.tag(tenant=tenant, kind=thing):
            CHAT.ask(self.client, messages=[{"role": "user", "content": text}], **more)
        settled()
        return said()[0]

    def fill(self, tenant: str, **more: Any) -> None:
        for _ in range(40):
            for thing in THINGS:
                self.ask(thing, tenant, **more)
        assert [self.ask(thing, tenant, **more) for thing in THINGS].count("semantic") >= 2

    def purge(self, *argv: str) -> None:
        assert main(["cache", "purge", "--store", self.url, "--yes", *argv]) == 0

    def known(self) -> dict[str, float]:
        place = place_of(self.cache)
        assert place is not None
        return place.neighbourhoods(SEMANTIC).totals()


@pytest.fixture(params=["told", "not told yet"])
def shop(lab: Lab, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Others are told at once what was forgotten, or not before the test is over."""
    monkeypatch.setattr("tokeneff.cache.semantic._memoir._EVERY", 0.0 if request.param == "told" else 3600.0)
    made = Shop(lab, tmp_path)
    made.fill("acme")
    return made


def test_all(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = shop.known()
    shop.purge("--all")

    assert f"{before['questions']:.0f} questions forgotten with them" in capsys.readouterr().out
    assert b"house" not in b"".join(path.read_bytes() for path in tmp_path.glob("cache.db-semantic*"))
    assert [shop.ask(thing, "acme") for thing in THINGS] == ["miss"] * 3
    other = tokeneff.Cache(shop.url, by="tenant", semantic=tokeneff.Semantic("lexical", 0.5, confidence=0.5, most=9))
    place = place_of(other)
    assert place is not None
    place.neighbourhoods(other.semantic).consider(b"context", "anything")  # type: ignore[arg-type]
    assert place.neighbourhoods(other.semantic).totals()["questions"] == 3  # type: ignore[arg-type]


def test_all_takes_what_was_learnt_as_well(shop: Shop) -> None:
    assert shop.known()["judged"] > 0
    shop.purge("--all")
    place = place_of(shop.cache)
    assert place is not None
    place.neighbourhoods(SEMANTIC)._memoir._next = 0.0  # type: ignore[union-attr]
    shop.ask("card", "acme")

    assert shop.known() | {"evidence": 0} == {"contexts": 1, "questions": 1, "judged": 0, "wrong": 0, "evidence": 0}


def test_of_one_tenant(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.fill("globex")
    capsys.readouterr()
    shop.purge("--scope", "tenant=acme")

    assert "forgotten with them" in capsys.readouterr().out
    assert [shop.ask(thing, "acme") for thing in THINGS] == ["miss"] * 3
    assert "semantic" in [shop.ask(thing, "globex") for thing in THINGS]
    assert "semantic" in [shop.ask("card", "acme") for _ in range(8)], "what was learnt stays"


def test_by_tag_and_by_model(shop: Shop) -> None:
    shop.fill("acme", model="gpt-4.1")
    shop.purge("--tag", "kind=card")
    assert shop.ask("card", "acme") == "miss"
    assert "semantic" in [shop.ask(thing, "acme") for thing in THINGS[1:]]
    shop.purge("--model", "gpt-4.1")
    assert [shop.ask(thing, "acme", model="gpt-4.1") for thing in THINGS] == ["miss"] * 3
    assert "semantic" in [shop.ask(thing, "acme") for thing in THINGS[1:]]


def test_what_cannot_be_forgotten_is_said(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    holder = sqlite3.connect(tmp_path / "cache.db-semantic", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    assert main(["cache", "purge", "--store", shop.url, "--yes", "--all"]) == 2
    assert "what was learnt of questions could not be forgotten" in capsys.readouterr().err
    holder.close()


# -- what others have learnt meanwhile


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_who_has_read_it_forgets_it_and_keeps_what_came_after(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/cache.db"
    if kind == "redis":
        pytest.importorskip("redis")
        if not kinds():
            pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
        servers: Callable[[str], Any] = request.getfixturevalue("servers_by_kind")
        url = servers(kinds()[0]).url("redis")
    monkeypatch.setattr("tokeneff.cache.semantic._memoir._EVERY", 3600.0)
    asker, other = (Asker(made(journal=journal_of(url)), numbers=count(10**6 * n)) for n in (1, 2))
    asker.trust(130)
    other.places.consider(b"context", "anything")
    some = sorted(asker.kept)[:4]
    assert forget(url, set(asker.kept) - set(some)) == 4
    journal = journal_of(url)
    assert journal is not None
    assert journal.keys() == set(asker.kept) - set(some)
    for one in (asker, other):
        one.places.learnt(one.places.consider(b"context", "again").token, some[0], asker.kept[some[0]])  # type: ignore[arg-type]
        monkeypatch.setattr("tokeneff.cache.semantic._memoir._EVERY", 0.0)
        one.places._memoir._next = 0.0  # type: ignore[union-attr]
        one.places.consider(b"context", "anything")
        assert one.places.totals()["questions"] == len(asker.kept) - 3
        assert one.places.totals()["judged"] > 20
    assert forget(url) == len(asker.kept) - 3
    assert forget(url) == 0
    asker.places.learnt(asker.places.consider(b"new", "again").token, some[1], asker.kept[some[1]])  # type: ignore[arg-type]
    for one in (asker, other):
        one.places.consider(b"context", WAYS[0].format("card"))
        assert one.places.totals() | {"evidence": 0} == {
            "contexts": 1, "questions": 1, "judged": 0, "wrong": 0, "evidence": 0,
        }  # fmt: skip


def test_a_note_that_is_none_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = f"sqlite:///{tmp_path}/cache.db"
    asker = Asker(made(journal=journal_of(url)))
    asker.trust(130)
    journal = journal_of(url)
    assert journal is not None
    for note in (b"forget ", b"forget x", b"forget x zz", b"forget x all more", b"forget \xff all"):
        journal.add(note)

    again = made(journal=journal_of(url))
    again.consider(b"context", "anything")
    assert again.totals()["questions"] == asker.places.totals()["questions"]


def test_nothing_is_made_to_be_forgotten(tmp_path: Path) -> None:
    assert forget(f"sqlite:///{tmp_path}/cache.db") == forget(f"sqlite:///{tmp_path}/cache.db", []) == 0
    assert forget("memory://x") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_cannot_be_asked(tmp_path: Path) -> None:
    (tmp_path / "cache.db-semantic").write_text("not a database " * 500)

    with pytest.raises(StoreUnavailable, match="could not be forgotten"):
        forget(f"sqlite:///{tmp_path}/cache.db")
