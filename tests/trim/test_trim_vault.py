"""Originals that something shorter stands for: found by who may know them, and by nobody else."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trim_arrival_kit import arriving, conversation, memo_of

from tokeneff.cache._codec import Codec
from tokeneff.trim._reading import history_of
from tokeneff.trim.memo._memo import Memo
from tokeneff.trim.memo._stores import GuardedMemoStore, MemoryMemo
from tokeneff.trim.memo._vault import Vault


@given(st.text(st.characters()))
def test_a_text_is_found_by_its_name(text: str):
    vault = Vault(memo_of())
    name = vault.keep(text)
    assert (len(name), vault.fetch(name), vault.keep(text)) == (32, text, name)


def test_half_a_character_is_kept_as_well():
    vault = Vault(memo_of())
    assert vault.fetch(vault.keep("\ud800 x")) == "\ud800 x"


def test_another_process_finds_it(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/a.db"
    first, second = memo_of(url), memo_of(url)
    name = Vault(first).keep("a text")
    assert (Vault(second).fetch(name), Vault(second).keep("a text")) == ("a text", name)
    first.close()
    second.close()


def test_another_scope_finds_nothing():
    memo = memo_of()
    mine, theirs = Vault(memo, "tenant=a"), Vault(memo, "tenant=b")
    name = mine.keep("a text")
    assert theirs.fetch(name) is None
    assert theirs.keep("a text") != name
    assert Vault(memo_of()).keep("a text") != Vault(memo_of()).keep("a text")  # of another store


def test_names_cannot_be_guessed_while_the_store_is_away_either(monkeypatch: pytest.MonkeyPatch):
    memo = memo_of()
    monkeypatch.setattr(memo.store, "secret", lambda: b"")
    vault = Vault(memo)
    name = vault.keep("a text")
    assert vault.fetch(name) == "a text"
    monkeypatch.setattr("tokeneff.trim.memo._vault._OWN", b"another process")
    assert vault.name_of("a text") != name


@pytest.mark.parametrize("name", ["", "zz", "00" * 16, "00" * 15, "é", "../../etc"])
def test_whatever_is_asked_for_is_no_error(name: str):
    assert Vault(memo_of()).fetch(name) is None


def test_what_is_kept_is_sealed():
    store = MemoryMemo()
    codec = Codec([b64encode(b"k" * 32).decode()])
    Vault(Memo(GuardedMemoStore(store), codec)).keep("a secret text " * 100)
    values = [store.get(entry.key).value for entry in store.entries()]  # type: ignore[union-attr]
    assert len(values) == 1
    assert b"secret" not in values[0]  # type: ignore[operator]


def test_an_original_that_is_gone_is_said_to_be():
    store = MemoryMemo()
    messages = conversation(("run", {}, "\x1b[31mred\x1b[0m text\n" * 60))
    history = history_of("chat", {"messages": messages})
    assert history is not None
    arrived = arriving(Memo(GuardedMemoStore(store))).arrive(history, "m")
    (path,) = arrived.texts
    assert arriving(Memo(GuardedMemoStore(store))).original(history, arrived, path) == messages[2]["content"]
    store.purge()
    with pytest.raises(LookupError, match="not in the vault any more"):
        arriving(Memo(GuardedMemoStore(store))).original(history, arrived, path)
