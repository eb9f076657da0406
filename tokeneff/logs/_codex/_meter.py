"""What Codex's logs say of usage, line by line, each response once.

``event_msg`` lines of type ``token_count`` carry cumulative totals and the usage of the last response; they are written
again, unchanged, whenever a limit is reported. Newer versions also write a ``token_usage_record`` with the response's
id; the ``token_count`` that follows says the same once more.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from tokeneff._flow import Tokens
from tokeneff._plain import count
from tokeneff.logs._fields import Obj, obj, text

Counts: TypeAlias = tuple[int, int, int, int, int]
"""Input, of which cached, of which written to the cache; output, of which reasoning."""


class Usage(NamedTuple):
    """The usage of one response."""

    key: str
    """The same in every copy of the log, and in every log that holds a copy of this one's beginning."""
    counts: Counts
    response: str = ""

    @property
    def tokens(self) -> Tokens:
        """The same as the flow has it."""
        given, cached, written, output, reasoning = self.counts
        return Tokens(given, output, min(cached, given), min(written, given) or None, reasoning=min(reasoning, output))


class Meter:
    """Reads the lines of one thread, in order, and tells of each response once."""

    def __init__(self) -> None:
        self._total: Counts | None = None
        self._records: list[tuple[Counts, Counts | None]] = []
        """Responses whose ``token_count`` has not come yet."""

    def read(self, kind: str, payload: Obj, timestamp: Any) -> Usage | None:
        """Return the usage that a line tells, if it tells of a response that was not told of."""
        if kind == "token_usage_record":
            return self._record(payload)
        if kind == "event_msg" and payload.get("type") == "token_count":
            return self._count(obj(payload.get("info")), timestamp)
        return None

    def _record(self, payload: Obj) -> Usage | None:
        counts, total = _counts(payload.get("usage")), _counts(payload.get("thread_token_usage"))
        response = text(payload.get("response_id"))
        if counts is None or not any(counts) or not response or (total is not None and total == self._total):
            return None
        self._records.append((counts, total))
        return Usage(response, counts, response)

    def _count(self, info: Obj, timestamp: Any) -> Usage | None:
        total, last = _counts(info.get("total_token_usage")), _counts(info.get("last_token_usage"))
        before, self._total = self._total, total or self._total
        if total is not None and total == before:
            return None
        counts = last if last is not None and any(last) else _grown(total, before)
        if counts is None or not any(counts) or self._is_recorded(counts, total):
            return None
        return Usage(repr(total if total is not None else (timestamp, counts)), counts)

    def _is_recorded(self, counts: Counts, total: Counts | None) -> bool:
        for at, (recorded, thread) in enumerate(self._records):
            if recorded == counts or (thread is not None and thread == total):
                del self._records[: at + 1]
                return True
        return False


def _grown(total: Counts | None, before: Counts | None) -> Counts | None:
    """What was added; everything, where a total is smaller than before and so begins anew."""
    if total is None or before is None:
        return total
    grown = [new - old for new, old in zip(total, before, strict=True)]
    return total if min(grown[0], grown[3]) < 0 else (max(grown[0], 0), *(max(part, 0) for part in grown[1:]))  # pyright: ignore[reportReturnType]


def _counts(raw: Any) -> Counts | None:
    if not isinstance(raw, dict):
        return None
    usage = obj(raw)
    given, output = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if given is None and output is None:
        return None
    cached = count(usage.get("cached_input_tokens"))
    written = count(usage.get("cache_write_input_tokens")) or count(usage.get("cache_creation_input_tokens"))
    return given or 0, cached or 0, written or 0, output or 0, count(usage.get("reasoning_output_tokens")) or 0
