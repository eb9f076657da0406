"""Summaries of what is left out together, as far as they pay, each written once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from tokeneff._forking import watch
from tokeneff._log import log_once
from tokeneff.tokens import counter
from tokeneff.trim._changing import changed
from tokeneff.trim._history import History, Path
from tokeneff.trim.arrival._calls import calls_of
from tokeneff.trim.planning._gate import MARGIN, SLACK, Case, Verdict
from tokeneff.trim.planning._limit import Fit, Measure, window_of
from tokeneff.trim.planning._plan import Clearing, is_cleared
from tokeneff.trim.planning._planner import Planned, Planner, Request
from tokeneff.trim.summaries._asking import Written, written

if TYPE_CHECKING:
    from tokeneff.prices import Prices
    from tokeneff.prices._rates import Rates
    from tokeneff.trim.memo._memo import Memo
    from tokeneff.trim.summaries._summarise import Summarise

_AT_ONCE = 8
"""Summaries that are waited for at a time: each holds a thread up."""
_PAUSE = 60.0
"""Seconds without another try after one that failed."""
_OPENING = "\n[Summary of the {many} that were left out here: "


class Summed(NamedTuple):
    """Texts with what a summary added to them."""

    texts: Mapping[Path, str]
    spent: int = 0
    """Nano-dollars that it cost."""
    made: bool = False


class Room(NamedTuple):
    """What a request that was too long may have."""

    most: int
    """Tokens."""
    before: int
    """Tokens that it had."""
    rates: Rates
    turns: float
    """Requests likely to come after it."""


class Summaries:
    """Has summaries written, and keeps them. Thread-safe; waits for a model.

    Args:
        summarise: who writes. memo: where they are kept. prices: what that costs. scope: whose texts these are.
    """

    def __init__(self, summarise: Summarise, memo: Memo, prices: Prices, scope: str) -> None:
        from tokeneff._client import bare_class
        from tokeneff.adapters import family_of

        family = family_of(bare_class(type(summarise.client)))
        assert family is not None  # seen to when it was made
        self._summarise, self._memo, self._prices, self._family = summarise, memo, prices, family
        self._site = family.site(summarise.client)
        self._own = blake2b(scope.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self._not_before = 0.0
        self.guard = threading.Lock()
        watch(self)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard, self._slots = threading.Lock(), threading.BoundedSemaphore(_AT_ONCE)

    def paying(
        self,
        history: History,
        before: Mapping[Path, str],
        texts: Mapping[Path, str],
        case: Case,
        verdict: Verdict,
    ) -> Summed:
        """The texts with a summary, if what was decided still pays with it.

        Args:
            before: what is sent of the history instead of the caller's texts. texts: what is to stand there now.
            case, verdict: what was decided, and on what grounds.
        """
        now = case.now or case.course.after(case.rule, case.rates, case.plain, case.ours, case.at)
        rates, over, most = case.rates, Fraction(*MARGIN), self._summarise.max_tokens
        each = rates.input if case.rule.engine == "none" else rates.cache_read
        first = ceil(most * max(rates.input, rates.cache_write))
        stays = ceil(most * each * Fraction(case.turns))

        def pays(price: int) -> bool:
            extra = verdict.extra + first + price
            affordable = (now.cost + extra - now.spent) * SLACK <= now.spent
            return affordable and verdict.gain - stays - (first + price) * over > 0

        return self._summed(history, before, texts, {*texts}, pays)

    def fit(
        self, history: History, fit: Fit, before: Mapping[Path, str], room: Room, measure: Measure
    ) -> tuple[Fit, int]:
        """A request that was cut to fit with a summary of what was left out, if there is room, and the rest of the
        conversation is likely to save what it costs; and nano-dollars that it did cost.

        Args:
            before: what was sent of the history instead of the caller's texts. measure: counts a request.
        """
        if room.most - fit.tokens < self._summarise.max_tokens:
            return fit, 0
        gone = frozenset(place for one in fit.gone for place in range(one.start, one.stop))
        new = {path for path, text in fit.texts.items() if before.get(path) != text}
        over = Fraction(*MARGIN)
        gain = (room.before - fit.tokens) * room.rates.cache_read * Fraction(room.turns)
        found = self._summed(history, before, fit.texts, new, lambda price: price * over < gain, gone)
        if not found.made:
            return fit, 0
        body = changed(history, found.texts, fit.gone)
        tokens, _ = measure(body)
        return (fit if tokens > room.most else Fit(body, found.texts, fit.gone, tokens)), found.spent

    def _summed(
        self,
        history: History,
        before: Mapping[Path, str],
        texts: Mapping[Path, str],
        new: set[Path],
        pays: Callable[[int], bool],
        gone: frozenset[int] = frozenset(),
    ) -> Summed:
        first = next((spot.path for spot in history.spots if spot.path in new and spot.kind == "tool_result"), None)
        if first is None:
            return Summed(texts)
        many, material = _material(history, before, new, gone)
        price = self._price(material)
        if price is None or not pays(price):
            return Summed(texts)
        key = blake2b(self._told(material), digest_size=32, key=self._own, person=b"tokeneff.sum").digest()
        kept = self._memo.get(key)
        spent = 0
        if kept is None:
            made = self._made(material)
            if made is None:
                return Summed(texts)
            spent = self._cost(made, price)
            kept = self._memo.add(key, made.text.encode("utf-8", "surrogatepass"))
        summary = kept.decode("utf-8", "surrogatepass")
        named = f"{many} results" if many > 1 else "result"
        return Summed({**texts, first: f"{texts[first]}{_OPENING.format(many=named)}{summary}]"}, spent, made=True)

    def _made(self, material: str) -> Written | None:
        """A summary, unless it fails, or has just failed."""
        if time.monotonic() < self._not_before or not self._slots.acquire(blocking=False):
            return None
        try:
            return written(self._summarise, material, self._family.name, self._site.provider)
        except Exception as fault:  # noqa: BLE001 - the call goes on without a summary
            self._not_before = time.monotonic() + _PAUSE
            log_once(
                ("trim summary", self._site.host, self._summarise.model, type(fault)),
                "%s at %s wrote no summary of what is left out of a history, so it is left out without: %s: %s",
                self._summarise.model,
                self._site.host,
                type(fault).__name__,
                str(fault)[:200],
            )
            return None
        finally:
            self._slots.release()

    def _price(self, material: str) -> int | None:
        """What a summary costs at most; ``None`` where that is not known, or it is too much to read."""
        model, most = self._summarise.model, self._summarise.max_tokens
        given = counter().text(f"{self._summarise.instructions}\n{material}", model) + 32
        if given > window_of(model, {"max_tokens": most}):
            return None
        rates = self._rates(given)
        if rates is None or rates.output is None:
            log_once(
                ("trim summary price", model),
                "what %s costs is not known, so it cannot be told whether a summary pays, and none is made; give "
                "wrap() a price list (prices=) that has it",
                model,
            )
            return None
        return ceil(given * max(rates.input, rates.cache_write) + most * rates.output)

    def _cost(self, made: Written, most: int) -> int:
        rates = self._rates(made.input_tokens or 0)
        if rates is None or rates.output is None or made.input_tokens is None or made.output_tokens is None:
            return most
        return ceil(made.input_tokens * rates.input + made.output_tokens * rates.output)

    def _rates(self, tokens: int) -> Rates | None:
        site = self._site
        return self._prices.rates(self._summarise.model, site.provider, site.host, time.time(), tokens)

    def _told(self, material: str) -> bytes:
        asked = (self._summarise.model, self._summarise.instructions, str(self._summarise.max_tokens), material)
        return "\0".join(asked).encode("utf-8", "surrogatepass")


def _material(history: History, before: Mapping[Path, str], new: set[Path], gone: frozenset[int]) -> tuple[int, str]:
    """What is to be summed up, and how many results that is."""
    called = {call.call: call for message in history.messages for call in calls_of(history.dialect, message)}
    parts: list[str] = []
    for spot in history.spots:
        if spot.path not in new and spot.message not in gone:
            continue
        call = called.get(spot.call)
        what = f"{call.tool}({call.arguments})" if call is not None else spot.tool or spot.kind
        parts.append(f"<result number={len(parts) + 1} of={what!r}>\n{before.get(spot.path, spot.text)}\n</result>")
    return len(parts), "\n".join(parts)


def is_summed(text: str) -> bool:
    """Whether a text that stands in place of a result holds a summary."""
    return is_cleared(text) and "\n[Summary of the " in text


class SummingPlanner(Planner):
    """A planner that has summed up what it leaves out, where that still pays."""

    def __init__(self, summaries: Summaries, store: Memo, **more: Any) -> None:
        super().__init__(store, **more)
        self.summaries = summaries

    def _worded(
        self, request: Request, before: Planned, case: Case, verdict: Verdict, chosen: Sequence[Clearing]
    ) -> tuple[Mapping[Path, str], int]:
        texts = {one.path: one.text for one in chosen}
        found = self.summaries.paying(request.history, before.texts, texts, case, verdict)
        return found.texts, found.spent
