"""What holding and settling a call's budget costs, by store and number of processes, and what is overspent.

    python benchmarks/budget.py [--calls N] [--processes 1,4,16] [--stores memory,sqlite,redis] [--paces 0,20,50]
                                [--peers PYTHON] [--json FILE]

Loads: "flat out", each process holds and settles call after call with nothing between them, which no application does:
what is measured is the queue, as many times one call's own work as there are processes. And paced, so many calls a
second of each process, at random moments; 20 are a busy worker's. Each call claims three accounts (the service, its
user, a rolling window); limits bind towards the end. Figures are milliseconds of one reserve and one settle together,
of the calls that were granted; "x bare" is how many times the median of the least that two such steps can be on this
machine: two PINGs, two commits of one changed row. Peers get the same calls and the same limit with the one scope that
they have; they are measured where PYTHON (by default this one) can import them: floe-guard's SqliteStore, and LiteLLM's
BudgetManager. Theirs are measured flat out alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from budget_peers import MODULES, Call, Litellm, floe

HERE = Path(__file__).resolve()
LEASE, MINUTE = 60_000_000, 60_000_000
WORST, ACTUAL = 1_000_000, 500_000
"""Nano-dollars that a call holds and that it costs in the mean."""
AIMS = {("memory", 1): 1.0, ("sqlite", 16): 5.0}
"""Milliseconds at the 99th percentile."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200, help="calls of each process")
    parser.add_argument("--processes", default="1,4,16")
    parser.add_argument("--stores", default="memory,sqlite,redis")
    parser.add_argument("--paces", default="0,20,50", help="calls a second of each process; 0: flat out")
    parser.add_argument("--peers", default=sys.executable, help="the interpreter that has them")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--work", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(*options.work)
    found: list[dict[str, Any]] = []
    for pace in map(float, options.paces.split(",")):
        print(f"\n{f'paced: {pace:.0f} calls a second of each process' if pace else 'flat out'}")
        print(
            f"  {'store':12} {'processes':>9} {'p50 ms':>8} {'p99 ms':>8} {'x bare':>7} {'calls/s':>8}"
            f" {'spent/limit':>12}"
        )
        for kind in [*options.stores.split(","), *(MODULES if not pace else ())]:
            for count in map(int, options.processes.split(",")):
                if kind == "memory" and count > 1:
                    continue
                figures = measure(kind, count, options.calls, pace, options.peers)
                if figures is None:
                    break
                found.append(figures)
                print(line(figures))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0


def line(figures: dict[str, Any]) -> str:
    """One row of the table."""
    times = f"{figures['p50'] / figures['bare']:7.1f}" if figures["bare"] else " " * 7
    text = (
        f"  {figures['kind']:12} {figures['processes']:9} {figures['p50']:8.2f} {figures['p99']:8.2f} {times}"
        f" {figures['rate']:8.0f} {figures['spent']:12.3f}"
    )
    aim = AIMS.get((figures["kind"], figures["processes"]))
    if aim:
        text += f"   aim: p99 under {aim:.0f} ms"
    return text + (f"   {figures['faults']} times its file could not be read" if figures["faults"] else "")


def measure(kind: str, processes: int, calls: int, pace: float, peers: str) -> dict[str, Any] | None:
    """Have so many processes make calls at once; ``None`` where the store is not to be had."""
    limit = processes * calls * ACTUAL * 9 // 10
    python = peers if kind in MODULES else sys.executable
    with TemporaryDirectory() as folder, served(kind, folder) as url:
        if url is None or (kind in MODULES and not importable(python, MODULES[kind])):
            print(f"  {kind:12} left out: it is not installed")
            return None
        command = [python, str(HERE), "--work", kind, url]
        errors = subprocess.DEVNULL if kind in MODULES else None
        env = {
            **os.environ,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")])),
        }
        started = [
            subprocess.Popen(
                [*command, str(seed), str(calls), str(limit), str(pace)],
                cwd=folder, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors,
            )
            for seed in range(processes)
        ]  # fmt: skip
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        began = time.perf_counter()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [json.loads(process.communicate()[0]) for process in started]
        took = time.perf_counter() - began
        bare = least(kind, url)
    times = sorted(second for one in told for second in one["seconds"]) or [0.0]
    return {
        "kind": kind,
        "processes": processes,
        "pace": pace,
        "p50": times[len(times) // 2] * 1e3,
        "p99": times[len(times) * 99 // 100] * 1e3,
        "bare": bare * 1e3,
        "rate": len(times) / took,
        "spent": sum(one["spent"] for one in told) / limit,
        "faults": sum(one["faults"] for one in told),
    }


def work(kind: str, url: str, seed: str, calls: str, limit: str, pace: str) -> int:
    """One process: says that it is ready, waits for a word, makes its calls, and says what they took."""
    ask, chance = CALLERS[kind](url, int(limit)), random.Random(int(seed))
    print("ready", flush=True)
    sys.stdin.readline()
    seconds: list[float] = []
    spent = 0
    for number in range(int(calls)):
        actual = chance.randint(0, WORST)
        took = ask(f"{seed}-{number}", WORST, actual)
        if took is not None:
            seconds.append(took)
            spent += actual
        if float(pace):
            time.sleep(chance.expovariate(float(pace)))
    print(json.dumps({"seconds": seconds, "spent": spent, "faults": getattr(ask, "faults", 0)}))
    return 0


def ours(url: str, limit: int) -> Call:
    """Through a store of tokeneff's."""
    from tokeneff.stores import Amounts, Claim, Granted, Limits, open_store

    store = open_store(url)
    store.holds()
    chance = random.Random(os.getpid())

    def call(hold: str, worst: int, actual: int) -> float | None:
        claims = [
            Claim("service", Limits(usd=limit)),
            Claim(f"user={chance.randrange(50)}", Limits(usd=limit)),
            Claim("rolling", Limits(usd=limit), span=60 * MINUTE, bucket=MINUTE),
        ]
        began = time.perf_counter()
        if not isinstance(store.reserve(hold, Amounts(worst, 1000, 1), claims, LEASE), Granted):
            return None
        store.settle(hold, Amounts(actual, 500, 1), claims)
        return time.perf_counter() - began

    return call


def least(kind: str, url: str) -> float:
    """Seconds of the least that two steps of such a store can be: the median of many."""
    if kind == "redis":
        import redis

        ping = redis.Redis.from_url(url).ping
    elif kind == "sqlite":
        import sqlite3

        rows = sqlite3.connect(url.removeprefix("sqlite:///") + "-bare", isolation_level=None)
        rows.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE one (n)")
        rows.execute("INSERT INTO one VALUES (0)")

        def ping() -> object:
            return rows.execute("UPDATE one SET n = n + 1")
    else:
        return 0.0
    seconds: list[float] = []
    for _ in range(300):
        began = time.perf_counter()
        ping()
        ping()
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[150]


CALLERS: dict[str, Callable[[str, int], Call]] = {
    "memory": ours,
    "sqlite": ours,
    "redis": ours,
    "floe-guard": floe,
    "litellm": Litellm,
}


@contextmanager
def served(kind: str, folder: str) -> Iterator[str | None]:
    """Where the store is; a Redis server of its own for as long as it is needed."""
    if kind != "redis":
        yield {"memory": "memory://", "floe-guard": f"{folder}/floe.db"}.get(kind, f"sqlite:///{folder}/budgets.db")
        return
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None or importlib.util.find_spec("redis") is None:
        yield None
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with socket.socket() as found:
                if not found.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


def importable(python: str, module: str) -> bool:
    """Whether that interpreter has it."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    return not subprocess.run([python, "-c", code], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
