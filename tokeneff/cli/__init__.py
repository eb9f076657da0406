"""The `tokeneff` command.

    tokeneff demo            watch a short agent session being recorded, without a key
    tokeneff replay FILE     send recorded conversations through a wrapped client
    tokeneff report          where tokens, money and time went, and what to do about it
    tokeneff advise          what other settings would have saved on recorded traffic
    tokeneff ledger          what is in a ledger, and getting it out
    tokeneff budget          what budgets have spent, hold and have left, and changing it
    tokeneff cache           what a cache has kept, and forgetting or filling it
    tokeneff dashboards      a Grafana dashboard and Prometheus alert rules
    tokeneff doctor          what is installed, what is sent where, and what is wrong

Exit codes: 0 done, 1 problems found or calls failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from tokeneff._version import __version__
from tokeneff.cli._discovery import discover
from tokeneff.cli._output import Output, UsageError

__all__ = ["main"]

_INTERRUPTED = 130  # what a shell reports of a program ended by ctrl-C
_PIPE_CLOSED = 141  # and of one whose reader (`| head`) has left


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: `main(["doctor", "--json"])`.

    Args:
        argv: the arguments after the program's name; those of the process if not given.
    """
    name = "tokeneff"
    try:
        args = _parser().parse_args(argv)
        name = f"tokeneff {args.command}"
        code = _run(args)
        sys.stdout.flush()
    except SystemExit as stop:  # argparse: --help, --version, wrong usage
        return stop.code if isinstance(stop.code, int) else 2
    except UsageError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # What is still buffered has nowhere to go; without this the interpreter complains at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    return code


def _run(args: argparse.Namespace) -> int:
    module: ModuleType = args.module
    return module.run(args, Output(as_json=getattr(args, "json", False)))


class _Parser(argparse.ArgumentParser):
    """A parser, as are those of its commands, to which an empty value is a mistake: of a script's unset variable."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.register("type", None, _filled)

    def add_subparsers(self, **named: Any) -> Any:
        action = super().add_subparsers(**named)
        action.type = str  # it is handed its command's whole line, which is the command's to check
        return action


def _filled(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; give a value, or leave it out")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tokeneff",
        description="Make every LLM token earn its place: see, replay and check the calls of wrapped clients.",
        epilog="exit codes: 0 done, 1 problems found or calls failed, 2 wrong usage",
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"tokeneff {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for name, module in discover().items():
        summary, _, details = (module.__doc__ or "").strip().partition("\n")
        sub = subparsers.add_parser(
            name,
            help=summary[:1].lower() + summary[1:].rstrip("."),
            description=summary,
            epilog=details.strip() or None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.arguments(sub)
        sub.set_defaults(module=module)
    return parser


class _Help(argparse.HelpFormatter):
    """A name and what it does on one line: argparse forgets that the names of commands are indented."""

    def format_help(self) -> str:
        self._action_max_length += self._indent_increment
        return super().format_help()
