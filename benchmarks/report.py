"""How long a report on a million calls takes.

    python benchmarks/report.py [LEDGER.db]

Without a file, `million.py` makes one first (a few minutes). Prints wall and CPU seconds of `tokeneff.report.report`,
the best of three, in this process; reading is done by two threads.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from million import build

from tokeneff.prices import Prices
from tokeneff.report import report

ROUNDS = 3


def measure(path: Path, by: tuple[str, ...]) -> tuple[int, float, float]:
    """Calls, and wall and CPU seconds of the fastest round."""
    prices = Prices()
    prices.preload()
    best = (float("inf"), float("inf"))
    calls = 0
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        calls = report(f"sqlite:///{path.absolute()}", by=by, prices=prices).total.calls
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    return calls, *best


def main() -> int:
    """Measure on the file that the command line names, or on one of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder, "million.db")
        if not path.exists():
            print(f"{path}: made in {build(path):.0f} s")
        for by in (("model",), ("model", "feature", "user", "day")):
            calls, wall, cpu = measure(path, by)
            print(f"{calls:,} calls by {', '.join(by)}: {wall:.1f} s ({cpu:.1f} s of CPU)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
