"""Look after a ledger: what is in it, export it, delete what is old.

URL is as for tokeneff.wrap(client, ledger=URL), by default what TOKENEFF_LEDGER says, else sqlite:///tokeneff.db.

examples:
  tokeneff ledger info
  tokeneff ledger export --parquet calls.parquet --since 7d
  tokeneff ledger export --jsonl - | jq .model
  tokeneff ledger prune --older 90d --dry-run
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from tokeneff.cli._durations import duration, since
from tokeneff.cli._ledger_url import ledger_option, ledger_url
from tokeneff.cli._output import Output, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", dest="action", required=True)
    info = actions.add_parser("info", help="how many calls, of what time, and how the file is")
    export = actions.add_parser("export", help="write the calls to a file, or to standard output (-)")
    form = export.add_mutually_exclusive_group(required=True)
    form.add_argument("--parquet", metavar="FILE", help="Apache Parquet (needs tokeneff[parquet])")
    form.add_argument("--jsonl", metavar="FILE", help="one JSON object a line")
    form.add_argument("--csv", metavar="FILE", help="comma-separated, with a line of names")
    export.add_argument("--since", metavar="WHEN", help="only calls since then: 7d, 12h, or 2026-11-01")
    prune = actions.add_parser("prune", help="delete old calls, and give the room back")
    prune.add_argument("--older", metavar="AGE", required=True, help="calls that began longer ago: 90d, 12h")
    prune.add_argument("--dry-run", action="store_true", help="only say how many")
    for action in (info, export, prune):
        ledger_option(action)
        action.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace, out: Output) -> int:
    """Do it."""
    from tokeneff.errors import LedgerError

    try:
        return {"info": _info, "export": _export, "prune": _prune}[args.action](args, out)
    except LedgerError as error:
        raise UsageError(str(error)) from error


def _info(args: argparse.Namespace, out: Output) -> int:
    from tokeneff.cli._ledger_info import info, table

    found = info(ledger_url(args))
    out.json(found)
    if not out.as_json:
        out.show(table(found))
    return 0


def _export(args: argparse.Namespace, out: Output) -> int:
    from tokeneff.cli._ledger_export import export

    form = next(form for form in ("parquet", "jsonl", "csv") if getattr(args, form))
    target = getattr(args, form)
    moment = since(args.since) if args.since else None
    began = time.perf_counter()
    calls = export(ledger_url(args), form, target, moment)
    told: dict[str, Any] = {"calls": calls, "format": form, "file": target, "seconds": time.perf_counter() - began}
    if target != "-":
        out.json(told)
        out.line(f"{calls:,} calls written to {target}")
    return 0


def _prune(args: argparse.Namespace, out: Output) -> int:
    from tokeneff.ledger._pruning import prune

    before = round((time.time() - duration(args.older, "--older").total_seconds()) * 1e6)
    pruned = prune(_file(ledger_url(args)), before, dry_run=args.dry_run)
    out.json({**pruned._asdict(), "before": before, "dry_run": args.dry_run})
    if args.dry_run:
        out.show(f"{pruned.calls:,} calls are older than {args.older}; nothing was deleted")
    else:
        given = (pruned.size_before - pruned.size_after) / 1e6
        out.show(f"{pruned.calls:,} calls older than {args.older} deleted; the file is {given:,.1f} MB smaller")
    return 0


def _file(url: str) -> Path:
    from contextlib import closing

    from tokeneff.ledger._reading import connect_file
    from tokeneff.ledger._url import file_of

    path = file_of(url)
    if path is None:
        raise UsageError("a ledger in memory is another process's; name a file, as sqlite:///tokeneff.db")
    with closing(connect_file(path)):  # no ledger is made where there was none
        return path
