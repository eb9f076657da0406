"""Codex's session logs: ``~/.codex/sessions/<year>/<month>/<day>/rollout-<time>-<thread>.jsonl``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tokeneff.logs._codex._index import threads
from tokeneff.logs._codex._session import calls
from tokeneff.logs._lines import written_at
from tokeneff.logs._values import Logged, Skipped


def logged(paths: Sequence[Path], skipped: Skipped, since: int | None) -> Iterator[Iterator[Logged]]:
    """Yield the calls of one thread after another, of those threads that have any since then."""
    counted: set[str] = set()
    for thread in threads(paths, skipped):
        if since is None or thread.last is None or thread.last >= since:
            yield calls(thread, counted, written_at(thread.files[0].path))


__all__ = ["logged"]
