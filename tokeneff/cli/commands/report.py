"""Say where tokens, money and time went, and what to do about it.

Reads a ledger (--ledger, else TOKENEFF_LEDGER, else sqlite:///tokeneff.db), or logs that are there already: recorded
traces (see tokeneff replay) and the session logs of Claude Code and Codex, told apart by what is in them.
What to do comes last, ranked by dollars; findings may overlap, so they are not to be added up.

examples:
  tokeneff report
  tokeneff report --ledger sqlite:///calls.db --by model,feature,day --since 7d
  tokeneff report trace.jsonl --html report.html
  tokeneff report --claude-code --since 30d
  tokeneff report ~/.codex/sessions --json | jq '.findings[0]'

exit codes: 0 done, 2 there is nothing to report on, or it was asked for wrongly
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tokeneff.cli._ledger_url import ledger_option, ledger_url
from tokeneff.cli._output import Output, UsageError

if TYPE_CHECKING:
    from tokeneff.cli._report_source import Given
    from tokeneff.report import Report


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("logs", nargs="*", metavar="LOG", help="files or folders of logs to report on")
    parser.add_argument("--logs", action="append", dest="more_logs", default=[], metavar="LOG", help="the same")
    parser.add_argument(
        "--claude-code", nargs="?", const="", type=str, metavar="DIR", help="Claude Code's logs, here or in DIR"
    )
    parser.add_argument("--codex", nargs="?", const="", type=str, metavar="DIR", help="Codex's logs, here or in DIR")
    ledger_option(parser)
    parser.add_argument(
        "--by",
        default="model",
        metavar="NAMES",
        help="a table by each: model, provider, endpoint, day, session, ending …, or any tag (default model)",
    )
    parser.add_argument("--since", metavar="WHEN", help="only calls since then: 7d, 12h, or a date as 2026-11-01")
    parser.add_argument("--prices", metavar="FILE", help="prices of your own (default TOKENEFF_PRICES)")
    parser.add_argument("--json", action="store_true", help="print one JSON object; money in nano-dollars")
    parser.add_argument("--html", metavar="FILE", help="also write the report as one HTML page")


def run(args: argparse.Namespace, out: Output) -> int:
    """Read, report, and write what was asked for."""
    from tokeneff.errors import TokeneffError
    from tokeneff.report import report

    with ExitStack() as stack:
        try:
            given = _given(args, stack)
            names = _names(args.by)
            found = report(given.ledger, by=names, since=given.since, prices=given.prices, series=bool(args.html))
        except (TokeneffError, FileNotFoundError) as error:
            raise UsageError(str(error)) from error
    found = found._replace(source=given.name)
    for line in given.notes:
        out.note(line)
    if not found.total.calls:
        raise UsageError(f"{given.name} has no calls" + (f" since {args.since}" if args.since else ""))
    if args.html:
        _write(found, args.html, out)
    out.json(found.as_json())
    if not out.as_json:
        from tokeneff.cli._report_text import show

        show(found, out)
    return 0


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--by is {text!r} and names nothing: write as model,day")
    return names


def _given(args: argparse.Namespace, stack: ExitStack) -> Given:
    from tokeneff.cli._durations import since
    from tokeneff.cli._report_source import from_ledger, from_logs
    from tokeneff.prices import Prices

    start = since(args.since) if args.since else None
    prices = Prices(args.prices)
    paths = [*args.logs, *args.more_logs]
    if not paths and args.claude_code is None and args.codex is None:
        return from_ledger(ledger_url(args), start, prices)
    if args.ledger:
        raise UsageError("--ledger and logs are two things: report on one at a time")
    return from_logs(paths, args.claude_code, args.codex, start, prices, stack)


def _write(report: Report, name: str, out: Output) -> None:
    from tokeneff.report.html import render

    page = render(report).encode()
    try:
        Path(name).write_bytes(page)
    except OSError as error:
        raise UsageError(f"cannot write {name}: {error.strerror or error}") from error
    out.note(f"{name}: {len(page) / 1000:,.0f} kB")
