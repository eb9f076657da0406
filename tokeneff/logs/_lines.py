"""The lines of a log file, one at a time, whatever is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from tokeneff.logs._fields import Obj
from tokeneff.logs._values import Skipped
from tokeneff.traces._json import values
from tokeneff.traces._values import BrokenLine

LONGEST = 256 << 20
"""Bytes of a line; a longer one is passed over, so that a file without line ends is not held in memory."""


def objects(path: Path, skipped: Skipped | None = None) -> Iterator[tuple[int, Obj]]:
    """Yield line number and object for each line that is one; what is not is told to ``skipped``."""
    name = str(path)
    told = Skipped() if skipped is None else skipped
    try:
        with path.open("rb") as stream:
            for item in values(cast(BinaryIO, _Bounded(stream, told, name)), name):
                if isinstance(item, BrokenLine):
                    told.add(_kind(item.reason), name, item.line)
                elif isinstance(item[1], dict):
                    yield item[0], cast(Obj, item[1])
                else:
                    told.add("not an object", name, item[0])
    except OSError as error:
        told.add(f"a file that cannot be read: {error.strerror or error}", name)


def written_at(path: Path) -> int:
    """When the file was last written, in microseconds since 1970."""
    try:
        return path.stat().st_mtime_ns // 1000
    except OSError:
        return 0


def _kind(reason: str) -> str:
    """A reason without the place within the line, so that the same ones are counted together."""
    return reason.partition(" (")[0]


class _Bounded:
    """A binary file whose overlong lines read as empty ones."""

    def __init__(self, stream: BinaryIO, skipped: Skipped, name: str) -> None:
        self._stream = stream
        self._skipped = skipped
        self._name = name

    def __iter__(self) -> Iterator[bytes]:
        number = 0
        while line := self._stream.readline(LONGEST):
            number += 1
            if len(line) == LONGEST and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = self._stream.readline(LONGEST)
                self._skipped.add("a line of more than 256 MB", self._name, number)
                line = b"\n"
            yield line

    def read(self, size: int = -1) -> Any:
        return self._stream.read(size)
