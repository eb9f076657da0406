"""The first reading of Claude Code's logs: which file each reply belongs to, and what its usage came to.

Sessions that are resumed or forked begin with a copy of an earlier one, agents' files may hold their parent's lines,
and folders are copied; so a reply can be in several files, and is counted in one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tokeneff.logs._claude._lines import Line, Usage, line_of, usage_of
from tokeneff.logs._lines import objects
from tokeneff.logs._values import Skipped


@dataclass(slots=True)
class File:
    """What is kept of a file between the two readings."""

    path: Path
    first: int | None = None
    last: int | None = None
    """Microseconds, of its first and its last line that say."""


@dataclass(slots=True)
class Index:
    """Of each reply: the best of what was said of its usage, and where it is."""

    files: list[File] = field(default_factory=list[File])
    usage: dict[str, Usage] = field(default_factory=dict[str, Usage])
    _spots: dict[str, list[tuple[bool, int]]] = field(default_factory=dict[str, list[tuple[bool, int]]])

    def read(self, paths: Iterable[Path], skipped: Skipped) -> None:
        """Read the files; what cannot be used of them is told to ``skipped``."""
        for path in paths:
            file = File(path)
            self.files.append(file)
            for number, fields in objects(path, skipped):
                line = line_of(number, fields)
                if isinstance(line, Line):
                    self._note(line, file)
                elif line:
                    skipped.add(line, str(path), number)

    def _note(self, line: Line, file: File) -> None:
        if line.time is not None:
            file.first = line.time if file.first is None else min(file.first, line.time)
            file.last = line.time if file.last is None else max(file.last, line.time)
        if not line.reply:
            return
        usage = usage_of(line.fields)
        known = self.usage.get(line.reply)
        self.usage[line.reply] = usage if known is None else max(known, usage)
        spot = (not usage.main or "forkedFrom" in line.fields, len(self.files) - 1)
        spots = self._spots.setdefault(line.reply, [])
        if spot not in spots:
            spots.append(spot)

    def owned(self) -> list[tuple[File, set[str]]]:
        """Return the files in order of time, each with the replies that are its own.

        Of several files, a reply is the one's where it is no copy by what the line says, else the one's that ended
        first: a copy goes on from where the original stopped.
        """
        owned: list[set[str]] = [set() for _ in self.files]
        for reply, spots in self._spots.items():
            owned[min(spots, key=self._rank)[1]].add(reply)
        self._spots.clear()
        order = sorted(range(len(self.files)), key=self._age)
        return [(self.files[at], owned[at]) for at in order if owned[at]]

    def _age(self, at: int) -> tuple[int, int, str]:
        file = self.files[at]
        return file.first or 0, file.last or 0, str(file.path)

    def _rank(self, spot: tuple[bool, int]) -> tuple[bool, int, str]:
        file = self.files[spot[1]]
        return spot[0], file.last or 0, str(file.path)
