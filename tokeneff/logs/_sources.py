"""Where logs are, and whose."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from tokeneff.logs._codex._lines import KINDS
from tokeneff.logs._codex._lines import line_of as codex_line
from tokeneff.logs._fields import Obj, text
from tokeneff.logs._lines import objects

Kind: TypeAlias = Literal["claude-code", "codex", "trace"]
_LOOKED_AT = 25
_ENDINGS = (".jsonl", ".json", ".ndjson")
_CLAUDE_MARKS = ("sessionId", "parentUuid", "leafUuid", "session_id")


class Source(NamedTuple):
    """Files of logs that are read together, so that what is in several of them counts once."""

    kind: Kind | None
    """Whose logs they are; ``None``: each file is looked at."""
    paths: tuple[Path, ...]
    """Files, and folders that are searched for files to any depth."""


Readable: TypeAlias = "str | os.PathLike[str] | Source"


def claude_code(dir: str | os.PathLike[str] | None = None) -> Source:  # noqa: A002 - the plainest word for it
    """The session logs of Claude Code on this machine, or in a folder.

        tokeneff.logs.records(tokeneff.logs.claude_code())

    Args:
        dir: a folder that holds logs, at any depth; ``None``: ``projects`` in the folders that ``CLAUDE_CONFIG_DIR``
            names (by commas), else in ``~/.claude`` and ``~/.config/claude``.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if dir is not None:
        return Source("claude-code", (_existing(dir),))
    homes = _named("CLAUDE_CONFIG_DIR") or (Path.home() / ".claude", _config() / "claude")
    return Source("claude-code", _folders("Claude Code", "CLAUDE_CONFIG_DIR", [home / "projects" for home in homes]))


def codex(dir: str | os.PathLike[str] | None = None) -> Source:  # noqa: A002
    """The session logs of the Codex CLI on this machine, or in a folder.

        tokeneff.logs.records(tokeneff.logs.codex())

    Args:
        dir: a folder that holds logs, at any depth; ``None``: ``sessions`` and ``archived_sessions`` in the folders
            that ``CODEX_HOME`` names (by commas), else in ``~/.codex``.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if dir is not None:
        return Source("codex", (_existing(dir),))
    homes = _named("CODEX_HOME") or (Path.home() / ".codex",)
    places = [home / name for home in homes for name in ("sessions", "archived_sessions")]
    return Source("codex", _folders("Codex", "CODEX_HOME", places))


def _config() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _named(variable: str) -> tuple[Path, ...]:
    names = (name.strip() for name in os.environ.get(variable, "").split(","))
    return tuple(Path(name).expanduser() for name in names if name)


def _folders(program: str, variable: str, places: Sequence[Path]) -> tuple[Path, ...]:
    found = tuple(place for place in places if place.is_dir())
    if not found:
        looked = ", ".join(map(str, places))
        raise FileNotFoundError(f"no logs of {program} here (looked for {looked}): set {variable}, or name the folder")
    return found


def _existing(path: str | os.PathLike[str]) -> Path:
    found = Path(path).expanduser()
    if not found.exists():
        raise FileNotFoundError(f"no file or folder {str(found)!r} to read logs from")
    return found


def source_of(readable: Readable) -> Source:
    """The source itself, or that of a file or folder."""
    return readable if isinstance(readable, Source) else Source(None, (_existing(readable),))


def files(source: Source) -> dict[Kind, list[Path]]:
    """The files of a source by kind, in order of their names, none twice."""
    found: dict[Kind, list[Path]] = {"claude-code": [], "codex": [], "trace": []}
    seen: set[str] = set()
    for path in source.paths:
        for file in _below(path):
            real = os.path.realpath(file)
            if real in seen:
                continue
            seen.add(real)
            found[source.kind or kind_of(file)].append(file)
    return found


def _below(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        return (path,)
    return sorted(_walked(path))


def _walked(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in names:
            if name.endswith(_ENDINGS) and not name.endswith(("_tools.json", ".meta.json")):
                yield Path(parent, name)


def kind_of(path: Path) -> Kind:
    """Whose log a file is, by its first lines that tell."""
    for _, fields in islice(objects(path), _LOOKED_AT):
        if "messages" in fields or "traj" in fields or "request" in fields:
            return "trace"
        if _is_codex(fields):
            return "codex"
        if _is_claude(fields):
            return "claude-code"
    return "trace"


def _is_codex(fields: Obj) -> bool:
    if isinstance(fields.get("payload"), dict):
        return text(fields.get("type")) in KINDS
    return "sessionId" not in fields and not isinstance(codex_line(fields), str)


def _is_claude(fields: Obj) -> bool:
    return isinstance(fields.get("type"), str) and any(mark in fields for mark in _CLAUDE_MARKS)
