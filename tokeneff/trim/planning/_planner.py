"""From a request to what is sent of its history: what was decided before, and what is decided now."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from tokeneff._forking import watch
from tokeneff._plain import fields
from tokeneff.prices._rates import Rates
from tokeneff.promptcache import Mark, Pieces, Rule
from tokeneff.trim._changing import changed
from tokeneff.trim._history import Exchange, History, Path
from tokeneff.trim.memo._vault import Vault
from tokeneff.trim.planning._aligning import options_of, places_of
from tokeneff.trim.planning._batches import Batch, Batches, Store
from tokeneff.trim.planning._gate import FLOOR, Case, Course, Option, Verdict, decide, may_shorten
from tokeneff.trim.planning._outlook import Outlook
from tokeneff.trim.planning._plan import KEEP, Clearing, clearings
from tokeneff.trim.recall._restoring import with_originals

_MOST_COURSES = 512
_NONE: Mapping[Path, str] = {}
_LEANS: Mapping[int, Sequence[int]] = {}


class Request(NamedTuple):
    """A request, and what is known of where it goes."""

    history: History
    rule: Rule
    rates: Rates
    plain: Pieces
    """Without us, :func:`aligned`."""
    pieces: Callable[[Mapping[str, Any]], Pieces]
    """The same of other bodies."""
    at: float
    """Now, in seconds since 1970."""
    outlook: Outlook
    texts: Mapping[Path, str] = _NONE
    """What is sent instead of some texts whatever becomes of the history."""
    leans: Mapping[int, Sequence[int]] = _LEANS
    """Messages whose ``texts`` refer to messages before them, to these: as long as they do, those stay."""
    most: int | None = None
    """Tokens that it may have."""
    anchors: Callable[[Mapping[str, Any], Pieces], Sequence[int]] | None = None
    """Of what is sent of it: pieces that a breakpoint of ours could end; unless given: of all messages that the model
    did not write."""


class Planned(NamedTuple):
    """What is sent."""

    texts: Mapping[Path, str]
    body: Mapping[str, Any]
    pieces: Pieces
    """With the anchor."""
    batch: Batch | None = None
    """What was decided with this request."""
    anchor: Mark | None = None
    """A breakpoint among those of ``pieces`` that is to be added to the body, for this request alone."""
    spent: int = 0
    """Nano-dollars that it cost to write what stands in place of what was left out."""


class Planner:
    """Decides what is left out of histories, and remembers how conversations go.

    Args:
        store: where decisions are kept. keep: turns of the model whose results stay.
        tools: names of those whose results always stay. scope: whose requests these are.
        vault: where originals are kept. recall: whether the model is told how to fetch them from there.
    """

    def __init__(
        self,
        store: Store,
        *,
        keep: int = KEEP,
        tools: Collection[str] = (),
        scope: str = "",
        vault: Vault | None = None,
        recall: bool = False,
    ) -> None:
        self._batches = Batches(store, scope)
        self._vault = vault
        self.name_of = vault.name_of if vault is not None and recall else None
        self._keep, self._tools = keep, frozenset(tools)
        self.guard = threading.Lock()
        self._courses: OrderedDict[bytes, Course] = OrderedDict()
        self.fresh = Course()
        """How a conversation begins."""
        watch(self)

    def plan(self, request: Request) -> Planned:
        """What to send of a request; it is taken to be sent."""
        history = request.history
        with self.guard:
            again = history.chain[-1] in self._courses
        course = self._before(history)
        batch = self._batches.holding(history)
        found = self._rendered(request, batch)
        spoken, before = bool(history.exchanges), course or self.fresh
        after = before.after(request.rule, request.rates, request.plain, found.pieces, request.at)
        if not again and (course is not None or not spoken):
            decided = self._decided(request, batch, found, before, after)
            if decided is not found:
                found = decided
                after = before.after(request.rule, request.rates, request.plain, found.pieces, request.at)
                after = after._replace(cost=after.cost + found.spent)
        self._note(history.chain[-1], after)
        return found

    def known(self, history: History) -> tuple[Course, Course | None]:
        """The conversation up to a request, and with it, if it was sent before."""
        with self.guard:
            found = self._courses.get(history.chain[-1])
        return self._before(history) or self.fresh, found

    def settle(self, chain: Sequence[bytes], course: Course | None) -> None:
        """The conversation with a request, now that it is over; ``None``: as if it had not been sent."""
        if course is not None:
            self._note(chain[-1], course)
            return
        with self.guard:
            self._courses.pop(chain[-1], None)

    def may_shorten(self, history: History, rule: Rule, rates: Rates | None, plain: Pieces, outlook: Outlook) -> bool:
        """Whether what has just arrived may be made shorter (:func:`tokeneff.trim.planning._gate.may_shorten`)."""
        first = len(plain.chain) - len(history.messages) + history.arrived
        course = self._before(history) if rule.grain else None
        return may_shorten(rule, plain, first, rates, course, outlook.turns(course.turns) if course else 0.0)

    def standing(self, history: History) -> Batch:
        """What is left out of a request already, before anything is decided with it."""
        return self._batches.holding(history)

    def keep(self, history: History, batch: Batch) -> Batch:
        """Keep what somebody else decided with a request, as for a window that is too small; returns what holds."""
        batch = batch._replace(names={**self.standing(history).names, **batch.names})
        return self._add(history, batch, more=True)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = threading.Lock()

    def _rendered(self, request: Request, batch: Batch) -> Planned:
        texts = {**_standing(request, batch), **batch.texts}
        if not texts and not batch.gone:
            return Planned(texts, request.history.body, request.plain)
        gone = [Exchange(*row) for row in batch.gone]
        body = changed(request.history, texts, gone)
        return Planned(texts, body, request.pieces(body))

    def _decided(self, request: Request, batch: Batch, before: Planned, course: Course, now: Course) -> Planned:
        total = before.pieces.total
        if total < FLOOR and (request.most is None or total <= request.most):
            return before
        case = Case(
            request.rule,
            request.rates,
            course,
            request.plain,
            before.pieces,
            (),
            request.outlook.turns(course.turns),
            request.at,
            _anchors(request, before, batch),
            request.most,
            now,
        )
        # Most requests are not worth looking at all their words.
        _, _, options = self._found(request, batch, before, rough=True)
        if decide(case._replace(options=options)) is None:
            return before
        found, starts, options = self._found(request, batch, before, rough=False)
        case = case._replace(options=options)
        verdict = decide(case)
        if verdict is None:
            return before
        texts, spent = self._worded(request, before, case, verdict, found[starts[verdict.first] :])
        new = Batch({**batch.texts, **texts}, verdict.saved, verdict.gain, batch.gone, batch.names)
        return self._kept(request, new, before, case, verdict)._replace(spent=spent)

    def _worded(
        self, request: Request, before: Planned, case: Case, verdict: Verdict, chosen: Sequence[Clearing]
    ) -> tuple[Mapping[Path, str], int]:
        """What is to stand in place of what was chosen, and nano-dollars that it cost to write."""
        return {one.path: one.text for one in chosen}, 0

    def _found(
        self, request: Request, batch: Batch, before: Planned, *, rough: bool
    ) -> tuple[list[Clearing], list[int], list[Option]]:
        """What could be left out, and of each message its options."""
        places = places_of(request.history, before.pieces, batch)
        held = {place for leant in request.leans.values() for place in leant}
        found = clearings(
            request.history,
            before.texts,
            keep=self._keep,
            tools=self._tools,
            held=held,
            rough=rough,
            name_of=self.name_of,
        )
        found = [one for one in found if one.message in places]
        options, starts = options_of(request.history, before.texts, before.pieces, found, places)
        return found, starts, options

    def _kept(self, request: Request, batch: Batch, before: Planned, case: Case, verdict: Verdict) -> Planned:
        """Keep what was decided, if it is as it was expected to be once it is counted."""
        planned = _anchored(self._rendered(request, batch), verdict)
        forced = case.most is not None and before.pieces.total > case.most
        after = case.course.after(case.rule, case.rates, case.plain, planned.pieces, case.at)
        if not (after.sound or forced) or planned.pieces.total >= before.pieces.total:
            return before
        held = self._add(request.history, batch)
        if (held.texts, held.gone) != (batch.texts, batch.gone):  # somebody else was first
            return self._rendered(request, held)
        return planned._replace(batch=held)

    def _add(self, history: History, batch: Batch, *, more: bool = False) -> Batch:
        named = batch if self._vault is None else with_originals(self._vault, history, batch)
        return self._batches.add(history, named, more=more)

    def _before(self, history: History) -> Course | None:
        """The conversation up to the request that this one goes on from."""
        with self.guard:
            for digest in reversed(history.chain[:-1]):
                found = self._courses.get(digest)
                if found is not None:
                    return found
        return None

    def _note(self, digest: bytes, course: Course) -> None:
        with self.guard:
            self._courses[digest] = course
            self._courses.move_to_end(digest)
            if len(self._courses) > _MOST_COURSES:
                self._courses.popitem(last=False)


def _standing(request: Request, batch: Batch) -> Mapping[Path, str]:
    """Texts of messages that do not refer to what was left out before they arrived."""
    if not request.leans or not batch.texts:
        return request.texts
    gone = {spot.message for spot in request.history.spots if spot.path in batch.texts}
    broken = {place for place, leant in request.leans.items() if not gone.isdisjoint(leant)}
    if not broken:
        return request.texts
    lost = {spot.path for spot in request.history.spots if spot.message in broken}
    return {path: text for path, text in request.texts.items() if path not in lost}


def _anchors(request: Request, before: Planned, batch: Batch) -> Sequence[int]:
    """Pieces that a breakpoint of ours could end."""
    if request.anchors is not None:
        return request.anchors(before.body, before.pieces)
    messages = request.history.messages
    return [
        piece
        for place, piece in places_of(request.history, before.pieces, batch).items()
        if (fields(messages[place]) or {}).get("role") in ("user", "tool")
    ]


def _anchored(planned: Planned, verdict: Verdict) -> Planned:
    if verdict.anchor is None:
        return planned
    pieces = planned.pieces
    marked = pieces.marked((*pieces.marks, verdict.anchor), pieces.implicit)
    return planned._replace(pieces=marked, anchor=verdict.anchor)
