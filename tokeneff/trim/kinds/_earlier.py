"""What stands in a request already: where lines, and JSON objects, of a later text are found again."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, NamedTuple, TypeAlias

from tokeneff.trim.kinds.json import minified, spaced

_LINE = re.compile(r"^(?: *(\d{1,9})([→\t]))?(.*)$", re.MULTILINE)
_KEY = re.compile(r'"(?:[^"\\]|\\.)*":')
_DECODER = json.JSONDecoder()
_ANCHOR = 12
"""Characters of a line that is looked up: shorter ones are everywhere."""
_PLACES = 8
"""Where one line is remembered, at most: the newest."""
_OFTEN = 3
"""Where a line is remembered of one text: the first."""
_ALIKE = 16
_OBJECT = 200
_MOST = 4_000_000
"""Characters that are remembered of one conversation."""


Line: TypeAlias = tuple[str, str, str]
"""A line's number, which a file tool put there, what is between, and the rest; without a number both are empty."""


class Source(NamedTuple):
    """A text that stands there."""

    message: int
    place: str
    name: str
    """What a reference calls it."""
    lines: list[Line]


class Found(NamedTuple):
    """Lines of a text that stand in another."""

    start: int
    source: Source
    at: int
    many: int
    size: int


class Earlier:
    """The texts of a request up to some message, as they are sent: results, documents and what calls were given.

    One thread at a time has it.
    """

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.gone: Collection[int | tuple[int, str]] = ()
        """Messages, or texts by their place in them, that are not sent any more, or not as they were."""
        self.size = 0
        self._names: dict[str, int] = {}
        self._lines: dict[str, list[tuple[int, int]]] = {}
        self._objects: dict[tuple[str, ...], list[tuple[int, dict[str, str]]]] = {}

    def _is_gone(self, source: Source) -> bool:
        return source.message in self.gone or (source.message, source.place) in self.gone

    def add(self, message: int, place: str, name: str, text: str) -> None:
        """From now on this stands there, too."""
        self.size += len(text)
        if self.size > _MOST or len(text) < _OBJECT:
            return
        times = self._names[name] = self._names.get(name, 0) + 1
        told = name if times == 1 else f"{name} (time {times})"
        number = len(self.sources)
        source = Source(message, place, told, lines_of(text))
        self.sources.append(source)
        lookup = self._lines
        for at, line in enumerate(source.lines):
            size = len(line[2])
            if size >= _ANCHOR:
                places = lookup.get(line[2])
                if places is None:
                    lookup[line[2]] = [(number, at)]
                elif len(places) < _OFTEN or places[-_OFTEN][0] != number:
                    places.append((number, at))
                    if len(places) > _PLACES:
                        del places[0]
        if (members := members_of(text)) is not None:
            alike = self._objects.setdefault(tuple(members[0]), [])
            alike.append((number, members[0]))
            del alike[:-_ALIKE]

    def blocks(self, lines: list[Line], least: int) -> list[Found]:
        """Runs of these lines, of so many characters, that stand there."""
        found: list[Found] = []
        at = done = 0
        while at < len(lines):
            best: Found | None = None
            for number, place in self._lines.get(lines[at][2], ()):
                source = self.sources[number]
                if bool(lines[at][0]) != bool(source.lines[place][0]) or self._is_gone(source):
                    continue
                one = _extended(lines, at, done, source, place)
                best = one if best is None or one.size > best.size else best
            if best is None:
                at += 1
                continue
            at = best.start + best.many
            if best.size >= least:
                found.append(best)
                done = at
        return found

    def alike(self, members: dict[str, str]) -> tuple[Source, dict[str, str]] | None:
        """The object of the same keys of which most stands there, and those members that do not."""
        best: tuple[int, int] | None = None
        for number, other in self._objects.get(tuple(members), ()):
            if self._is_gone(self.sources[number]):
                continue
            same = sum([len(value) for key, value in members.items() if other[key] == value])
            if best is None or same >= best[0]:
                best = same, number
        if best is None:
            return None
        source = self.sources[best[1]]
        there = next(other for number, other in self._objects[tuple(members)] if number == best[1])
        return source, {key: value for key, value in members.items() if there[key] != value}


def _extended(lines: list[Line], at: int, done: int, source: Source, place: int) -> Found:
    """The longest run around a line that stands there; numbers, where they are, have to go up by one."""
    others = source.lines
    start, end, there = at, at + 1, place + 1
    while end < len(lines) and there < len(others) and _goes_on(lines, others, end, there):
        end, there = end + 1, there + 1
    there = place - 1
    while start > done and there >= 0 and _goes_on(lines, others, start - 1, there, 1):
        start, there = start - 1, there - 1
    size = sum([len(line[2]) + 1 for line in lines[start:end]])
    return Found(start, source, there + 1, end - start, size)


def _goes_on(lines: list[Line], others: list[Line], at: int, there: int, step: int = -1) -> bool:
    """Whether a line and its neighbour, which is known to stand there, do so together."""
    (number, _, text), (other, _, same) = lines[at], others[there]
    if text != same or bool(number) != bool(other):
        return False
    return _follows(number, lines[at + step][0], step) and _follows(other, others[there + step][0], step)


def _follows(number: str, beside: str, step: int) -> bool:
    """Whether numbers of neighbours are so, or both have none."""
    return int(number) + step == int(beside) if number and beside else number == beside


def lines_of(text: str) -> list[Line]:
    """Lines, and their numbers.

    >>> lines_of("1→def f():\\n2→    pass")
    [('1', '→', 'def f():'), ('2', '→', '    pass')]
    """
    if "→" not in text and "\t" not in text:
        return [("", "", line) for line in text.split("\n")]
    return _LINE.findall(text)


def members_of(text: str) -> tuple[dict[str, str], bool] | None:
    """Members of a JSON object without blanks between their parts, and whether there was one behind each comma and
    colon; ``None`` where it is no object, or written otherwise.

    >>> members_of('{"a":1,"b":[2,3]}'), members_of('{"a": 1}'), members_of('{ "a": 1}')
    (({'"a":': '1', '"b":': '[2,3]'}, False), ({'"a":': '1'}, True), None)
    """
    if len(text) < 2 or text[0] != "{" or text[-1] != "}":
        return None
    short = minified(text) if ", " in text or ": " in text else text
    if short != text and spaced(short) != text:
        return None
    members = _members(short)
    return None if members is None else (members, short != text)


def _members(text: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    at = 1
    try:
        while True:
            key = _KEY.match(text, at)
            if key is None or key[0] in found:
                return None
            _, end = _raw(text, key.end())
            found[key[0]] = text[key.end() : end]
            if text[end] == "}":
                return found if end + 1 == len(text) else None
            if text[end] != ",":
                return None
            at = end + 1
    except (ValueError, IndexError, RecursionError):
        return None


def _raw(text: str, at: int) -> tuple[Any, int]:
    return _DECODER.raw_decode(text, at)
