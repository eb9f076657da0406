"""An append-only record of each settled call, in a SQLite file that many processes may write and read at once.

    from tokeneff.ledger import connect_readonly, open_ledger, read

    ledger = open_ledger("sqlite:///tokeneff.db")       # or sqlite:////absolute/path.db, or memory://
    ledger.add(record)                                  # queued; written within half a second
    with closing(connect_readonly("sqlite:///tokeneff.db")) as db:
        db.execute("SELECT model, sum(cost) FROM calls GROUP BY model")

**To read:** the view ``calls`` has exactly the fields of :class:`CallRecord`, under their names and in their order:
times and durations in microseconds, money in nano-dollars, ``NULL`` for "not known", ``stream`` 0 or 1, and as JSON

    tools       [["name", tokens], …]
    called      ["name", …]
    tags        {"name": "value", …}
    decisions   [["policy", "decision", nano-dollars or null], …]
    trim_edits  [["kind", edits], …]

A column that a query does not name costs nothing; one that is a text is looked up row by row. So over very many rows
sum up ``facts`` by its integer columns first, and look the texts up after, group by group:

    facts      one row a call: ``id``, ``time``, every figure that is summed up (``cost``, ``input_tokens``, ``in_*`` …,
               under the names of CallRecord; ``request_hash`` as it is, or as bytes if it is hexadecimal), and
               ``kind_id``, ``prefix_id``, ``toolset_id``, ``tagset_id`` and, of ``texts``, ``session_id``,
               ``called_id``, ``system_id`` (``system_hash``). An ``_id`` is NULL where there is none.
    kinds      ``id`` and operation, sdk, provider, endpoint, request_model, model, service_tier, stream, ending, error,
               status, finish, usage_source, encoding, price_source, price_version, price_confidence: a row for each
               combination that occurred, normally a few hundred.
    prefixes   ``id`` and prefix_cause, prefix_part, prefix_detail.
    toolsets   ``id``, toolset (the digest) and tools (JSON, as above).
    tagsets    ``id`` and tags (JSON, as above); the same by row in
    tags       ``tagset_id``, ``name``, ``value``.
    texts      ``id`` and text.
    details    ``id`` (that of ``facts``), call_id and response_id (bytes if hexadecimal: call_id), cache_write_1h,
               image_input, audio_input, audio_output, counted, expected_error, scale, ``decisions_id`` (of ``texts``),
               content.
    trims      ``id`` (that of ``facts``) and all fields that begin with ``trim`` (trim_conversation as bytes if
               hexadecimal), of calls that were looked at for trimming.
    blocks     the figures of ``facts`` again, packed by column, 8,192 calls a row: for reports; not to be relied upon.
    losses     ``time``, ``calls``, ``cause``: calls that a writer could not keep.

Indexes: ``facts (time)``, ``facts (request_hash, kind_id) WHERE request_hash <> ''``. To sum up requests that were made
more than once, find by the index alone which they are (for a million rows a second; grouping all of them takes ten)::

    … FROM facts WHERE request_hash IN (SELECT request_hash FROM facts WHERE request_hash <> ''
                                        GROUP BY request_hash HAVING count(*) > 1) GROUP BY request_hash

As spend by feature::

    SELECT t.value, sum(s.cost) FROM (SELECT tagset_id, sum(cost) AS cost FROM facts GROUP BY tagset_id) AS s
    LEFT JOIN tags AS t ON t.tagset_id = s.tagset_id AND t.name = 'feature' GROUP BY t.value
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tokeneff.ledger._record import CallRecord

if TYPE_CHECKING:
    from tokeneff.ledger._ledger import Ledger, open_ledger
    from tokeneff.ledger._reading import connect_readonly, read

__all__ = ["CallRecord", "Ledger", "connect_readonly", "open_ledger", "read"]

_LATER = {"Ledger": "_ledger", "open_ledger": "_ledger", "connect_readonly": "_reading", "read": "_reading"}


def __getattr__(name: str) -> Any:
    # Whoever wants only the record needs no SQLite.
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
