"""Calls that were paid for, and whose reply nobody has read to its end."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._cubes import CALLS, row_of
from tokeneff.report._reading import Reading
from tokeneff.report._say import several
from tokeneff.report._sums import CUT, FAILED, merge
from tokeneff.report._values import Finding

_TITLES = {
    "failed": "failed, and was paid for",
    "refused": "was refused, and was paid for",
    "broken_off": "was broken off while its reply was coming",
    "dropped": "was dropped before its reply was read",
    "cancelled": "was cancelled while its reply was coming",
}
_ACTIONS = {
    "failed": "see the errors; where the reply was too long or the schema not met, ask for less at a time",
    "refused": "see the errors",
}
_ACTION = "set a limit on the output (max_tokens) where only the beginning is used, and read or close every stream"


def find(reading: Reading) -> Iterator[Finding]:
    """A finding for each way of not being read."""
    groups: dict[str, list[int]] = {}
    columns = ("cost", "calls", "unpriced", "input_tokens", "output_tokens", "retries", "dearest")
    for kind_id, *values in reading.cells(CALLS, ("kind_id",), columns):
        ending = reading.kinds[kind_id].ending
        if ending in FAILED | CUT:
            merge(groups.setdefault(ending, [0] * len(columns)), values)
    for ending, (cost, calls, unknown, sent, got, retries, dearest) in groups.items():
        call_id, session = reading.call(row_of(dearest))
        title = (
            _TITLES[ending]
            if calls == 1
            else _TITLES[ending].replace("was ", "were ").replace("its reply", "their replies")
        )
        notes = [f"of {unknown:,} the cost is not known"] if unknown else []
        notes += [f"sent again {several(retries, 'time')} by the SDK"] if retries else []
        yield Finding(
            kind="failed_calls",
            title=f"{several(calls, 'call')} {title}" + (f" ({'; '.join(notes)})" if notes else ""),
            evidence="measured",
            saves=cost,
            spent=cost,
            calls=calls,
            tokens=sent + got,
            call_id=call_id,
            session=session,
            how="all that these calls are known to have cost; nobody tells what tries that the SDK sent again cost: "
            "that is not in it",
            action=_ACTIONS.get(ending, _ACTION),
        )
