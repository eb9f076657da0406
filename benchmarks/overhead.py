"""What a wrapped call costs beside a bare one, and what other instrumentation costs.

    python benchmarks/overhead.py [--subjects tokeneff,official,…] [--rounds N] [--json FILE]

Every subject runs in an environment of its own (made under .venv-bench-*), in turn with the bare client in one process:
a round of bare calls, a round of observed calls, and so on. Figures are CPU microseconds added per call, the median of
the rounds; and ratios, to the bare call and to the lightest OpenTelemetry peer of the same run. What is
deferred is counted too: each round ends with a collection of metrics and a flush of spans inside the measured time, and
process CPU stands beside thread CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SDKS = ["openai==3.*", "anthropic==2.*"]
SUBJECTS: dict[str, list[str]] = {
    "tokeneff": [],
    "tokeneff, no SDK set": [],
    "tokeneff, content": [],
    "tokeneff, ledger": [],
    "official": [
        "opentelemetry-instrumentation-genai-openai>=1.3b0",
        "opentelemetry-instrumentation-genai-anthropic>=1.3b0",
    ],
    "OpenInference": ["openinference-instrumentation-openai", "openinference-instrumentation-anthropic"],
    "OpenLLMetry": ["opentelemetry-instrumentation-openai", "opentelemetry-instrumentation-anthropic"],
    "Langfuse": ["langfuse"],
}
PEERS = ("official", "OpenInference", "OpenLLMetry")
SHAPES = ("openai small", "openai big", "openai chunk", "anthropic small", "anthropic big", "anthropic chunk")
SHAPES += ("openai async small", "openai async chunk", "anthropic async small", "anthropic async chunk")
AIMS = {"small": 0.65, "big": 0.6, "chunk": 0.35}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--subjects", default=",".join(SUBJECTS), help="comma-separated; default: all")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    names = [name.strip() for name in options.subjects.split(";" if ";" in options.subjects else ",") if name.strip()]
    if options.subjects == ",".join(SUBJECTS):
        names = list(SUBJECTS)
    found: dict[str, Any] = {}
    for name in names:
        python = environment(name)
        if python is None:
            continue
        found[name] = measure(python, name, options.rounds)
        print(f"measured {name}: {found[name]['versions']}", file=sys.stderr)
    report(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    return 0


def environment(name: str) -> str | None:
    """The interpreter of the subject's environment, made if it is not there."""
    packages = SUBJECTS[name]
    folder = ROOT / f".venv-bench-{name.partition(',')[0].lower()}"
    made = subprocess.run([str(ROOT / ".ci" / "env"), str(folder), *SDKS, *packages], cwd=ROOT, check=False)
    if made.returncode:
        print(f"{name}: no environment, left out", file=sys.stderr)
        return None
    return str(folder / "bin" / "python")


def measure(python: str, name: str, rounds: int, *more: str) -> dict[str, Any]:
    """Run one subject; a peer that cannot be taken off again runs in turn with a bare process instead."""
    script = str(ROOT / "benchmarks" / "overhead_subject.py")
    env = {**os.environ, "PYTHONHASHSEED": "0", "OTEL_SDK_DISABLED": "false"}

    def run(*arguments: str) -> dict[str, Any]:
        command = [python, script, "--subject", name, *arguments]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout)

    if name != "Langfuse":
        return run("--rounds", str(rounds), *more)
    parts = [(run("--rounds", "3", "--only", "bare"), run("--rounds", "3", "--only", "on")) for _ in range(rounds // 3)]
    merged: dict[str, Any] = {"versions": parts[0][1]["versions"], "shapes": {}}
    for shape in parts[0][0]["shapes"]:
        merged["shapes"][shape] = {
            kind: {
                "bare": [value for bare, _ in parts for value in bare["shapes"][shape][kind]["bare"]],
                "on": [value for _, on in parts for value in on["shapes"][shape][kind]["on"]],
            }
            for kind in ("thread", "process")
        }
    return merged


def added(figures: dict[str, Any], shape: str, kind: str = "thread") -> tuple[float, float]:
    """Median microseconds added, and the bare median."""
    series = figures["shapes"][shape][kind]
    bare = statistics.median(series["bare"])
    return statistics.median(on - off for on, off in zip(series["on"], series["bare"], strict=True)), bare


def report(found: dict[str, Any]) -> None:
    """Print one block per shape."""
    for shape in SHAPES:
        print(f"\n{shape}: CPU µs added per {'chunk' if 'chunk' in shape else 'call'}")
        print(f"  {'':24} {'added':>9} {'of bare':>8} {'process':>9} {'of lightest peer':>17}")
        peers = [added(found[name], shape)[0] for name in PEERS if name in found]
        lightest = min((value for value in peers if value > 0), default=0.0)
        for name, figures in found.items():
            more, bare = added(figures, shape)
            whole, _ = added(figures, shape, "process")
            share = f"{more / lightest:.2f}" if lightest else "-"
            aim = AIMS[shape.split()[-1]]
            mark = f" (aim {aim})" if name == "tokeneff" else ""
            of_bare = f"{more / bare:.3f}" if bare > 0 else "-"
            print(f"  {name:24} {more:9.1f} {of_bare:>8} {whole:9.1f} {share:>17}{mark}")


if __name__ == "__main__":
    sys.exit(main())
