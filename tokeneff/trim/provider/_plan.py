"""When a provider is asked to leave something out of a history: by the same rule as our own edits."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from tokeneff.prices._rates import Rates
from tokeneff.promptcache import Rule, serve
from tokeneff.trim._history import Path
from tokeneff.trim.planning._batches import Batch
from tokeneff.trim.planning._gate import FLOOR, LEAST, MARGIN, Case, Course, Verdict
from tokeneff.trim.planning._plan import KEEP
from tokeneff.trim.planning._planner import Planned, Planner, Request
from tokeneff.trim.provider._facts import Means

CLEARED = "[cleared by the provider]"
"""What stands in a batch for a result that the provider clears, and is counted for its own words; it is never sent."""


class ProvidersPlanner(Planner):
    """Decides what the provider is to clear: the oldest results, all of them up to some message."""

    def _decided(self, request: Request, batch: Batch, before: Planned, course: Course, now: Course) -> Planned:
        total = before.pieces.total
        forced = request.most is not None and total > request.most
        if (total < FLOOR and not forced) or not is_providers(batch):
            return before
        texts = self._oldest(request)
        if len(texts) <= len(batch.texts):
            return before
        planned = self._rendered(request, Batch(texts))
        then, _ = serve(request.rule, course.ours, planned.pieces, request.at)
        extra = then.dollars(request.rates) - (now.cost - course.cost)
        saved = total - planned.pieces.total
        turns = request.outlook.turns(course.turns)
        each = Fraction(turns) * _read(request.rule, request.rates)
        needed = max(extra, 0) * Fraction(*MARGIN)
        gain = int(each * saved - (needed if extra > 0 else extra))
        if not forced and (saved < LEAST or gain <= 0):
            return before
        least = 0 if forced or not each else ceil(needed / each)
        case = Case(request.rule, request.rates, course, request.plain, before.pieces, (), turns, request.at)
        verdict = Verdict(0, None, saved, extra, gain)
        return self._kept(
            request, Batch(texts, saved, gain, least=least), before, case._replace(most=request.most, now=now), verdict
        )

    def _oldest(self, request: Request) -> dict[Path, str]:
        """All results but those of the newest turns, and of tools that are left alone."""
        history = request.history
        if len(history.exchanges) <= KEEP:
            return {}
        behind = history.exchanges[-KEEP].start
        return {
            spot.path: CLEARED
            for spot in history.spots
            if spot.message < behind
            and spot.call
            and spot.kind in ("tool_result", "document")
            and spot.tool not in self._tools
        }


def is_providers(batch: Batch) -> bool:
    """Whether a provider can do all of it: nothing in it is an edit of our own."""
    return not batch.gone and all(text == CLEARED for text in batch.texts.values())


def threshold(means: Means, rule: Rule, rates: Rates, fixed: int, turns: float, most: int | None) -> int | None:
    """From how many tokens on a summary in place of the history pays; ``None`` where none is to be made.

    With N tokens, of which P (tools, system prompt) stay, a summary of K, T turns to come and the prices r of a token
    read from the cache, w of one written to it and o of output, it costs r N + o K + w (P + K) and saves r (N - P - K)
    with each turn. It is to save three halves of what it costs.

    Args:
        fixed: P. turns: T. most: tokens that the request may have, which are the threshold where it pays only later.
    """
    over = Fraction(*MARGIN)
    read = _read(rule, rates)
    written = rates.cache_write if rule.engine in ("marks", "points") else rates.input
    stays, coming = fixed + means.summary, Fraction(turns)
    found: int | None = None
    if rates.output is not None and coming > over and read:
        once = over * (rates.output * means.summary + written * stays)
        found = max(ceil((coming * read * stays + once) / (read * (coming - over))), means.soonest)
    if most is not None:
        found = most if found is None else min(found, most)
    return None if found is None or found < means.least else found


def _read(rule: Rule, rates: Rates) -> Fraction:
    return rates.input if rule.engine == "none" else rates.cache_read
