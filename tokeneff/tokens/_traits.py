"""What is remembered of an element's content once the content itself is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any
from zlib import crc32

from tokeneff._plain import plain, string
from tokeneff.tokens._gather import Gathered
from tokeneff.tokens._prompt import Kind, Traits

_MOST_LINES = 5_000
_MOST_IDENTIFIERS = 2_000
_MOST_VOLATILE = 50
_LONGEST_LINE = 10_000
_LONGEST_TEXT = 200_000
"""Characters looked at for identifiers: traits must not cost more than counting."""

_VOLATILE = re.compile(
    r"(?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)"
    r"|(?P<timestamp>\b\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d"
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? {1,2}(?:\d{1,2} [A-Z][a-z]{2}|[A-Z][a-z]{2} {1,2}\d{1,2}) "
    r"[\d:]{4,8}"
    r"|\b1[5-9]\d{8}(?:\d{3}){0,3}\b)"
    r"|(?P<time>\b\d{1,2}:\d\d:\d\d\b|\b\d{1,2}:\d\d ?(?:[AaPp]\.?[Mm]\b|UTC|GMT|[A-Z]{2,4}T\b))"
    r"|(?P<date>\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{4}\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4}\b"
    r"|\b\d{1,2}(?:st|nd|rd|th)? (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?,? \d{4}\b)"
    r"|(?P<hex>\b(?=[0-9a-fA-F]{0,63}\d)(?=[0-9a-fA-F]{0,63}[a-fA-F])[0-9a-fA-F]{16,64}\b)"
    r"|(?P<counter>\b\d{9,}\b|\b(?i:(?:request|session|run|trace|build|turn|attempt|seed|nonce|id)"
    r"(?: (?:id|number|no\.?))?)[ :=#]{1,3}\d{1,8}\b)",
)
_NAMES = {"hex": "identifier"}
_IDENTIFIER = re.compile(r"(?<![A-Za-z0-9_\-./])[A-Za-z_\-./]*+[0-9][A-Za-z0-9_\-./]*+")
_SHORTEST, _LONGEST = 3, 64
_DIGIT = re.compile(r"\d")


def traits_of(kind: Kind, element: Any) -> Traits:
    """The traits of one element of a request: a tool schema, a system prompt or a message.

    >>> traits_of("system", "You are Bob.\\nIt is 2026-05-01T10:00:00Z.").volatile
    ((1, 'timestamp'),)

    Args:
        kind: whose it is. element: as it is in the request; anything at all.
    """
    found = Gathered("tiles:85:170")
    found.strings("text", element)
    function = element.get("function", element) if isinstance(element, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if kind == "tools" and isinstance(function, dict):
        name = string(function.get("name"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
        found.names.extend(filter(None, (name,)))
    return traits_from(kind, element, found)


def traits_from(kind: Kind, element: Any, found: Gathered) -> Traits:
    """The traits of an element of which the texts have been gathered."""
    names = tuple(dict.fromkeys(found.names))
    if kind == "tools":
        lines = json.dumps(plain(element), ensure_ascii=False, indent=1).split("\n")
        return Traits(_digests(lines), _volatile(lines), frozenset(), names)
    texts = [value for _, value in found.bits if isinstance(value, str)]
    if kind == "system":
        lines = "\n".join(texts).split("\n")
        return Traits(_digests(lines), _volatile(lines), frozenset(), names)
    if kind == "user":
        return Traits(names=names)
    return Traits((), (), _identifiers(texts), names)


def _digests(lines: list[str]) -> tuple[bytes, ...]:
    return tuple(blake2b(line.encode("utf-8", "surrogatepass"), digest_size=8).digest() for line in lines[:_MOST_LINES])


def _volatile(lines: list[str]) -> tuple[tuple[int, str], ...]:
    return tuple(_changing(lines))[:_MOST_VOLATILE]


def _changing(lines: list[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines[:_MOST_LINES]):
        if _DIGIT.search(line) is None:
            continue
        found = _VOLATILE.search(line[:_LONGEST_LINE])
        if found is not None:
            name = found.lastgroup or ""
            yield number, _NAMES.get(name, name)


def _identifiers(texts: list[str]) -> frozenset[int]:
    seen: set[int] = set()
    left = _LONGEST_TEXT
    for text in texts:
        for found in _IDENTIFIER.findall(text if len(text) <= left else text[:left]):
            word = found.strip("-./")
            if _SHORTEST <= len(word) <= _LONGEST:
                seen.add(_hash(word))
                if len(seen) >= _MOST_IDENTIFIERS:
                    return frozenset(seen)
        left -= len(text)
        if left <= 0:
            break
    return frozenset(seen)


def _hash(word: str) -> int:
    """The same in every process, unlike ``hash``."""
    return crc32(word.encode("utf-8", "surrogatepass"))
