"""What is no ledger is refused with a sentence that helps; files of earlier versions become today's."""

from __future__ import annotations

import os
import pickle
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ledger_calls import call

from tokeneff.errors import LedgerError, TokeneffError
from tokeneff.ledger import Ledger, connect_readonly, open_ledger, read
from tokeneff.ledger._schema import STEPS, VERSION


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("tokeneff.db", "write sqlite:///tokeneff.db"),
        ("", "write sqlite:///tokeneff.db"),
        ("sqlite://tokeneff.db", "three slashes, as sqlite:///tokeneff.db"),
        ("sqlite:///", "names no file"),
        ("sqlite:///a/", "names no file"),
        ("sqlite:///a.db?mode=ro", "options .* are not known"),
        ("postgres://host/db", "no ledger of kind 'postgres'"),
        ("memory://shared", "write memory://"),
        ("sqlite:///:memory:", "is named memory://"),
        ("sqlite:///\ud800.db", "surrogates not allowed"),
        (f"sqlite:///{'long' * 100}.db", "File name too long; name another place"),
        (5, "not by a value of type int"),
        ("sqlite:////no/such/directory/calls.db", "there is no directory /no/such/directory; create it"),
    ],
)
def test_wrong_urls(url: str, said: str) -> None:
    with pytest.raises(LedgerError, match=said) as raised:
        open_ledger(url)
    assert isinstance(raised.value, TokeneffError)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://ada:verysecret@host/db", "'postgres://****@host/db'"),
        (
            "postgres://ada:very@secret/verysecret@host/db?sslkey=verysecret&x",
            "'postgres://****@host/db?****'",
        ),
        ("sqlite://ada:verysecret@host/a.db", "as sqlite:///****@host/a.db"),
        ("sqlite:///a@b.db?key=verysecret", "'sqlite:///a@b.db?****': options (key) are"),
    ],
)
def test_a_password_is_not_told(url: str, shown: str) -> None:
    with pytest.raises(LedgerError) as raised:
        open_ledger(url)
    assert shown in str(raised.value)
    assert "secret" not in str(raised.value)


def test_where_a_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for url, path in (
        ("sqlite:///a.db", "a.db"),
        ("sqlite:///~/b.db", "home/b.db"),
        (f"sqlite:///{tmp_path}/c d.db", "c d.db"),
    ):
        with open_ledger(url) as ledger:
            monkeypatch.chdir("/")  # a relative path is that of where it was opened
            ledger.add(call(1))
        monkeypatch.chdir(tmp_path)
        assert len(list(read(f"sqlite:///{tmp_path / path}"))) == 1


