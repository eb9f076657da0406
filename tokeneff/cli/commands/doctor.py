"""Check what is installed, what is wrapped, what is sent where, and what is wrong.

Looks at this process and its environment: run it where, and as, the application runs.
Nothing is sent; the collectors that the environment names are connected to for at most a second each.

examples:
  tokeneff doctor
  OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 tokeneff doctor
  tokeneff doctor --json | jq .problems

exit codes: 0 nothing is wrong (warnings may be there), 1 something is
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tokeneff.cli._output import Output

if TYPE_CHECKING:
    from tokeneff.cli._sending import Collector
    from tokeneff.cli._versions import Problem


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")


def run(args: argparse.Namespace, out: Output) -> int:
    """Examine, report, and return 1 where something is wrong."""
    report = examine()
    out.json(report)
    if not out.as_json:
        _print(report, out)
    return 1 if any(problem["level"] == "error" for problem in report["problems"]) else 0


def examine() -> dict[str, Any]:
    """Return everything the doctor sees, as JSON values."""
    from tokeneff.cli._peers import anthropic_tracing, peer_problems, peers
    from tokeneff.cli._sending import collectors, content_capture, environment
    from tokeneff.cli._versions import sdk_problems, sdks, versions

    found_sdks, found_peers = sdks(), peers()
    found_collectors, problems = collectors()
    problems = [*sdk_problems(found_sdks), *problems, *peer_problems(found_peers)]
    return {
        "versions": versions(),
        "sdks": [asdict(sdk) for sdk in found_sdks],
        "installed": _installed(),
        "environment": environment(),
        "collectors": [asdict(collector) for collector in found_collectors],
        "content_capture": content_capture(),
        "anthropic_tracing": anthropic_tracing(),
        "peers": [asdict(peer) for peer in found_peers],
        "sent": _sent(found_collectors, content_capture(), problems),
        "problems": [asdict(problem) for problem in problems],
    }


def _sent(collectors: list[Collector], content: str, problems: list[Problem]) -> list[str]:
    said: list[str] = []
    for collector in collectors:
        what = "spans" if collector.signal == "traces" else "metrics"
        where = (
            collector.endpoint if collector.configured else f"{collector.endpoint} (no endpoint is set: the default)"
        )
        said.append(f"{what}: after tokeneff.configure_otel(), to {where}, OTLP over HTTP")
    if not collectors and not any(problem.level == "error" for problem in problems):
        said.append("spans and metrics: nowhere; the environment turns both exporters off")
    said += [
        "without configure_otel() or OpenTelemetry providers of the application's own: nothing, to nobody",
        f"prompts and replies: {'not recorded' if content == 'off' else f'recorded {content}'}",
        "tokeneff.usage(client) counts in this process and sends nothing",
    ]
    return said


def _installed() -> bool:
    """Return whether `tokeneff.install()` is active in this process (as a sitecustomize file may have made it)."""
    from tokeneff._install import installed

    return installed()


def _print(report: dict[str, Any], out: Output) -> None:
    from rich.text import Text

    from tokeneff.cli._doctor_tables import tables

    for table in tables(report):
        out.show(table)
    problems = report["problems"]
    if not problems:
        out.show("[bold green]Nothing is wrong.[/]")
    for problem in problems:
        line = Text(f"{problem['level']}: ", "bold red" if problem["level"] == "error" else "bold yellow")
        out.show(line.append(problem["what"], "not bold default").append(f"\n  -> {problem['do']}", "not bold default"))
