"""What counting, attribution, cost and the ledger cost a call on its way, beside a bare call.

    python benchmarks/ledger.py [--rounds N] [--peers] [--json FILE]

Each subject runs in turn with the bare client in one process, as in ``overhead.py``, and figures are ratios to the bare
call of the same rounds. "tokeneff" counts each request by part, tells what its prompt repeats, learns and prices;
"tokeneff, ledger" puts each call on record as well. Below, the same by piece, on a history that is remembered.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from overhead import PEERS, added, environment, measure
from overhead_subject import OPENAI_TOOLS, SMALL, history

AIMS = {
    # Ratios to the bare call, counting included.
    "openai small": 0.20,
    "anthropic small": 0.25,
    "openai big": 0.03,
    "anthropic big": 0.10,
}
LEDGER_AIM = 30.0
"""Microseconds that the ledger may add on the caller's side."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peers", action="store_true", help="measure other instrumentation too")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    names = ["tokeneff", "tokeneff, ledger", *(PEERS if options.peers else ())]
    found: dict[str, Any] = {}
    for name in names:
        python = environment(name)
        if python is not None:
            found[name] = measure(python, name, options.rounds, "--shapes", "small,big", "--sync")
    report(found)
    pieces()
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0


def report(found: dict[str, Any]) -> None:
    """Print what is added per call, in CPU microseconds and as a ratio to the bare call."""
    for shape, aim in AIMS.items():
        print(f"\n{shape}")
        peers = [added(found[name], shape)[0] for name in PEERS if name in found]
        for name, figures in found.items():
            more, bare = added(figures, shape)
            whole, _ = added(figures, shape, "process")
            line = f"  {name:20} {more:9.1f} us added, {more / bare:6.3f} of bare ({bare:.0f} us); process {whole:9.1f}"
            if name == "tokeneff":
                line += f"; aim {aim:.2f}"
            if peers and min(peers) > 0:
                line += f"; {more / min(peers):.2f} of the lightest peer"
            print(line)
        if "tokeneff, ledger" in found:
            more = added(found["tokeneff, ledger"], shape)[0] - added(found["tokeneff"], shape)[0]
            print(f"  the ledger alone {more:9.1f} us; aim {LEDGER_AIM:.0f}")


def pieces() -> None:
    """Print what each step costs on a call that goes on from a remembered history."""
    from tokeneff._flow import Facts, Tokens, Written
    from tokeneff.accounts import Asked
    from tokeneff.accounts._accounts import Accounts
    from tokeneff.ledger import CallRecord, Ledger
    from tokeneff.prices import Prices
    from tokeneff.tokens import Counter

    prices, counter = Prices(), Counter()
    prices.preload()
    accounts = Accounts(counter, prices)
    facts = Facts(id="r", model="gpt-5-mini", written=Written("Some words."))
    print("\nby piece, CPU us per call")
    for shape, body in (
        ("small", {"model": "gpt-5-mini", "messages": SMALL}),
        ("big", {"model": "gpt-5-mini", "messages": history(), "tools": OPENAI_TOOLS}),
    ):
        asked = Asked("chat", body, "gpt-5-mini", "openai", "api.openai.com", "s", time.time())
        tokens = Tokens(counter.prompt("chat", body, "gpt-5-mini").tokens + 10, 3, cache_read=0)

        def account(asked: Asked = asked, tokens: Tokens = tokens) -> object:
            return accounts.close(accounts.open(asked), tokens, facts, time.time())

        def prompt(body: Any = body) -> object:
            return counter.prompt("chat", body, "gpt-5-mini")

        print(f"  {shape:6} count {best(prompt):7.1f}  whole account {best(account):7.1f}")
    with tempfile.TemporaryDirectory() as folder, Ledger(f"sqlite:///{folder}/calls.db") as ledger:
        record = CallRecord("x", 1)
        print(f"  ledger.add {best(lambda: ledger.add(record)):7.1f}")


def best(work: Callable[[], object], number: int = 200) -> float:
    """CPU microseconds of one call, the least of some rounds."""
    rounds: list[float] = []
    for _ in range(9):
        began = time.thread_time()
        for _ in range(number):
            work()
        rounds.append((time.thread_time() - began) / number * 1e6)
    return min(rounds)


if __name__ == "__main__":
    sys.exit(main())
