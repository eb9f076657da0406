"""How prompt caches answer: what a request reads and writes, given what was sent before. Pure values, no clock.

Five engines cover what providers do:

* ``marks`` (Anthropic): a prefix is written where the request has a breakpoint; before each breakpoint up to 20
  content blocks are looked through for a prefix that was written earlier. A use refreshes what it reads.
* ``points`` (OpenAI from gpt-5.6): the same, with one more breakpoint that the provider sets at the newest message,
  and every boundary of the latest 80 is looked at. A shorter prefix without a breakpoint is not found.
* ``prefix`` (OpenAI before that, Gemini, vLLM): the longest common prefix with any request, in steps.
* ``units`` (DeepSeek): a prefix is kept where a request ended, or where two began to differ.
* ``none``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from tokeneff.prices._rates import Rates
from tokeneff.promptcache._pieces import Mark, Pieces
from tokeneff.promptcache._rules import Rule

_MOST_ENTRIES = 8_192
"""About a megabyte."""
_PRIOR = 4_096
"""Tokens that count as read as promised, before a provider's own counts say how much is."""
_NEAR = 0.05


class Split(NamedTuple):
    """Input tokens by what the cache made of them; they sum to the input."""

    read: int = 0
    written: int = 0
    """Written for the provider's default life."""
    written_1h: int = 0
    """Written for longer, as far as that has a price of its own."""
    uncached: int = 0

    @property
    def total(self) -> int:
        """All input tokens."""
        return self.read + self.written + self.written_1h + self.uncached

    def dollars(self, rates: Rates) -> int:
        """What they cost, in nano-dollars.

        >>> from tokeneff.prices import Prices
        >>> rates = Prices().rates("claude-sonnet-4-5", "anthropic")
        >>> Split(read=1000, written=100, uncached=10).dollars(rates)
        705000
        """
        over, under = 0, 1  # as adding fractions, which takes ten times as long
        for tokens, rate in zip(
            self, (rates.cache_read, rates.cache_write, rates.cache_write_1h, rates.input), strict=True
        ):
            if tokens:
                over = over * rate.denominator + tokens * rate.numerator * under
                under *= rate.denominator
        return (2 * over + under) // (2 * under)


class Entry(NamedTuple):
    """A prefix in the cache."""

    tokens: int
    life: float
    """Seconds that it is kept after its last use."""
    used: float
    """When it was last used, in seconds since 1970."""
    whole: bool = True
    """Whether it can be read; a boundary that was merely seen cannot (``units``)."""


class State(NamedTuple):
    """What a provider's cache holds of one account's requests to one model, as far as is known."""

    entries: Mapping[bytes, Entry] = MappingProxyType({})
    simulated: int = 0
    """Tokens that should have been read, of all requests whose true count is known."""
    told: int = 0
    """Tokens that the provider said it read of the same."""


class _Found(NamedTuple):
    piece: int = -1
    tokens: int = 0


_NOWHERE = _Found()


def serve(rule: Rule, state: State, pieces: Pieces, at: float) -> tuple[Split, State]:
    """What the cache makes of a request, and what it holds afterwards.

    Args:
        rule: the provider's. state: what was sent before; it is not changed.
        pieces: the request, with its breakpoints. at: when it is sent, in seconds since 1970.
    """
    if rule.engine == "none" or not pieces.ends:
        return Split(uncached=pieces.total), state
    found = _find(rule, state, pieces, at)
    if rule.engine in ("prefix", "units"):
        read = _floored(rule, state, found, pieces.total)
        return Split(read=read, uncached=pieces.total - read), _kept(rule, state, pieces, found, at)
    return _written(rule, state, pieces, found, at)


def told(rule: Rule, state: State, after: State, pieces: Pieces, said: Split, at: float) -> State:
    """Correct what is held by what the provider itself said it read and wrote.

    Args:
        state: before the request was served. after: what :func:`serve` gave. said: the provider's own counts.
    """
    if rule.engine == "none" or not pieces.ends:
        return after
    found = _find(rule, state, pieces, at)
    if rule.engine in ("prefix", "units"):
        return after._replace(
            simulated=after.simulated + _ideal(rule, found, pieces.total), told=after.told + said.read
        )
    entries = dict(after.entries)
    cached = said.read + said.written + said.written_1h
    written = [mark.piece for mark in _points(rule, pieces) if mark.piece > found.piece]
    last = max([found.piece, *written])
    if found.piece >= 0 and said.read < found.tokens * (1 - _NEAR):
        # What was taken to be there was not: only what is shorter than what was read, or written now, is.
        for index in range(last + 1):
            entry = entries.get(pieces.chain[index])
            if entry is not None and index not in written and entry.tokens > said.read * (1 + _NEAR):
                del entries[pieces.chain[index]]
    if said.read:
        _place(entries, pieces, said.read, rule, at)
    if last >= 0:
        if cached < rule.minimum // 2:  # this request was not cached at all
            for index in {last, *written}:
                entries.pop(pieces.chain[index], None)
        else:
            known = entries.get(pieces.chain[last])
            life = known.life if known is not None else rule.sure
            entries[pieces.chain[last]] = Entry(cached, life, at)
    return after._replace(entries=entries)


