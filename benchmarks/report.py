"""How long a report on a million calls takes.

    python benchmarks/report.py [LEDGER.db] [numpy|sqlite]

Without a file, `million.py` makes one first (a few minutes). Prints wall and CPU seconds of `tokeneff.report.report` in
this process, the best of three by CPU, summed up by numpy (from the ledger's sealed blocks; needs `tokeneff[fast]`) and
by SQLite alone, which uses two threads. The first line is the time that SQLite takes for one sum over all rows of the
file, without any grouping: by it, machines and their load can be compared.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from million import build

from tokeneff.prices import Prices
from tokeneff.report import _reading as reading
from tokeneff.report import report

ASKED: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("model",), False),
    (("model", "feature", "user", "day"), False),
    (("model",), True),
)


def best(work: Callable[[], Any], rounds: int) -> tuple[Any, str]:
    """What the work returns, and the time of the round that took least CPU."""
    found: list[tuple[float, float]] = []
    told = None
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        told = work()
        found.append((time.process_time() - cpu, time.perf_counter() - wall))
    return told, "{1:.1f} s ({0:.1f} s of CPU)".format(*min(found))


def measure(path: Path, engine: str) -> None:
    """Print the times of one engine."""
    reading.FEWEST = 0 if engine == "numpy" else 1 << 62
    prices = Prices()
    prices.preload()
    for by, series in ASKED:

        def work(by: tuple[str, ...] = by, series: bool = series) -> int:
            return report(f"sqlite:///{path.absolute()}", by=by, prices=prices, series=series).total.calls

        calls, took = best(work, 3 if engine == "numpy" else 1)
        print(f"{engine}: {calls:,} calls by {', '.join(by)}{' and over time' * series}: {took}", flush=True)


def main() -> int:
    """Measure on the file that the command line names, or on one of its own."""
    engines = [word for word in sys.argv[1:] if word in ("numpy", "sqlite")] or ["numpy", "sqlite"]
    named = [Path(word) for word in sys.argv[1:] if word not in engines]
    with tempfile.TemporaryDirectory() as folder:
        path = named[0] if named else Path(folder, "million.db")
        if not path.exists():
            print(f"{path}: made in {build(path):.0f} s")
        with closing(sqlite3.connect(path)) as connection:
            took = best(lambda: connection.execute("SELECT sum(cost) FROM facts").fetchone(), 3)[1]
        print(f"sum(cost) over all rows: {took}")
        for engine in engines:
            measure(path, engine)
    return 0


if __name__ == "__main__":
    sys.exit(main())
