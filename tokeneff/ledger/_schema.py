"""The tables of a ledger file, and how a file of an earlier version becomes one of today.

Steps are only ever added at the end, and never changed: files made by them exist. The views hold no rows, so they are
made anew with each upgrade, from the code below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokeneff.ledger._columns import DETAILS, FACTS, HASHES, JSON_TEXTS, KINDS, PREFIXES, TEXTS, TRIMS, UNTRIMMED
from tokeneff.ledger._record import CallRecord

if TYPE_CHECKING:
    from sqlite3 import Connection

APPLICATION = 0x746F6B65
"""``PRAGMA application_id`` of a ledger file: "toke"."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE kinds (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,
            operation TEXT NOT NULL, sdk TEXT NOT NULL, provider TEXT NOT NULL, endpoint TEXT NOT NULL,
            request_model TEXT NOT NULL, model TEXT NOT NULL, service_tier TEXT NOT NULL, stream INTEGER NOT NULL,
            ending TEXT NOT NULL, error TEXT NOT NULL, status INTEGER, finish TEXT NOT NULL,
            usage_source TEXT NOT NULL, encoding TEXT NOT NULL, price_source TEXT NOT NULL,
            price_version TEXT NOT NULL, price_confidence TEXT NOT NULL)""",
        """CREATE TABLE prefixes (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,
            prefix_cause TEXT NOT NULL, prefix_part TEXT NOT NULL, prefix_detail TEXT NOT NULL)""",
        "CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
        "CREATE TABLE tagsets (id INTEGER PRIMARY KEY, tags TEXT NOT NULL UNIQUE)",
        """CREATE TABLE tags (tagset_id INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
            PRIMARY KEY (tagset_id, name)) WITHOUT ROWID""",
        """CREATE TABLE toolsets (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,
            toolset TEXT NOT NULL, tools TEXT NOT NULL)""",
        """CREATE TABLE facts (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind_id INTEGER NOT NULL,
            tagset_id INTEGER, session_id INTEGER, cost INTEGER,
            input_tokens INTEGER, output_tokens INTEGER, cache_read INTEGER, cache_write INTEGER, reasoning INTEGER,
            duration INTEGER, first_chunk INTEGER, retries INTEGER NOT NULL, chunks INTEGER NOT NULL,
            in_system INTEGER, in_tools INTEGER, in_user_history INTEGER, in_assistant_history INTEGER,
            in_tool_results INTEGER, in_attached INTEGER, in_user INTEGER,
            out_text INTEGER, out_reasoning INTEGER, out_tool_calls INTEGER,
            cost_input INTEGER, cost_cache_read INTEGER, cost_cache_write INTEGER, cost_output INTEGER,
            prefix_id INTEGER, prefix_repeated INTEGER, prefix_position INTEGER, prefix_lost INTEGER NOT NULL,
            prefix_cost INTEGER, stale_tokens INTEGER NOT NULL,
            toolset_id INTEGER, called_id INTEGER, system_id INTEGER, request_hash)""",
        "CREATE INDEX facts_time ON facts (time)",
        """CREATE TABLE details (id INTEGER PRIMARY KEY, call_id NOT NULL UNIQUE, response_id TEXT NOT NULL,
            cache_write_1h INTEGER, image_input INTEGER, audio_input INTEGER, audio_output INTEGER,
            counted INTEGER, expected_error REAL, scale REAL, decisions_id INTEGER, content TEXT)""",
        # Counted up whenever shared rows (texts, kinds …) are deleted, so that no writer goes on using a remembered id.
        "CREATE TABLE sweeps (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL)",
        "INSERT INTO sweeps VALUES (1, 0)",
    ),
    (
        # What writers could not keep, told by them as soon as they could write again.
        """CREATE TABLE losses (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, calls INTEGER NOT NULL,
            cause TEXT NOT NULL)""",
    ),
    # Requests that were made more than once are found by it, without sorting all there are.
    ("CREATE INDEX facts_request ON facts (request_hash, kind_id) WHERE request_hash <> ''",),
    (
        # See `_blocks`: filled later, little by little.
        """CREATE TABLE blocks (id INTEGER PRIMARY KEY, calls INTEGER NOT NULL, layout TEXT NOT NULL,
            data BLOB NOT NULL)""",
        # Few calls have decisions: these are found without reading the others.
        "CREATE INDEX details_decisions ON details (decisions_id) WHERE decisions_id IS NOT NULL",
    ),
    (
        # Of calls that were looked at for trimming.
        """CREATE TABLE trims (id INTEGER PRIMARY KEY, trim TEXT NOT NULL, trim_conversation, trim_edits TEXT NOT NULL,
            trim_texts INTEGER NOT NULL, trim_tokens INTEGER, trim_tokens_source TEXT NOT NULL, trim_gain INTEGER,
            trim_expected INTEGER, trim_realised INTEGER, trim_untrimmed INTEGER, trim_source TEXT NOT NULL,
            trim_baseline INTEGER)""",
    ),
)

VERSION = len(STEPS)


def upgrade(connection: Connection) -> None:
    """Bring the file to today's version; to be called within a transaction that holds the write lock.

    Args:
        connection: in autocommit mode (``isolation_level=None``).
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version >= VERSION:
        return
    for step in STEPS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute("DROP VIEW IF EXISTS calls")
    connection.execute(view())
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def view() -> str:
    """The view ``calls``: the columns are the fields of :class:`CallRecord`, in its order.

    Each text is looked up by a subquery of its own, which SQLite leaves out wherever the column is not asked for (a
    join it would perform for every row).
    """
    return f"CREATE VIEW calls AS SELECT\n    {columns()}\nFROM facts AS f"


def columns() -> str:
    """The fields of a record, found from a row ``f`` of ``facts``."""
    return ",\n    ".join(f"{_expression(name)} AS {name}" for name in CallRecord._fields)


def _expression(name: str) -> str:
    if name in FACTS:
        return _hash(f"f.{name}") if name in HASHES else f"f.{name}"
    if name in DETAILS:
        found = f"(SELECT {name} FROM details WHERE id = f.id)"
        return _hash(found) if name in HASHES else found
    if name in TRIMS:
        found = f"(SELECT {name} FROM trims WHERE id = f.id)"
        found = _hash(found) if name in HASHES else found
        return f"ifnull({found}, {UNTRIMMED[name]})" if name in UNTRIMMED else found
    if name in KINDS:
        return f"(SELECT {name} FROM kinds WHERE id = f.kind_id)"
    if name in PREFIXES:
        return f"ifnull((SELECT {name} FROM prefixes WHERE id = f.prefix_id), '')"
    if name in ("toolset", "tools"):
        empty = "''" if name == "toolset" else "'[]'"
        return f"ifnull((SELECT {name} FROM toolsets WHERE id = f.toolset_id), {empty})"
    if name == "tags":
        return "ifnull((SELECT tags FROM tagsets WHERE id = f.tagset_id), '{}')"
    empty = "'[]'" if name in JSON_TEXTS else "''"
    place = f"f.{TEXTS[name]}" if name != "decisions" else "(SELECT decisions_id FROM details WHERE id = f.id)"
    return f"ifnull((SELECT text FROM texts WHERE id = {place}), {empty})"


def _hash(found: str) -> str:
    return f"CASE typeof({found}) WHEN 'blob' THEN lower(hex({found})) ELSE {found} END"
