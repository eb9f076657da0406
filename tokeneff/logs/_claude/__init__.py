"""Claude Code's session logs: ``~/.claude/projects/<folder>/<session>.jsonl`` and its agents' below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tokeneff.logs._claude._index import Index
from tokeneff.logs._claude._session import calls
from tokeneff.logs._lines import written_at
from tokeneff.logs._values import Logged, Skipped


def logged(paths: Sequence[Path], skipped: Skipped, since: int | None) -> Iterator[Iterator[Logged]]:
    """Yield the calls of one file after another, of those files that have any since then."""
    index = Index()
    index.read(paths, skipped)
    for file, owned in index.owned():
        if since is None or file.last is None or file.last >= since:
            yield calls(file.path, owned, index, written_at(file.path))


__all__ = ["logged"]
