"""Records into rows: what calls share is written once, and a call that is there already is left alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Hashable, Iterable, Sequence
from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from tokeneff._log import log_once
from tokeneff._plain import sound
from tokeneff.ledger._columns import FACTS, KINDS, PREFIXES, TRIMS
from tokeneff.ledger._record import CallRecord

if TYPE_CHECKING:
    from sqlite3 import Connection

_MOST_KNOWN = 20_000
"""Shared rows of one table whose ids are remembered; a full memory is emptied."""
_HEX = frozenset("0123456789abcdef")

_FACT_IDS = ("kind_id", "prefix_id", "toolset_id", "tagset_id", "session_id", "called_id", "system_id")
_DETAIL_FIELDS = ("cache_write_1h", "image_input", "audio_input", "audio_output", "counted", "expected_error", "scale")
_FACT_FIELDS = tuple(name for name in FACTS if name != "request_hash")
_kind = attrgetter(*KINDS)
_prefix = attrgetter(*PREFIXES)
_figures = attrgetter(*_FACT_FIELDS)
_details = attrgetter(*_DETAIL_FIELDS)
_TRIM_TEXTS = ("trim", "trim_conversation", "trim_edits", "trim_tokens_source", "trim_source")
_TRIM_FIGURES = tuple(name for name in TRIMS if name not in _TRIM_TEXTS)
_trim_figures = attrgetter(*_TRIM_FIGURES)
_trims = attrgetter(*TRIMS)
_NO_TRIM = tuple(CallRecord._field_defaults[name] for name in TRIMS)
# Packing is the quickest way to see that figures are numbers, of at most 64 bits.
_pack_figures = struct.Struct(f"{len(_FACT_FIELDS)}q").pack
_pack_details = struct.Struct("5q2d").pack
_pack_trims = struct.Struct(f"{len(_TRIM_FIGURES)}q").pack
_pack_status = struct.Struct("q").pack


def _insert_sql(table: str, columns: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


_FACT_SQL = _insert_sql("facts", ("id", *_FACT_FIELDS, "request_hash", *_FACT_IDS))
_DETAIL_SQL = _insert_sql("details", ("id", "call_id", "response_id", *_DETAIL_FIELDS, "decisions_id", "content"))
_TRIM_SQL = _insert_sql("trims", ("id", *TRIMS))
_NO_PREFIX = ("", "", "")
_STREAM, _STATUS = KINDS.index("stream"), KINDS.index("status")


class Inserter:
    """Writes records through one connection, and remembers the ids of the rows that calls share.

    The ids are good only if the transaction that found them is committed, and nobody has deleted shared rows since.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, dict[Hashable, int]] = {}
        self._sweeps: int | None = None
        self.next_id = 1
        """After `insert`: of the row that would come next."""

    def insert(self, records: Iterable[CallRecord]) -> tuple[int, int]:
        """Insert those records that are not there yet, within a transaction that holds the write lock.

        Returns:
            How many rows were added, and how many records are no rows (their values fit no column).
        """
        connection = self._connection
        sweeps: int = connection.execute("SELECT count FROM sweeps").fetchone()[0]
        if sweeps != self._sweeps:
            self._known.clear()
            self._sweeps = sweeps
        fresh, unfit = self._unknown(records)
        next_id: int = connection.execute("SELECT ifnull(max(id), 0) + 1 FROM facts").fetchone()[0]
        facts: list[tuple[Any, ...]] = []
        details: list[tuple[Any, ...]] = []
        trims: list[tuple[Any, ...]] = []
        for call_id, record in fresh.items():
            try:
                trim = () if _trims(record) == _NO_TRIM else (_trimmed(next_id, record),)
                fact, detail = self._rows(next_id, call_id, record)
            except (TypeError, ValueError, AttributeError, struct.error) as fault:
                unfit += _unfit(fault)
                continue
            facts.append(fact)
            details.append(detail)
            trims += trim
            next_id += 1
        connection.executemany(_FACT_SQL, facts)
        connection.executemany(_DETAIL_SQL, details)
        connection.executemany(_TRIM_SQL, trims)
        self.next_id = next_id
        return len(facts), unfit

    def forget(self) -> None:
        """The transaction was rolled back: no id that it gave is good."""
        self._known.clear()

    def _unknown(self, records: Iterable[CallRecord]) -> tuple[dict[str | bytes, CallRecord], int]:
        """Those of the records that the file has not, each once, and how many have no id."""
        fresh: dict[str | bytes, CallRecord] = {}
        unfit = 0
        for record in records:
            try:
                fresh.setdefault(packed(_text(record.call_id)), record)
            except (TypeError, AttributeError) as fault:
                unfit += _unfit(fault)
        ids = list(fresh)
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            places = ", ".join("?" * len(part))
            for (there,) in self._connection.execute(f"SELECT call_id FROM details WHERE call_id IN ({places})", part):
                del fresh[there]
        return fresh, unfit

    def _rows(self, row_id: int, call_id: str | bytes, record: CallRecord) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        prefix = _prefix(record)
        figures, details = _figures(record), _details(record)
        _pack_figures(*[figure or 0 for figure in figures])
        _pack_details(*[figure or 0 for figure in details])
        ids = (
            self._id("kinds", _kind(record), self._kind),
            None if prefix == _NO_PREFIX else self._id("prefixes", prefix, self._prefix),
            self._toolset(record),
            None if not record.tags else self._id("tagsets", record.tags, self._tagset),
            self._text(record.session),
            self._json(record.called),
            self._text(record.system_hash),
        )
        decisions = self._json(record.decisions)
        content = None if record.content is None else _text(record.content)
        return (
            (row_id, *figures, packed(_text(record.request_hash)), *ids),
            (row_id, call_id, _text(record.response_id), *details, decisions, content),
        )

    def _id(self, table: str, key: Hashable, find: Callable[[Any], int]) -> int:
        known = self._known.setdefault(table, {})
        found = known.get(key)
        if found is None:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            found = known[key] = find(key)
        return found

    def _text(self, text: str) -> int | None:
        return self._id("texts", text, self._find_text) if text else None

    def _json(self, value: tuple[Any, ...]) -> int | None:
        return self._id("json", value, lambda value: self._find_text(to_json(value))) if value else None

    def _toolset(self, record: CallRecord) -> int | None:
        if not record.tools and not record.toolset:
            return None
        return self._id("toolsets", (record.toolset, record.tools), self._find_toolset)

    def _kind(self, values: tuple[Any, ...]) -> int:
        numbers = {"stream": int(bool(values[_STREAM])), "status": values[_STATUS]}
        _pack_status(values[_STATUS] or 0)
        row = [numbers[name] if name in numbers else _text(value) for name, value in zip(KINDS, values, strict=True)]
        return self._find("kinds", KINDS, tuple(row))

    def _prefix(self, values: tuple[str, ...]) -> int:
        return self._find("prefixes", PREFIXES, tuple(map(_text, values)))

    def _find_toolset(self, values: tuple[str, tuple[Any, ...]]) -> int:
        return self._find("toolsets", ("toolset", "tools"), (_text(values[0]), to_json(values[1])))

    def _find(self, table: str, columns: Sequence[str], values: tuple[Any, ...]) -> int:
        key = blake2b(json.dumps(values).encode(), digest_size=16).digest()
        return self._get_or_add(table, ("key", *columns), (key, *values))[0]

    def _find_text(self, text: str) -> int:
        return self._get_or_add("texts", ("text",), (_text(text),))[0]

    def _tagset(self, tags: tuple[tuple[str, str], ...]) -> int:
        named = {_text(name): _text(value) for name, value in tags}
        row_id, added = self._get_or_add("tagsets", ("tags",), (to_json(named),))
        if added:
            rows = [(row_id, name, value) for name, value in named.items()]
            self._connection.executemany(_insert_sql("tags", ("tagset_id", "name", "value")), rows)
        return row_id

    def _get_or_add(self, table: str, columns: Sequence[str], values: tuple[Any, ...]) -> tuple[int, bool]:
        """The id of a shared row, told by its first column, and whether it is new."""
        found = self._connection.execute(f"SELECT id FROM {table} WHERE {columns[0]} = ?", values[:1]).fetchone()
        if found is not None:
            return found[0], False
        added = self._connection.execute(_insert_sql(table, columns), values).lastrowid
        assert added is not None
        return added, True


def _trimmed(row_id: int, record: CallRecord) -> tuple[Any, ...]:
    figures = _trim_figures(record)
    _pack_trims(*[figure or 0 for figure in figures])
    told = dict(zip(_TRIM_FIGURES, figures, strict=True))
    told["trim_conversation"] = packed(_text(record.trim_conversation))
    told["trim_edits"] = to_json(record.trim_edits)
    return row_id, *(told[name] if name in told else _text(getattr(record, name)) for name in TRIMS)


def _unfit(fault: Exception) -> int:
    log_once(("ledger row", type(fault)), "a call does not fit the ledger, and is left out: %r", fault)
    return 1


def packed(text: str) -> str | bytes:
    """Lower-case hexadecimal as bytes, any other text as it is: one form for each text, so that equals stay equal."""
    if not text or len(text) % 2 or not _HEX.issuperset(text):
        return text
    return bytes.fromhex(text)


def to_json(value: Any) -> str:
    """The one JSON text that a value has here."""
    return sound(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _text(text: str) -> str:
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{type(text).__name__} where a text belongs")
    return sound(text)
