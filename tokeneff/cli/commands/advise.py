"""Say what other settings would have saved on recorded traffic.

Each conversation is sent again, to simulated providers, as it was and under other settings: trimming, a response cache,
the provider's own prompt cache, and these together. Nothing leaves this machine. The best comes first, with what to
write for it, and where the numbers come from.
Reads recorded traces (see tokeneff replay), session logs of Claude Code and Codex, or a ledger (its file or URL, else
--ledger, TOKENEFF_LEDGER or sqlite:///tokeneff.db). A ledger without content has no texts to trim; prompt caches and
repeated requests can be simulated all the same.

examples:
  tokeneff advise trace.jsonl
  tokeneff advise --claude-code --since 30d
  tokeneff advise trace.jsonl --model claude-sonnet-5
  tokeneff advise sqlite:///calls.db --json | jq -r '.choices[0].write'

exit codes: 0 done, 2 there is nothing to advise on, or it was asked for wrongly
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tokeneff.cli._arguments import positive
from tokeneff.cli._ledger_url import ledger_option, ledger_url
from tokeneff.cli._output import Output, UsageError

if TYPE_CHECKING:
    from tokeneff.advise import Advice
    from tokeneff.logs import Source


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("traces", nargs="*", metavar="TRACES", help="files or folders of logs, or a ledger")
    parser.add_argument(
        "--claude-code", nargs="?", const="", type=str, metavar="DIR", help="Claude Code's logs, here or in DIR"
    )
    parser.add_argument("--codex", nargs="?", const="", type=str, metavar="DIR", help="Codex's logs, here or in DIR")
    ledger_option(parser)
    parser.add_argument("--model", metavar="NAME", help="as if all had been sent to this model, at its prices")
    parser.add_argument("--prices", metavar="FILE", help="prices of your own (default TOKENEFF_PRICES)")
    parser.add_argument("--since", metavar="WHEN", help="only calls since then: 7d, 12h, or a date as 2026-11-01")
    parser.add_argument("--conversations", type=positive, metavar="N", help="only the first N conversations")
    parser.add_argument("--limit", type=positive, metavar="N", help="stop after N calls")
    parser.add_argument("--json", action="store_true", help="print one JSON object; money in nano-dollars")


def run(args: argparse.Namespace, out: Output) -> int:
    """Read, replay, and print."""
    from tokeneff.errors import TokeneffError

    try:
        found = _advised(args, out)
    except (TokeneffError, FileNotFoundError) as error:
        raise UsageError(str(error)) from error
    if not found.choices:
        for note in found.notes:
            out.note(note)
        raise UsageError(_nothing(found, args))
    out.json(found.as_json())
    for line in str(found).splitlines():
        out.line(line)
    return 0


def _advised(args: argparse.Namespace, out: Output) -> Advice:
    from tokeneff.advise import advise
    from tokeneff.cli._durations import since
    from tokeneff.cli._progress import Counting

    source, name = _source(args)
    with Counting(out, name) as progress:
        found = advise(
            source,
            model=args.model,
            prices=args.prices,
            since=since(args.since) if args.since else None,
            conversations=args.conversations,
            limit=args.limit,
            progress=progress,
        )
    return found._replace(source=name)


def _source(args: argparse.Namespace) -> tuple[str | list[str | Source], str]:
    from tokeneff.cli._report_source import sources_of
    from tokeneff.ledger._url import file_of

    urls = [path for path in args.traces if "://" in path]
    logs = len(args.traces) > len(urls) or args.claude_code is not None or args.codex is not None
    if len(urls) + bool(args.ledger) + logs > 1:
        raise UsageError("a ledger and logs are two things: advise on one at a time")
    if logs:
        sources, names = sources_of(args.traces, args.claude_code, args.codex)
        # One file may be a ledger's.
        return args.traces[0] if sources == args.traces[:1] else sources, ", ".join(names)
    url = urls[0] if urls else ledger_url(args)
    file_of(url)  # says what to write where it is none
    return url, url


def _nothing(found: Advice, args: argparse.Namespace) -> str:
    since = f" since {args.since}" if args.since else ""
    unpriced = any("no price" in note for note in found.notes)
    hint = "; name a model with --model, or a price with --prices" if unpriced else ""
    return f"{found.source} has no calls that could be replayed{since}{hint}"