def _place(entries: dict[bytes, Entry], pieces: Pieces, read: int, rule: Rule, at: float) -> None:
    """Note the boundary that a read ended at, if there is one near."""
    nearest = min(range(len(pieces.ends)), key=lambda index: abs(pieces.ends[index] - read))
    if abs(pieces.ends[nearest] - read) <= max(_NEAR * read, 64):
        known = entries.get(pieces.chain[nearest])
        entries[pieces.chain[nearest]] = Entry(read, known.life if known is not None else rule.sure, at)


def _find(rule: Rule, state: State, pieces: Pieces, at: float) -> _Found:
    """The longest prefix that the cache has and that this request finds."""
    if not state.entries:
        return _NOWHERE
    if rule.engine == "marks":
        for mark in reversed(pieces.marks):
            found = _back(state, pieces, mark.piece, rule.lookback, at)
            if found is not _NOWHERE:
                return found
        return _NOWHERE
    start = len(pieces.chain) - 1
    least = 0
    if rule.engine == "points":
        if not pieces.marks and not pieces.implicit:
            return _NOWHERE
        least = max(start - rule.lookback + 1, 0)
        early = [mark.piece for mark in pieces.marks if mark.piece < least]
    else:
        early = []
    for index in [*range(start, least - 1, -1), *reversed(early)]:
        entry = state.entries.get(pieces.chain[index])
        if entry is not None and entry.whole and at - entry.used <= entry.life:
            return _Found(index, min(entry.tokens, pieces.total))
    return _NOWHERE


def _back(state: State, pieces: Pieces, index: int, lookback: int, at: float) -> _Found:
    end = pieces.blocks[index]
    while index >= 0 and end - pieces.blocks[index] < lookback:
        entry = state.entries.get(pieces.chain[index])
        if entry is not None and at - entry.used <= entry.life:
            return _Found(index, min(entry.tokens, pieces.total))
        index -= 1
    return _NOWHERE


def _points(rule: Rule, pieces: Pieces) -> list[Mark]:
    """Where the request has what it sends written."""
    if rule.engine == "marks":
        return list(pieces.marks[: rule.marks])
    if not pieces.implicit:
        return list(pieces.marks[-rule.marks :])
    own = pieces.marks[-(rule.marks - 1) :]
    return [*own, Mark(pieces.newest, own[-1].ttl if own else None)] if pieces.newest >= 0 else list(own)


def _written(rule: Rule, state: State, pieces: Pieces, found: _Found, at: float) -> tuple[Split, State]:
    entries = dict(state.entries)
    read = found.tokens
    # What was told of the prefix that is read is true, and so is the total: the rest lies between them.
    start = pieces.ends[found.piece] if found.piece >= 0 else 0
    room, rest = pieces.total - start, pieces.total - read
    end, hour = read, read
    points = _points(rule, pieces)
    for index in {found.piece, *(mark.piece for mark in points if mark.piece <= found.piece)}:
        entry = entries.get(pieces.chain[index]) if index >= 0 else None
        if entry is not None and at - entry.used <= entry.life:
            entries[pieces.chain[index]] = entry._replace(used=at)
    for mark in points:
        upto = read + (pieces.ends[mark.piece] - start) * rest // room if room else pieces.total
        if mark.piece > found.piece and upto >= rule.minimum and upto > read:
            life = rule.life(mark.ttl)
            entries[pieces.chain[mark.piece]] = Entry(upto, life, at)
            end = max(end, upto)
            if life > rule.sure:
                hour = max(hour, upto)
    split = Split(read, end - hour, hour - read, pieces.total - end)
    return split, state._replace(entries=_pruned(entries, at))


def _kept(rule: Rule, state: State, pieces: Pieces, found: _Found, at: float) -> State:
    entries = dict(state.entries)
    last = len(pieces.chain) - 1
    differ = -1
    for index, (digest, end) in enumerate(zip(pieces.chain, pieces.ends, strict=True)):
        known = entries.get(digest)
        if known is not None:
            differ = index
        whole = rule.engine == "prefix" or index == last or index == found.piece or (known is not None and known.whole)
        entries[digest] = Entry(end, rule.sure, at, whole)
    if rule.engine == "units" and differ >= 0:
        entries[pieces.chain[differ]] = entries[pieces.chain[differ]]._replace(whole=True)
    return state._replace(entries=_pruned(entries, at))


def _ideal(rule: Rule, found: _Found, total: int) -> int:
    if found.piece < 0 or total < rule.minimum:
        return 0
    read, step = min(found.tokens, total - 1), rule.step or rule.grain
    if step:
        read -= read % step
    return read if rule.grain or read >= rule.minimum else 0


def _floored(rule: Rule, state: State, found: _Found, total: int) -> int:
    """What is read of a prefix, in whole steps; where nothing is promised, as much as was read so far."""
    read = _ideal(rule, found, total)
    if rule.promised or not state.simulated:
        return read
    return min(read * (state.told + _PRIOR) // (state.simulated + _PRIOR), total)


def _pruned(entries: dict[bytes, Entry], at: float) -> dict[bytes, Entry]:
    if len(entries) <= _MOST_ENTRIES:
        return entries
    alive = {digest: entry for digest, entry in entries.items() if at - entry.used <= entry.life}
    if len(alive) > _MOST_ENTRIES:
        latest = sorted(alive.items(), key=lambda item: item[1].used)[-_MOST_ENTRIES // 2 :]
        return dict(latest)
    return alive
