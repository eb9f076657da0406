"""What a log holds of one call, and what in it could not be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tokeneff._flow import UNKNOWN, Facts, Tokens
from tokeneff.accounts._account import Dialect

_MOST_REASONS = 40
_MOST_EXAMPLES = 3
OTHER = "other reasons"


class Logged(NamedTuple):
    """One call as a log tells it: a request, a reply and what the provider counted. Times are microseconds."""

    call_id: str
    time: int
    dialect: Dialect
    body: Mapping[str, Any]
    model: str
    provider: str
    sdk: str
    session: str
    thread: str
    """What the prompt is compared within: a session, or one agent's part of it."""
    tokens: Tokens | None = UNKNOWN
    """``None``: the log does not say; they are counted from the request and the reply."""
    facts: Facts = Facts()
    duration: int | None = None
    ending: str = "read"
    error: str = ""
    status: int | None = None
    retries: int = 0
    batch: bool = False
    usd: float | None = None
    """What the program that wrote the log says the call cost."""
    tags: tuple[tuple[str, str], ...] = ()


class Skipped:
    """What was not used of the files, and why; nothing is left out without being counted here.

    >>> skipped = Skipped()
    >>> skipped.add("not JSON", "a.jsonl", 7)
    >>> skipped.counts, skipped.examples
    ({'not JSON': 1}, {'not JSON': ('a.jsonl:7',)})
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        """Lines (or whole files, where the reason says so) by reason."""
        self.examples: dict[str, tuple[str, ...]] = {}
        """``file:line`` of the first three of each reason."""

    @property
    def total(self) -> int:
        """How many lines or files in all."""
        return sum(self.counts.values())

    def add(self, reason: str, file: str, line: int | None = None) -> None:
        """Count one; beyond 40 distinct reasons it counts as one of ``other reasons``."""
        if reason not in self.counts and len(self.counts) >= _MOST_REASONS:
            reason = OTHER
        self.counts[reason] = self.counts.get(reason, 0) + 1
        seen = self.examples.get(reason, ())
        if len(seen) < _MOST_EXAMPLES:
            self.examples[reason] = (*seen, file if line is None else f"{file}:{line}")

    def __repr__(self) -> str:
        return f"Skipped({self.counts!r})"
