"""The hard limit: a request that is too long is brought under it by the fewest edits, or refused with a clear error.

What goes first is what a model can get again, and what is oldest: results of tools that are some turns old, then all
that it has seen, then whole exchanges, with what the user said in turns of which nothing else is left. The system
prompt, the tools, what the user said first and newest, the model's newest turn, and results that it has not seen yet
are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from tokeneff._plain import fields
from tokeneff.budgets._limits import limit_of
from tokeneff.errors import ContextTooLong
from tokeneff.tokens import Prompt
from tokeneff.tokens._counter import counter
from tokeneff.trim._changing import changed
from tokeneff.trim._history import Exchange, History, Path
from tokeneff.trim._reading._taking import newest_turn, saids_of
from tokeneff.trim.planning._plan import clearings, is_cleared, placeholder

Measure = Callable[[Mapping[str, Any]], tuple[int, Prompt]]
"""Input tokens that the provider is expected to count for a request, and the request as it was counted."""
_OUTPUT = ("max_completion_tokens", "max_tokens", "max_output_tokens")


class Edit(NamedTuple):
    """One step on the way under the limit."""

    texts: Mapping[Path, str]
    """What is put in place of texts."""
    gone: tuple[Exchange, ...] = ()
    """Messages that are left out."""


def measure_of(dialect: str, model: str, provider: str, session: str | None = None) -> Measure:
    """Counts requests to a model as this process has learnt that its provider does."""
    counting = counter()

    def measure(body: Mapping[str, Any]) -> tuple[int, Prompt]:
        prompt = counting.prompt(dialect, body, model)
        return counting.expected(prompt, model, provider, session)[0], prompt

    return measure


class Fit(NamedTuple):
    """A request that fits."""

    body: dict[str, Any]
    """To be sent."""
    texts: Mapping[Path, str]
    """All texts that stand instead of others, those that did before too."""
    gone: tuple[Exchange, ...]
    """Messages that are left out."""
    tokens: int
    """That the request is expected to have."""


def window_of(model: str, body: Mapping[str, Any]) -> int:
    """Input tokens that a model takes, with what it may write kept free.

    >>> window_of("gpt-4o", {"max_tokens": 8000})
    120000
    """
    limit = limit_of(model)
    asked = [value for name in _OUTPUT if type(value := body.get(name)) is int and value > 0]
    if asked:
        return max(limit.context - max(asked), 1)
    return limit.context - (limit.output if limit.output * 2 <= limit.context else limit.context // 4)


def fitted(
    history: History,
    limit: int,
    measure: Measure,
    *,
    target: int | None = None,
    texts: Mapping[Path, str] | None = None,
    gone: tuple[Exchange, ...] = (),
    leans: Mapping[int, Collection[int]] | None = None,
    keep_tools: Collection[str] = (),
    model: str = "",
    name_of: Callable[[str], str] | None = None,
) -> Fit:
    """A request within the limit.

    Args:
        history: the request as the caller has it.
        limit: input tokens that it may have. measure: how many it has, after any edit.
        target: once something has to go, go on until it has no more than these, where that can be done: a request that
            is cut to the very limit is cut again at its next turn, and written to the provider's cache each time.
        texts, gone: edits that were made before, and stay.
        leans: messages whose ``texts`` refer to messages before them, to these: when one of those goes, they go too.
        keep_tools: names of tools whose results are not cleared; their exchanges may still be left out.
        model: whom it is for, for the error.
        name_of: as for :func:`tokeneff.trim.planning._plan.clearings`.

    Raises:
        ContextTooLong: it does not fit without all that may be left out either.
    """
    before = dict(texts or {})
    sent = changed(history, before, gone)
    tokens, _ = measure(sent)
    if tokens <= limit:
        return Fit(sent, before, gone, tokens)
    leaning = _Leaning(history, before, leans or {}, keep_tools, name_of)
    steps = list(_steps(history, before, gone, keep_tools, leaning))
    most = _fit(history, before, gone, steps)
    least, prompt = measure(most.body)
    if least > limit:
        raise ContextTooLong(limit, tokens, least, _parts(history, most, least, prompt), model)
    wanted = max(min(limit if target is None else target, limit), least)
    # Each step makes it shorter, or as good as: the first that is enough lies where halving leads.
    low, high, best = 0, len(steps), most._replace(tokens=least)
    while high - low > 1:
        middle = (low + high) // 2
        tried = _fit(history, before, gone, steps[:middle])
        tokens, _ = measure(tried.body)
        if tokens <= wanted:
            high, best = middle, tried._replace(tokens=tokens)
        else:
            low = middle
    return best


def _fit(history: History, texts: Mapping[Path, str], gone: tuple[Exchange, ...], steps: list[Edit]) -> Fit:
    instead = {**texts}
    left_out = list(gone)
    for step in steps:
        instead.update(step.texts)
        left_out += step.gone
    return Fit(changed(history, instead, left_out), instead, tuple(sorted(left_out)), 0)


class _Leaning:
    """Texts that refer to others before them, and lose their meaning with them."""

    def __init__(
        self,
        history: History,
        texts: Mapping[Path, str],
        leans: Mapping[int, Collection[int]],
        keep: Collection[str],
        name_of: Callable[[str], str] | None,
    ) -> None:
        self._leans = leans
        self.name_of = name_of
        self._instead: dict[int, dict[Path, str]] = {}
        self._stays: set[int] = set()
        for spot in history.spots:
            if spot.path in texts and spot.message in leans:
                self._instead.setdefault(spot.message, {})[spot.path] = placeholder(spot, name_of=name_of)
                if spot.message >= history.arrived or spot.tool in keep:
                    self._stays.add(spot.message)
        self.held = {place for places in leans.values() for place in places}
        """Messages that others refer to."""

    def without(self, places: Collection[int]) -> dict[Path, str] | None:
        """What must go along with these messages; ``None`` where that must stay."""
        if self.held.isdisjoint(places):
            return {}
        lost, found = set(places), dict[Path, str]()
        for message in sorted(self._leans):  # what is referred to is before
            if message not in lost and not lost.isdisjoint(self._leans[message]):
                if message in self._stays:
                    return None
                lost.add(message)
                found.update(self._instead.get(message, {}))
        return found


def _steps(
    history: History,
    texts: Mapping[Path, str],
    gone: tuple[Exchange, ...],
    keep_tools: Collection[str],
    leaning: _Leaning,
) -> Iterator[Edit]:
    places = {place for start, stop, _ in gone for place in range(start, stop)}
    done: set[Path] = set()
    held = {*places, *leaning.held}
    for clearing in clearings(history, texts, tools=keep_tools, held=held, name_of=leaning.name_of):
        done.add(clearing.path)
        yield Edit({clearing.path: clearing.text})
    for spot in history.spots:
        text = texts.get(spot.path, spot.text)
        if spot.path in done or spot.fixed or spot.message >= history.arrived or spot.message in places:
            continue
        if spot.kind not in ("tool_result", "document") or spot.tool in keep_tools or is_cleared(text):
            continue
        instead, along = placeholder(spot, name_of=leaning.name_of), leaning.without((spot.message,))
        if along is not None and len(instead) * 2 < len(text):
            yield Edit({**along, spot.path: instead})
    yield from _left_out(history, places, leaning)


def _left_out(history: History, gone: set[int], leaning: _Leaning) -> Iterator[Edit]:
    """Exchanges, the oldest first; and with the last of a turn what the user said in it, but for the first turn."""
    saids = saids_of(history.dialect, history.messages) or []
    newest, _ = newest_turn(saids)
    first = next((place for place, said in enumerate(saids) if said.who == "user"), len(saids))
    while first + 1 < len(saids) and saids[first + 1].who == "user":
        first += 1
    counted = any(said.cites for said in saids)  # citations count the documents before them
    kept = [place for place in range(len(saids)) if place not in gone]
    for exchange in history.exchanges:
        row = range(exchange.start, exchange.stop)
        along = leaning.without(row) if exchange.free and exchange.start not in gone else None
        if along is None:
            continue
        at = kept.index(exchange.start)
        del kept[at : at + len(row)]
        yield Edit(along, (exchange,))
        while at < len(kept) and at > 1 and first < kept[at - 1] < newest and not counted:
            said = saids[kept[at - 1]]
            if not saids[kept[at - 2]].who == said.who == saids[kept[at]].who == "user":
                break
            if said.answers or said.marks or said.bound or kept[at - 1] in leaning.held:
                break
            at -= 1
            place = kept.pop(at)
            yield Edit({}, (Exchange(place, place + 1),))


def _parts(history: History, fit: Fit, least: int, prompt: Prompt) -> dict[str, int]:
    """Of what the tokens are that remain."""
    gone = {place for start, stop, _ in fit.gone for place in range(start, stop)}
    kept = [place for place in range(len(history.messages)) if place not in gone]
    start, stop = newest_turn(saids_of(history.dialect, history.messages) or [])
    counted = sum(piece.tokens for piece in prompt.pieces) or 1
    head = len(prompt.pieces) - len(kept)
    found: dict[str, int] = {}
    for number, piece in enumerate(prompt.pieces):
        place = kept[number - head] if number >= head >= 0 else -1
        if piece.kind in ("tools", "system"):
            name = "tools" if piece.kind == "tools" else "system prompt"
        elif start <= place < stop:
            name = "newest user turn"
        elif place >= history.arrived:
            name = "results that the model has not seen"
        elif (fields(history.messages[place]) or {}).get("role") == "user":
            name = "what the user said before"
        else:
            name = "turns that others depend on"
        found[name] = found.get(name, 0) + piece.tokens
    return {name: size * least // counted for name, size in found.items()}
