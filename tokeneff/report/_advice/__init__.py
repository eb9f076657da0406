"""What to do: each module here looks for one kind of waste.

It has `find(reading)`, or `find(reading, prices)`, which yields findings. What a finding saves is bounded by what the
calls concerned cost, and is computed from what was paid, not from list prices, wherever that is possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tokeneff.report._advice import failed, identical, models, outputs, prefix, stale, tools
from tokeneff.report._reading import Reading
from tokeneff.report._values import Finding

if TYPE_CHECKING:
    from tokeneff.prices import Prices

__all__ = ["findings", "identical", "ranked"]


def findings(reading: Reading, prices: Prices | None) -> Iterator[Finding]:
    """All findings but that of identical requests, which takes as long as the rest and is looked for beside them."""
    for look in (prefix, tools, stale, outputs, failed):
        yield from look.find(reading)
    yield from models.find(reading, prices)


def ranked(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that save something, the largest first."""
    ordered = sorted(found, key=lambda finding: (-finding.saves, finding.kind, finding.title))
    return tuple(finding for finding in ordered if finding.saves > 0)
