"""`python -m tokeneff.testing`: the fake provider in a process of its own."""

from __future__ import annotations

import argparse
import signal
import sys
from threading import Event

from tokeneff.testing import faults
from tokeneff.testing.replies import Reply
from tokeneff.testing.server import FakeProvider


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted or terminated."""
    parser = argparse.ArgumentParser(prog="python -m tokeneff.testing", description="A fake provider on loopback.")
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0 (the default) takes a free one")
    parser.add_argument("--print-url", action="store_true", help="print http://127.0.0.1:PORT, without /v1, when ready")
    parser.add_argument("--chunks", type=int, metavar="N", help="reply in N streamed pieces")
    parser.add_argument("--delay", type=float, default=0.0, metavar="S", help="seconds between pieces")
    parser.add_argument("--first-byte", type=float, default=0.0, metavar="S", help="seconds before the reply")
    parser.add_argument("--text", help="the reply's text (with --chunks: of each piece)")
    options = parser.parse_args(arguments)
    if options.chunks is not None:
        reply = Reply(chunks=[options.text or " token"] * options.chunks)
    else:
        reply = Reply(text=options.text or "Hello from the fake provider.")
    bent = faults.slow_first_byte(options.first_byte, faults.slow_chunks(options.delay, reply))
    stop = Event()

    def end(_number: int, _frame: object) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with FakeProvider(bent if options.delay or options.first_byte else reply, port=options.port, keep=0) as provider:
        if options.print_url:
            print(provider.anthropic_url, flush=True)
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
