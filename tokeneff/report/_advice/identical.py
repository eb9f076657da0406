"""The same request sent, answered and paid for more than once."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._reading import Reading
from tokeneff.report._say import several
from tokeneff.report._values import Finding


def find(reading: Reading) -> Iterator[Finding]:
    """One finding over all requests that were answered more than once."""
    found = reading.repeated([key for key, kind in reading.kinds.items() if kind.ending == "read"])
    if found is None:
        return
    requests, calls, cost, saves, tokens, row_id = found
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
