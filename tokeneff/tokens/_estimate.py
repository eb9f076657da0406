"""Estimates of token counts, where no provider has given one.

An estimate is never passed off as a count: wherever it is shown, ``tokeneff.usage.source`` says ``estimated``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

# Words of letters, numbers, one mark, blanks, and what is outside ASCII: the classes that byte-pair vocabularies of
# the GPT-4 generation split text into before they merge. Every branch is linear and none can overlap another.
_CLASSES = re.compile(
    r"(?P<word>[A-Za-z]+)|(?P<number>[0-9]+)|(?P<blank>[ ]+)|(?P<line>[\t\r\n\f\v]+)"
    r"|(?P<wide>[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+)"
    r"|(?P<letter>[\u0080-\u2fff]+)|(?P<rest>[^A-Za-z0-9\s\u0080-\u9fff\uac00-\ud7af\uf900-\ufaff]+)|(?P<other>.)",
    re.DOTALL,
)

_LONGEST = 400_000
"""Characters looked at one by one; a longer text is judged by this much of it, so that an estimate is always cheap."""


def estimate(text: str) -> int:
    """Estimate how many tokens ``text`` is, from the kinds of characters in it, without any vocabulary.

    >>> estimate("The quick brown fox jumps over the lazy dog.")
    10

    Args:
        text: any string, also one with lone surrogates.

    Returns:
        tokens, as vocabularies of the ``o200k`` generation would count them. ``benchmarks/estimate.py`` prints its
        error against the providers' own counts.
    """
    if len(text) > _LONGEST:
        return round(estimate(text[:_LONGEST]) * len(text) / _LONGEST)
    total = 0.0
    for found in _CLASSES.finditer(text):
        size = found.end() - found.start()
        match found.lastgroup:
            case "word":
                total += 1 if size <= 7 else 1 + (size - 7) / 5
            case "number":
                total += -(-size // 3)
            case "blank":
                total += 0 if size == 1 else 1 + size // 80
            case "line":
                total += 1 + size // 20
            case "wide":
                total += size * 0.75
            case "letter":
                total += size * 0.45
            case "rest":
                total += -(-size * 2 // 3)
            case _:
                total += 2
    return max(round(total), 1) if text else 0


def estimate_body(body: Mapping[str, Any]) -> int:
    """Estimate the input tokens of a request body: every text in it, and what frames messages and tools.

    Images, audio and files are not counted: their bytes say nothing of their tokens.
    """
    framing = 0
    for name in ("messages", "input"):
        items = body.get(name)
        if isinstance(items, (list, tuple)):
            framing += 4 * len(cast("list[object]", items))
    return framing + sum(map(estimate, _texts({key: body[key] for key in _SAID if key in body})))


_SAID = ("messages", "input", "prompt", "system", "instructions", "tools", "functions", "response_format", "text")
_BINARY = ("data:", "http://", "https://")


def _texts(value: object, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        if not value.startswith(_BINARY):
            yield value
    elif depth > 40:
        return
    elif isinstance(value, Mapping):
        fields = cast("Mapping[object, object]", value)
        if fields.get("type") in ("base64", "input_audio", "input_image", "image_url", "image", "file", "document"):
            return
        for key, item in fields.items():
            if key == "properties" and isinstance(item, Mapping):
                yield from map(str, cast("Mapping[object, object]", item))
            yield from _texts(cast("object", item), depth + 1)
    elif isinstance(value, (list, tuple)):
        for item in cast("list[object]", value):
            yield from _texts(item, depth + 1)