def test_not_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all, but a text of some length" * 50)
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE theirs (a)")
    (tmp_path / "folder.db").mkdir()
    for name, said in (
        ("text", "is not a SQLite database"),
        ("other", "another program's database"),
        ("folder", "is a directory"),
    ):
        with pytest.raises(LedgerError, match=said):
            open_ledger(f"sqlite:///{tmp_path}/{name}.db")
    for name, said in (
        ("text", "is not a SQLite database"),
        ("other", "another program's"),
        ("none", "there is no ledger"),
    ):
        with pytest.raises(LedgerError, match=said):
            connect_readonly(f"sqlite:///{tmp_path}/{name}.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "calls.db").touch()
    with open_ledger(f"sqlite:///{tmp_path}/calls.db") as ledger:
        ledger.add(call(1))
    assert list(read(f"sqlite:///{tmp_path}/calls.db")) == [call(1)]


def test_a_later_version_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    with open_ledger(url) as ledger:
        ledger.add(call(1))
    with closing(sqlite3.connect(tmp_path / "calls.db")) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    for opened in (open_ledger, connect_readonly):
        with pytest.raises(LedgerError, match=r"later tokeneff .*upgrade tokeneff"):
            opened(url)


# What version 1 made, word for word: files made by it exist.
VERSION_1 = """
CREATE TABLE kinds (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,
    operation TEXT NOT NULL, sdk TEXT NOT NULL, provider TEXT NOT NULL, endpoint TEXT NOT NULL,
    request_model TEXT NOT NULL, model TEXT NOT NULL, service_tier TEXT NOT NULL, stream INTEGER NOT NULL,
    ending TEXT NOT NULL, error TEXT NOT NULL, status INTEGER, finish TEXT NOT NULL,
    usage_source TEXT NOT NULL, encoding TEXT NOT NULL, price_source TEXT NOT NULL,
    price_version TEXT NOT NULL, price_confidence TEXT NOT NULL);
CREATE TABLE prefixes (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,
    prefix_cause TEXT NOT NULL, prefix_part TEXT NOT NULL, prefix_detail TEXT NOT NULL);
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE tagsets (id INTEGER PRIMARY KEY, tags TEXT NOT NULL UNIQUE);
CREATE TABLE tags (tagset_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (tagset_id, name)) WITHOUT ROWID;
CREATE TABLE toolsets (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, toolset TEXT NOT NULL, tools TEXT NOT NULL);
CREATE TABLE facts (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind_id INTEGER NOT NULL,
    tagset_id INTEGER, session_id INTEGER, cost INTEGER,
    input_tokens INTEGER, output_tokens INTEGER, cache_read INTEGER, cache_write INTEGER, reasoning INTEGER,
    duration INTEGER, first_chunk INTEGER, retries INTEGER NOT NULL, chunks INTEGER NOT NULL,
    in_system INTEGER, in_tools INTEGER, in_user_history INTEGER, in_assistant_history INTEGER,
    in_tool_results INTEGER, in_attached INTEGER, in_user INTEGER,
    out_text INTEGER, out_reasoning INTEGER, out_tool_calls INTEGER,
    cost_input INTEGER, cost_cache_read INTEGER, cost_cache_write INTEGER, cost_output INTEGER,
    prefix_id INTEGER, prefix_repeated INTEGER, prefix_position INTEGER, prefix_lost INTEGER NOT NULL,
    prefix_cost INTEGER, stale_tokens INTEGER NOT NULL,
    toolset_id INTEGER, called_id INTEGER, system_id INTEGER, request_hash);
CREATE INDEX facts_time ON facts (time);
CREATE TABLE details (id INTEGER PRIMARY KEY, call_id NOT NULL UNIQUE, response_id TEXT NOT NULL,
    cache_write_1h INTEGER, image_input INTEGER, audio_input INTEGER, audio_output INTEGER,
    counted INTEGER, expected_error REAL, scale REAL, decisions_id INTEGER, content TEXT);
CREATE TABLE sweeps (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
INSERT INTO sweeps VALUES (1, 0);
PRAGMA application_id = 1953459045;
PRAGMA user_version = 1;
INSERT INTO kinds VALUES (1, x'00', 'chat', 'openai', 'openai', 'api.openai.com', 'gpt-5', 'gpt-5-2025-08-07', '', 0,
    'read', '', NULL, '', 'provider', '', 'genai-prices', '', 'unknown');
INSERT INTO tagsets VALUES (1, '{"feature":"f1","user":"u"}');
INSERT INTO tags VALUES (1, 'feature', 'f1'), (1, 'user', 'u');
INSERT INTO toolsets VALUES (1, x'00', 'ab', '[["find",40]]');
INSERT INTO texts VALUES (1, 's1');
INSERT INTO facts (id, time, kind_id, tagset_id, session_id, cost, input_tokens, output_tokens, duration, retries,
    chunks, prefix_lost, stale_tokens, toolset_id, request_hash)
    VALUES (1, 1760000000000001, 1, 1, 1, 1000, 101, 10, 1000000, 0, 0, 0, 0, 1,
    x'00000000000000000000000000000001');
INSERT INTO details (id, call_id, response_id) VALUES (1, x'00000000000000000000000000000001', '');
"""


@pytest.mark.parametrize("reading", [True, False])
def test_a_file_of_version_1_becomes_todays(tmp_path: Path, reading: bool) -> None:
    with closing(sqlite3.connect(tmp_path / "calls.db")) as db:
        db.executescript(VERSION_1)
    url = f"sqlite:///{tmp_path}/calls.db"
    if reading:
        connect_readonly(url).close()
    else:
        open_ledger(url)
    new = f"sqlite:///{tmp_path}/new.db"
    open_ledger(new)
    with closing(connect_readonly(url)) as old, closing(connect_readonly(new)) as today:
        for statement in ("PRAGMA user_version", "PRAGMA application_id"):
            assert old.execute(statement).fetchall() == today.execute(statement).fetchall()
        shape = "SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2"
        assert old.execute(shape).fetchall() == today.execute(shape).fetchall()
    with open_ledger(url) as ledger:
        ledger.add(call(1))  # there already
        ledger.add(call(2))
    assert list(read(url)) == [call(1), call(2)]


def test_steps_are_only_ever_added() -> None:
    with closing(sqlite3.connect(":memory:")) as made, closing(sqlite3.connect(":memory:")) as told:
        for statement in STEPS[0]:
            made.execute(statement)
        told.executescript(VERSION_1)
        columns = "SELECT m.name, c.* FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'"
        assert made.execute(columns).fetchall() == told.execute(columns).fetchall()


def test_one_queue_for_one_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/calls.db"
    (tmp_path / "link").symlink_to(tmp_path)
    first, second = open_ledger(url), open_ledger(f"sqlite:///{tmp_path}/link/calls.db", content=True)
    assert first._writer is second._writer
    assert (first.content, second.content) == (False, True)
    first.add(call(1))
    assert second.flush()
    assert list(read(second)) == [call(1)]


def test_a_ledger_can_be_pickled(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/calls.db", content=True)
    other = pickle.loads(pickle.dumps(ledger))
    assert (other.url, other.content, repr(other)) == (ledger.url, True, repr(ledger))
    other.add(call(1))
    assert other.flush()
    assert list(read(ledger)) == [call(1)]


def test_the_journal_is_one_that_this_sqlite_keeps_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mode(name: str, version: tuple[int, int, int], kind: str = "ext4") -> str:
        monkeypatch.setattr("sqlite3.sqlite_version_info", version)
        mounts = tmp_path / "mounts"
        mounts.write_text(f"root / ext4 rw 0 0\nx {tmp_path} {kind} rw 0 0\n")
        monkeypatch.setattr("tokeneff._sqlite.filesystem._MOUNTS", mounts)
        with open_ledger(f"sqlite:///{tmp_path}/{name}") as ledger:
            ledger.add(call(1))
        with closing(sqlite3.connect(tmp_path / name)) as db:
            return db.execute("PRAGMA journal_mode").fetchone()[0]

    assert mode("a.db", (3, 51, 2)) == "delete"
    assert mode("b.db", (3, 51, 3)) == "wal"
    assert mode("b.db", (3, 51, 3)) == "wal"
    assert mode("b.db", (3, 40, 1)) == "delete"  # it would not be kept whole from here
    assert mode("c.db", (3, 51, 3), "nfs4") == "delete"
    assert mode("d.db", (3, 51, 3), "fuse.sshfs") == "delete"


def test_no_leftovers(tmp_path: Path) -> None:
    with open_ledger(f"sqlite:///{tmp_path}/calls.db") as ledger:
        ledger.add(call(1))
    assert os.listdir(tmp_path) == ["calls.db"]
