"""From a ledger's records to conversations: replayed as they were where content is kept, else by counts and digests."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from tokeneff._flow import Facts, Tokens
from tokeneff.advise._asked import Asked, Told
from tokeneff.advise._content import request_of
from tokeneff.advise._strand import Heard, Strand
from tokeneff.advise._traffic import breakpoints, priced, strand_of
from tokeneff.ledger._reading import record_of_row
from tokeneff.ledger._record import CallRecord
from tokeneff.ledger._schema import columns
from tokeneff.logs._values import Logged
from tokeneff.promptcache import Pieces
from tokeneff.trim.planning._replay import Turn

_PAGE = 500
_SECOND = 1_000_000


def sessions(connection: sqlite3.Connection, asked: Asked, told: Told) -> Iterator[list[CallRecord]]:
    """The calls of each session with each model, one session's in memory at a time."""
    found: dict[str, list[CallRecord]] = {}
    session: str | None = None
    for record in _records(connection, asked.since):
        if record.session != session or not session:
            yield from found.values()
            found, session = {}, record.session
        if record.operation == "chat" and record.ending == "read" and record.input_tokens and record.model:
            found.setdefault(record.model, []).append(record)
        else:
            told.failed += 1
        told.decided.update(name for name, _, _ in record.decisions)
    yield from found.values()


def _records(connection: sqlite3.Connection, since: int | None) -> Iterator[CallRecord]:
    """In order of session and time; while they are used, nothing is locked."""
    where, values = ("", ()) if since is None else ("WHERE f.time >= ?", (since,))
    order = f"SELECT f.id FROM facts AS f {where} ORDER BY f.session_id, f.time, f.id"
    ids = array("q", (row[0] for row in connection.execute(order, values)))
    for start in range(0, len(ids), _PAGE):
        page = ids[start : start + _PAGE].tolist()
        marks = ", ".join("?" * len(page))
        rows = connection.execute(f"SELECT f.id, {columns()} FROM facts AS f WHERE f.id IN ({marks})", page)
        known = {row[0]: row[1:] for row in rows}
        yield from (record_of_row(known[row_id]) for row_id in page if row_id in known)


def longest(records: Sequence[CallRecord]) -> int:
    """Tokens of the longest request."""
    return max(record.input_tokens or 0 for record in records)


def strand_of_records(records: Sequence[CallRecord], start: float, asked: Asked, told: Told) -> Strand | None:
    """A conversation that can be replayed; ``None`` where there is no price for it."""
    shown = [_shown(record) for record in records]
    if all(shown):
        return strand_of([call for call in shown if call is not None], start, asked, told)
    first = records[0]
    place = priced(first.model, first.provider, len(records), asked, told)
    if place is None:
        return None
    cached = any(record.cache_read or record.cache_write for record in records)
    placed, inferred = breakpoints(*place, cached, marked=False, hours=any(one.cache_write_1h for one in records))
    turns: list[Turn] = []
    before = Pieces((), (), ())
    for record in records:
        before = _pieces(record, before)
        at = start + (record.time - first.time) / _SECOND
        name = record.session or record.call_id
        turns.append(Turn(name, at, "chat", place[0], {}, 1.0, 0, frozenset(), placed(before), placed))
    heard = tuple(_heard(record, place, asked) for record in records)
    return Strand(first.session or first.call_id, *place, tuple(turns), heard, False, not inferred, inferred)


def _pieces(record: CallRecord, before: Pieces) -> Pieces:
    """What is known of a request: its tools and system prompt, what it repeats of the one before it, and the rest."""
    total = record.input_tokens or 0
    top = min((record.in_tools or 0) + (record.in_system or 0), total)
    chain, ends = list[bytes](), list[int]()
    head = int(0 < top < total)
    if head:
        chain.append(_digest("head", record.toolset, record.system_hash))
        ends.append(top)
    if before.chain[: len(chain)] == tuple(chain):
        repeated = min(record.prefix_repeated or 0, total - 1)
        kept = sum(1 for end in before.ends if end <= repeated)
        if kept > len(chain):
            chain, ends = list(before.chain[:kept]), list(before.ends[:kept])
    chain.append(_digest(chain[-1].hex() if chain else "", record.request_hash or record.call_id))
    ends.append(total)
    # A request is what the model wrote, and what answers that: two blocks more.
    return Pieces(tuple(chain), tuple(ends), tuple(range(1, 2 * len(chain), 2)), 0, head, (), True, len(chain) - 1)


def _digest(*parts: str) -> bytes:
    return blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _heard(record: CallRecord, place: tuple[str, str], asked: Asked) -> Heard:
    model, provider = place
    key = f"{record.request_hash}\n{model}".encode("utf-8", "surrogatepass") if record.request_hash else b""
    costs = (record.cost_input, record.cost_cache_read, record.cost_cache_write)
    known = [cost for cost in costs if cost is not None]
    error = 0.0 if record.usage_source == "provider" else record.expected_error or 0.0
    if asked.model is None and record.usage_source == "provider" and known and record.cost is not None:
        cached = bool(record.cache_read or record.cache_write)
        return Heard(key, False, sum(known), record.cost_output or 0, record.cache_read or 0, cached, error)
    rates = asked.prices.rates(model, provider, "", None, record.input_tokens or 0)
    output = round((record.output_tokens or 0) * rates.output) if rates is not None and rates.output else 0
    return Heard(key, False, None, output, 0, False, error)


def _shown(record: CallRecord) -> Logged | None:
    """The call as a log has it, where what was said is kept."""
    found = request_of(record.content, record.model) if record.content else None
    if found is None:
        return None
    source = record.usage_source if record.usage_source in ("provider", "estimated") else "unknown"
    tokens = Tokens(
        record.input_tokens,
        record.output_tokens,
        record.cache_read,
        record.cache_write,
        record.reasoning,
        cache_write_1h=record.cache_write_1h,
        input_source=source,
        output_source=source,
    )
    return Logged(
        record.call_id,
        record.time,
        "chat",
        found[0],
        record.model,
        record.provider,
        record.sdk,
        record.session,
        record.session or record.call_id,
        tokens,
        Facts(service_tier=record.service_tier or None, written=found[1]),
    )
