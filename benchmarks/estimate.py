"""How far the estimate of tokens is from the providers' own counts, on recorded conversations.

    python benchmarks/estimate.py [FOLDER]

FOLDER holds trace files with usage, as ``tokeneff replay`` reads them (default: ../shared/data/traces by the checkout).
Input is judged by what each call added to the one before it in its conversation, for a recording may leave out the
system prompt and the tools that every call sent.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokeneff.tokens import estimate_body
from tokeneff.traces import BrokenLine, Conversation, read

DEFAULT = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "traces"


def main() -> int:
    """Print one line per file."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if not folder.is_dir():
        print(f"no folder {folder}: nothing to compare with")
        return 0
    print(f"{'file':32} {'calls':>6} {'median ratio':>13} {'10 %':>6} {'90 %':>6} {'median |error|':>15}")
    for path in sorted(folder.glob("*.jsonl")):
        ratios = [estimated / counted for estimated, counted in growth(path) if counted >= 50]
        if ratios:
            tenths = statistics.quantiles(ratios, n=10)
            error = statistics.median(abs(ratio - 1) for ratio in ratios)
            middle = statistics.median(ratios)
            print(f"{path.name:32} {len(ratios):6} {middle:13.2f} {tenths[0]:6.2f} {tenths[-1]:6.2f} {error:15.1%}")
    return 0


def growth(path: Path) -> Iterator[tuple[int, int]]:
    """For each call: estimated and counted input tokens that it has more than the call before it."""
    for item in read(path):
        if isinstance(item, BrokenLine):
            continue
        last: tuple[int, int] | None = None
        for call in conversation(item):
            counted = call.usage.input_tokens if call.usage is not None else None
            if counted is None:
                last = None
                continue
            now = (estimate_body(call.request), counted)
            if last is not None and now[0] > last[0]:
                yield now[0] - last[0], now[1] - last[1]
            last = now


def conversation(item: Conversation) -> Iterator[Any]:
    """The calls of a conversation."""
    yield from item.calls


if __name__ == "__main__":
    sys.exit(main())
