"""How long a cached answer takes, by store, beside a bare call and beside other caches.

    python benchmarks/cache.py [--subjects "tokeneff,LiteLLM,…"] [--rounds N] [--json FILE]

Every subject runs in an environment of its own (made under .venv-bench-*), in turn with the bare client in one process:
a round of bare calls, a round of hits, and so on. Figures are wall-clock microseconds of one call, the median of the
rounds' medians, and ratios to the bare loopback call of the same rounds; CPU of the calling thread stands beside. What
a hit gives back differs: tokeneff gives the SDK's objects, LiteLLM and LangChain their own, GPTCache a string.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import overhead

ROOT = overhead.ROOT
SUBJECTS: dict[str, list[str]] = {
    "tokeneff": ["redis"],
    "LiteLLM": ["litellm", "diskcache", "redis", "fastapi"],
    "LangChain": ["langchain-openai", "langchain-community"],
    "GPTCache": ["gptcache", "setuptools<81"],
}
AIMS = {"memory, small": 0.25, "memory, big": 0.15}
"""Ratios to a bare call."""
ABOVE_MEMORY = {"sqlite": 50.0, "redis": 150.0}
"""Microseconds that a store may take beyond memory."""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--subjects", default=",".join(SUBJECTS), help="comma-separated; default: all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for name in options.subjects.split(","):
        overhead.SUBJECTS[name] = SUBJECTS[name]
        python = overhead.environment(name)
        if python is not None:
            figures = measured(python, name, options.rounds)
            if figures is not None:
                found[name] = figures
    report(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0


def measured(python: str, name: str, rounds: int) -> dict[str, Any] | None:
    """The figures of one subject; ``None``, and why, where it cannot be run here."""
    script = str(ROOT / "benchmarks" / "cache_subject.py")
    command = [python, script, "--subject", name, "--rounds", str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        print(f"{name}: left out: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def report(found: dict[str, Any]) -> None:
    """Print a table of what a hit takes."""
    for shape in ("small", "big"):
        print(f"\n{shape}: one call, us (wall; CPU of the thread), and ratio to the bare call of the same rounds")
        for name, figures in found.items():
            memory = middle(figures["memory"][shape]["hit"], 0) if "memory" in figures else None
            for store, shapes in figures.items():
                bare, hit = (middle(shapes[shape][kind], 0) for kind in ("bare", "hit"))
                cpu = middle(shapes[shape]["hit"], 1)
                line = f"  {name:10} {store:20} {hit:9.0f} ({cpu:7.0f}) {hit / bare:7.3f} of {bare:7.0f}"
                if shapes[shape]["asked"]:
                    line += f"   no hits: {shapes[shape]['asked']} calls were sent"
                elif name == "tokeneff":
                    line += aims(store, shape, hit / bare, hit - (memory or 0.0))
                print(line)


def aims(store: str, shape: str, ratio: float, above: float) -> str:
    """What was aimed at, where something was."""
    aim = AIMS.get(f"{store}, {shape}")
    if aim is not None:
        return f"   aim {aim}: {'met' if ratio <= aim else 'not met'}"
    most = ABOVE_MEMORY.get(store)
    if most is not None:
        return f"   {above:+.0f} to memory, aim {most:.0f}: {'met' if above <= most else 'not met'}"
    return ""


def middle(rounds: list[list[float]], clock: int) -> float:
    """The median of the rounds: of wall (0) or CPU (1)."""
    return statistics.median(one[clock] for one in rounds)


if __name__ == "__main__":
    sys.exit(main())
