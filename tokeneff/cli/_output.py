"""Where a command writes: stdout for its result, stderr for how it goes."""

from __future__ import annotations

import json
import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 120  # of what is written to a file or pipe, where no terminal says


class UsageError(Exception):
    """The command cannot begin: what was asked for is wrong; exit code 2."""


class Output:
    """A result for people or, with `as_json`, one JSON value for machines; never both."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @cached_property
    def result(self) -> Console:
        """The console on stdout."""
        return _console(sys.stdout)

    @cached_property
    def notes(self) -> Console:
        """The console on stderr: progress and remarks, also beside JSON."""
        return _console(sys.stderr)

    def show(self, *objects: Any) -> None:
        """Print for people; does nothing where JSON is asked for."""
        if not self.as_json:
            self.result.print(*objects)

    def line(self, text: str) -> None:
        """Print a line for people as it is, however long; does nothing where JSON is asked for."""
        if not self.as_json:
            self.result.print(text, markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Say something beside the result."""
        self.notes.print(text, markup=False, highlight=False, soft_wrap=True)

    def json(self, value: Any) -> None:
        """Print the JSON value, where JSON is asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=not _unicode(sys.stdout)) + "\n")


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would end the process here, with code 1; `main` knows better

    reconfigure: Any = getattr(stream, "reconfigure", None)
    if reconfigure is not None and not _unicode(stream):
        reconfigure(errors="replace")
    sized = stream.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Pipe(file=stream, width=None if sized else _WIDTH, highlight=False, emoji=False)


def _unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").startswith("utf")
