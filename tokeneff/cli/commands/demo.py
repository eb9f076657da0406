"""Watch a short agent session being recorded, without a key.

A small travel desk asks, uses two tools, streams, consults Anthropic, asks three things at once and breaks a stream
off, against a built-in provider on loopback. Then come the spans of all that, as a tree, and the totals.
With --live it asks the real endpoint: OPENAI_API_KEY or OPENAI_BASE_URL, and ANTHROPIC_API_KEY.

examples:
  tokeneff demo
  tokeneff demo --otlp http://localhost:4318
  OPENAI_BASE_URL=http://localhost:11434/v1 tokeneff demo --live --model llama3.2
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tokeneff.cli._output import Output

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--live", action="store_true", help="ask the real endpoint that the environment names")
    parser.add_argument("--model", metavar="NAME", help="the model to ask with --live")
    parser.add_argument("--otlp", metavar="URL", help="also send spans and metrics to this OTLP/HTTP collector")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the tree and the table")


def run(args: argparse.Namespace, out: Output) -> int:
    """Run the session, show its spans and its totals."""
    if not args.live:
        out.show("A travel desk at work. Each of its calls goes through a client from tokeneff.wrap().\n")
    from tokeneff.cli._recording import Recording
    from tokeneff.cli._session import Session
    from tokeneff.cli._stage import live_stage, loopback_stage
    from tokeneff.cli._totals import show_usage, totals
    from tokeneff.ledger import Ledger
    from tokeneff.report import report

    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger("memory://"))
        recording = stack.enter_context(Recording(args.otlp, ledger=ledger))
        clients, queue = live_stage(recording.wrap, args.model) if args.live else loopback_stage(recording.wrap, stack)
        stack.callback(clients.close)
        for missing in clients.missing:
            out.note(f"left out: {missing}")
        session = Session(clients, recording.tracer, queue, lambda title, said: _say(out, title, said))
        session.run()
        clients.close()
        found = report(ledger, by=("feature",))._replace(source="the session above")
    spans = recording.spans()
    told = {"spans": [_span(span) for span in spans], "failures": session.failures, **totals(clients.all())}
    out.json({**told, "report": found.as_json()})
    if not out.as_json:
        from tokeneff.cli._report_text import show
        from tokeneff.cli.render import span_tree

        out.show("", span_tree(spans, "spans"), "")
        show_usage(out, clients.all(), "feature")
        show(found, out)
    recording.report(out)
    return 1 if session.failures or not clients.all() else 0


def _say(out: Output, title: str, said: str) -> None:
    if out.as_json:
        return
    from rich.text import Text

    out.show(Text(title, style="bold"))
    out.show(Text("  " + said.replace("\n", "\n  "), style="dim"))


def _span(span: ReadableSpan) -> dict[str, Any]:
    return {
        "name": span.name,
        "id": f"{span.context.span_id:016x}" if span.context else None,
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "seconds": ((span.end_time or 0) - (span.start_time or 0)) / 1e9,
        "attributes": dict(span.attributes or {}),
        "events": [{"name": event.name, "attributes": dict(event.attributes or {})} for event in span.events],
    }
