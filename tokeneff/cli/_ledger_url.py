"""Which ledger a command is about."""

from __future__ import annotations

import argparse
import os

DEFAULT = "sqlite:///tokeneff.db"


def ledger_option(parser: argparse.ArgumentParser) -> None:
    """Add `--ledger`."""
    parser.add_argument("--ledger", metavar="URL", help=f"the ledger (default: TOKENEFF_LEDGER, else {DEFAULT})")


def ledger_url(args: argparse.Namespace) -> str:
    """Return the URL that the command line, or else the environment, names."""
    return args.ledger or os.environ.get("TOKENEFF_LEDGER") or DEFAULT
