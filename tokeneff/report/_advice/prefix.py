"""Prompts that began as the session's previous one, and were paid for anew."""

from __future__ import annotations

from collections.abc import Iterator

from tokeneff.report._advice._words import merged
from tokeneff.report._cubes import PREFIXES, row_of
from tokeneff.report._reading import Reading
from tokeneff.report._say import several
from tokeneff.report._sums import merge
from tokeneff.report._values import Finding

_MOST = 5
"""Findings of this kind: the dearest details; the rest is one more."""
_TITLES = {
    "tools_changed": "the tool schemas change within a session",
    "tools_reordered": "the tool schemas are sent in changing order",
    "system_changed": "the system prompt changes within a session",
    "edited": "earlier messages are rewritten",
    "shortened": "earlier messages are dropped",
    "expired": "the cache's life passes between requests",
    "missed": "the prefix was whole, and the provider did not read it",
    "model_changed": "the model changes within a session",
}
_ACTIONS = {
    "tools_changed": "send the same tool schemas in every request of a session; forbid a tool with tool_choice instead",
    "tools_reordered": "sort the tool schemas (by name) before sending them",
    "system_changed": "move what changes out of the system prompt, into the last user message, or leave it out",
    "edited": "append to a conversation instead of rewriting it; put what changes into the last message",
    "shortened": "trim rarely and much, rather than a little at each turn: every cut breaks the cache once",
    "expired": "ask for a longer cache life (Anthropic: ttl 1h; OpenAI: prompt_cache_retention), or send sooner",
    "missed": "mark the end of the prefix (Anthropic: cache_control), or keep a session's requests on one cache "
    "(OpenAI: prompt_cache_key; Gemini: an explicit cache)",
    "model_changed": "stay with one model within a session: each model has a cache of its own",
}
_HOW = (
    "for each call, the tokens that the session's previous request had sent and that were not read from the cache, "
    "at what was paid for them less the cached rate; summed over the calls"
)


def find(reading: Reading) -> Iterator[Finding]:
    """A finding for each place where prefixes break, as a timestamp in line 3 of the system prompt."""
    sql = "SELECT id, prefix_cause, prefix_detail FROM prefixes"
    rows = list(reading.connection.execute(sql))
    told = merged(row[2] for row in rows)
    details = {row[0]: (row[1], told[row[2]]) for row in rows}
    columns = ("lost_cost", "cost", "calls", "tokens", "dearest")
    groups: dict[tuple[str, str], list[int]] = {}
    for prefix_id, *values in reading.cells(PREFIXES, ("prefix_id",), columns):
        merge(groups.setdefault(details[prefix_id], [0] * len(columns)), values)
    ordered = sorted(groups.items(), key=lambda item: (-item[1][0], item[0]))
    for (cause, detail), values in ordered[:_MOST]:
        where = f" ({detail})" if detail else ""
        title = f"repeated prompts not read from the cache: {_TITLES.get(cause, cause)}{where}"
        yield _finding(reading, title, values, _ACTIONS.get(cause, "keep the beginning of the prompt unchanged"))
    rest = [values for _, values in ordered[_MOST:]]
    if rest:
        sums = [0] * len(columns)
        for values in rest:
            merge(sums, values)
        title = f"repeated prompts not read from the cache: {several(len(rest), 'other cause')}"
        yield _finding(reading, title, sums, "see the list of what broke the cache")


def _finding(reading: Reading, title: str, values: list[int], action: str) -> Finding:
    saves, spent, calls, tokens, dearest = values
    example = reading.call(row_of(dearest))
    return Finding("uncached_prefix", title, "measured", saves, spent, calls, tokens, *example, _HOW, action)
