"""Write a Grafana dashboard and Prometheus alert rules for what tokeneff records.

The dashboard is imported in Grafana (Dashboards, New, Import); the rules are named under rule_files in Prometheus'
configuration.

examples:
  tokeneff dashboards
  tokeneff dashboards /etc/prometheus/rules --force
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tokeneff.cli._output import Output, UsageError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="where to write them (default: here)")
    parser.add_argument("--force", action="store_true", help="overwrite files that differ")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")


def run(args: argparse.Namespace, out: Output) -> int:
    """Write them."""
    from tokeneff.dashboards import grafana, prometheus_rules

    sources = {"tokeneff-grafana.json": grafana(), "tokeneff-rules.yml": prometheus_rules()}
    folder = Path(args.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        contents = {folder / name: source.read_bytes() for name, source in sources.items()}
        for path, content in contents.items():
            if not args.force and path.exists() and path.read_bytes() != content:
                raise UsageError(f"{path} is there, and differs: write --force to overwrite it")
        for path, content in contents.items():
            path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror or error}") from error
    out.json({"files": [str(path) for path in contents]})
    for path in contents:
        out.line(str(path))
    return 0
