"""The same request sent, answered and paid for more than once."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._reading import Reading
from tokeneff.report._values import Finding
from tokeneff.report.html._say import several


def find(reading: Reading) -> Iterator[Finding]:
    """One finding over all requests that were answered more than once."""
    read = [str(key) for key, kind in reading.kinds.items() if kind.ending == "read"]
    answered = f"{reading.condition} AND f.request_hash <> '' AND f.kind_id IN ({', '.join(read)})"
    tokens = "ifnull(f.input_tokens, 0) + ifnull(f.output_tokens, 0)"
    # In two passes: the first one sorts nothing but hashes.
    sql = f"""SELECT count(*), sum(calls), sum(cost), sum(saves), sum(tokens), max(saves), id FROM (
        SELECT count(*) AS calls, sum(f.cost) AS cost, sum(f.cost) - max(f.cost) AS saves, max(f.id) AS id,
            sum({tokens}) - max({tokens}) AS tokens
        FROM facts AS f WHERE {answered} AND f.request_hash IN (SELECT f.request_hash FROM facts AS f WHERE {answered}
            GROUP BY f.request_hash HAVING count(*) > 1)
        GROUP BY f.request_hash) WHERE saves > 0"""
    requests, calls, cost, saves, tokens, _, row_id = reading.connection.execute(sql).fetchone()
    if not requests:
        return
    call_id, session = reading.call(row_id)
    yield Finding(
        kind="identical_requests",
        title=f"{several(requests, 'request')} sent and answered {calls:,} times in all",
        evidence="measured",
        saves=saves,
        spent=cost,
        calls=calls,
        tokens=tokens,
        call_id=call_id,
        session=session,
        how="requests that are equal in every byte that matters, and whose replies were read: all that was paid for "
        "each but the dearest reply",
        action="keep the reply and use it again, unless another one is wanted each time",
    )
