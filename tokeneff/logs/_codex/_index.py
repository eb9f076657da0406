"""The first reading of Codex's logs: which files are one thread's, and what of them is another thread's.

A forked session's file, and often a subagent's, begins with a copy of the parent's lines, stamped with the time of the
fork. Archived sessions, and folders that were copied, hold the same thread once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from re import compile as pattern

from tokeneff.logs._codex._lines import Line, by_model, line_of
from tokeneff.logs._codex._meter import Meter, Usage
from tokeneff.logs._fields import Obj, micros, obj, text
from tokeneff.logs._lines import objects
from tokeneff.logs._values import Skipped

_UUID = pattern(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BURST = 1_000_000
"""Microseconds between two responses below which they are a copy: it is written in one go, a response takes longer."""
_EARLY = 2_000_000
"""Microseconds that a turn may seem older than the fork that it is of; the two clocks are read one after the other."""


@dataclass(slots=True)
class File:
    """What is kept of a file between the two readings."""

    path: Path
    thread: str
    meta: Obj = field(default_factory=dict[str, object])
    first: int | None = None
    last: int | None = None
    keys: list[str] = field(default_factory=list[str])
    """Of the responses told of, in order."""
    told: set[Usage] = field(default_factory=set[Usage])
    """What was told of them: a file that begins within a session may know less of the first."""
    times: list[int] = field(default_factory=list[int])
    lines: list[int] = field(default_factory=list[int])
    fresh: int | None = None
    """How many responses come before the first turn that is no copy, where its name tells when it was begun."""

    @property
    def parent(self) -> str:
        """The thread that this one was forked from, if it was."""
        spawn = obj(obj(obj(self.meta.get("source")).get("subagent")).get("thread_spawn"))
        named = (self.meta.get("forked_from_id"), self.meta.get("parent_thread_id"), spawn.get("parent_thread_id"))
        return next((name for name in map(text, named) if name and name != self.thread), "")


@dataclass(slots=True)
class Thread:
    """The files of one thread, in order, and which responses in them are copies of another's."""

    files: list[File]
    copied: set[str]

    @property
    def last(self) -> int | None:
        """When the last line was written."""
        return max((file.last for file in self.files if file.last is not None), default=None)


def scan(path: Path, skipped: Skipped) -> File:
    """Read a file; what cannot be used of it is told to ``skipped``."""
    named = _UUID.findall(path.stem)
    file, meter = File(path, named[-1] if named else path.stem), Meter()
    old_turns = replies = False
    for number, fields in objects(path, skipped):
        line = line_of(fields)
        if isinstance(line, str):
            skipped.add(line, str(path), number)
            continue
        if line.time is not None:
            file.first = line.time if file.first is None else file.first
            file.last = line.time
        if line.kind == "session_meta" and not file.meta:
            file.meta = {name: value for name, value in line.payload.items() if name != "base_instructions"}
            file.thread = text(line.payload.get("id")) or file.thread
        begun = _turn_begun(line)
        if begun is not None and file.fresh is None:
            if begun >= _created(file) - _EARLY:
                file.fresh = len(file.keys) if old_turns else 0
            old_turns = True
        usage = meter.read(line.kind, line.payload, fields.get("timestamp"))
        if usage is not None:
            file.keys.append(usage.key)
            file.told.add(usage)
            file.times.append(line.time or 0)
            file.lines.append(number)
        replies = replies or (line.kind == "response_item" and by_model(line.payload))
    if replies and not file.keys:
        skipped.add("a session whose replies have no usage", str(path))
    return file


def _turn_begun(line: Line) -> int | None:
    """When a turn was begun, from its name (a UUID of version 7 begins with the time in milliseconds)."""
    if line.kind != "turn_context" and line.payload.get("type") != "task_started":
        return None
    return _uuid_time(text(line.payload.get("turn_id")))


def _uuid_time(name: str) -> int | None:
    if not _UUID.fullmatch(name) or name[14] != "7":
        return None
    return int(name[:8] + name[9:13], 16) * 1000


def _created(file: File) -> int:
    return _uuid_time(file.thread) or micros(file.meta.get("timestamp")) or file.first or 0


def threads(paths: Iterable[Path], skipped: Skipped) -> Iterator[Thread]:
    """Yield the threads in order of time."""
    by_name: dict[str, list[File]] = {}
    for path in paths:
        file = scan(path, skipped)
        by_name.setdefault(file.thread, []).append(file)
    chosen = {name: _whole(files) for name, files in by_name.items()}
    for name in sorted(chosen, key=lambda name: (chosen[name][0].first or 0, name)):
        parent = chosen[name][0].parent
        copied = _copied(chosen[name][0], chosen.get(parent, ()), skipped) if parent else set[str]()
        yield Thread(chosen[name], copied)


def _whole(files: Sequence[File]) -> list[File]:
    """Those files of a thread that together say everything: none that says only what others say."""
    kept: list[File] = []
    said: set[Usage] = set()
    for file in sorted(files, key=lambda file: (-len(file.keys), str(file.path))):
        if not kept or not file.told <= said:
            kept.append(file)
            said |= file.told
    return sorted(kept, key=lambda file: (not file.meta, file.first or 0, str(file.path)))


def _copied(file: File, parents: Sequence[File], skipped: Skipped) -> set[str]:
    """The responses that a forked thread begins with a copy of."""
    theirs = {key for parent in parents for key in parent.keys}
    length = next((at for at, key in enumerate(file.keys) if key not in theirs), len(file.keys))
    if not length:
        length = file.fresh if file.fresh is not None else _burst(file.times)
        for line in file.lines[:length]:
            skipped.add("usage copied from a session whose log is not here", str(file.path), line)
    return set(file.keys[:length])


def _burst(times: Sequence[int]) -> int:
    """How many responses a copy written in one go has at the head."""
    length = next((at for at in range(1, len(times)) if times[at] - times[at - 1] > _BURST), len(times))
    return length if length > 1 else 0
