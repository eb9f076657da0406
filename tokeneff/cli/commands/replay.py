"""Replay recorded conversations through the real SDK and a wrapped client, without a key.

A built-in provider on loopback answers each call with the recorded reply and the recorded usage.
TRACE.jsonl holds one record a line: a conversation (`messages`, and where known `calls` with their usage),
a request body, a pair of `request` and `response`, or a line of a batch file; a JSON array of these will do too.
A line that cannot be used is named, counted and skipped.

examples:
  tokeneff replay trace.jsonl
  tokeneff replay trace.jsonl --stream --async --concurrency 8
  tokeneff replay trace.jsonl --otlp http://localhost:4318
  tokeneff replay trace.jsonl --json | jq .tokens
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import warnings
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from tokeneff.cli._arguments import positive
from tokeneff.cli._output import Output, UsageError
from tokeneff.cli._summary import print_summary, summarise

if TYPE_CHECKING:
    from tokeneff.cli._progress import Progress
    from tokeneff.cli._recording import Recording
    from tokeneff.cli._replaying import Replay

_FLUSH_EVERY = 500  # calls; there are far more a second than in any service, and the queue of spans is bounded


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("trace", metavar="TRACE.jsonl", help="the recorded conversations, or - for standard input")
    parser.add_argument(
        "--tools",
        metavar="FILE",
        help="JSON list of tool schemas to send along (NAME_tools.json beside the trace is found by itself)",
    )
    parser.add_argument("--stream", action="store_true", help="ask for every reply as a stream")
    parser.add_argument("--async", action="store_true", dest="asynchronous", help="use the asynchronous clients")
    parser.add_argument(
        "--concurrency", type=positive, default=1, metavar="N", help="conversations at a time (default 1)"
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="stop after N calls")
    parser.add_argument("--otlp", metavar="URL", help="send spans and metrics to this OTLP/HTTP collector")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")


def run(args: argparse.Namespace, out: Output) -> int:
    """Replay, and print the totals."""
    from tokeneff.cli._progress import Progress
    from tokeneff.cli._recording import Recording

    # SDKs warn of old model names, and of what a recorded body holds; neither is the user's to mend here.
    warnings.simplefilter("ignore")
    with ExitStack() as stack:
        stream, name = _open(args.trace, stack)
        tools = _tools(args)
        recording = stack.enter_context(Recording(args.otlp, keep=False))
        progress = stack.enter_context(Progress(out, stream, name))
        replay = _replay(args, stream, name, tools, recording, progress)
        began = time.perf_counter()
        if args.asynchronous:
            asyncio.run(replay.arun())
        else:
            replay.run()
        took = time.perf_counter() - began
    summary = summarise(name, replay, took, recording)
    out.json(summary)
    if not out.as_json:
        print_summary(out, summary, list(replay.clients.values()))
    arrived = recording.report(out)
    return 0 if replay.tally.calls and not replay.tally.failed and arrived else 1


def _replay(
    args: argparse.Namespace,
    stream: BinaryIO,
    name: str,
    tools: list[dict[str, Any]],
    recording: Recording,
    progress: Progress,
) -> Replay:
    from tokeneff.cli._replaying import Replay
    from tokeneff.traces import read

    done = count(1)

    def on_call() -> None:
        progress.advance()
        if next(done) % _FLUSH_EVERY == 0:
            recording.flush()

    return Replay(
        items=read(stream, name=name, tools=tools),
        wrap=recording.wrap,
        stream=args.stream,
        limit=args.limit,
        concurrency=args.concurrency,
        on_call=on_call,
    )


def _open(path: str, stack: ExitStack) -> tuple[BinaryIO, str]:
    if path == "-":
        return sys.stdin.buffer, "<stdin>"
    try:
        return stack.enter_context(open(path, "rb")), path
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _tools(args: argparse.Namespace) -> list[dict[str, Any]]:
    from tokeneff.traces import tools_beside

    path = args.tools or (None if args.trace == "-" else tools_beside(args.trace))
    if path is None:
        return []
    try:
        tools: Any = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the tool schemas in {path}: {error}") from error
    if not isinstance(tools, list):
        raise UsageError(f"{path} holds no list of tool schemas")
    return cast("list[dict[str, Any]]", tools)
