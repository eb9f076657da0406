"""Estimates of token counts, where no provider has given one.

An estimate is never passed off as a count: wherever it is shown, ``tokeneff.usage.source`` says ``estimated``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

# Words of letters, numbers, one mark, blanks, and what is outside ASCII: the classes that byte-pair vocabularies of
# the GPT-4 generation split text into before they merge. Every pattern is linear, and none can overlap another.
_WORD = re.compile(r"[A-Za-z]+")
_LONG_WORD = re.compile(r"[A-Za-z]{8,}")
_NUMBER = re.compile(r"[0-9]+")
_LONG_NUMBER = re.compile(r"[0-9]{4,}")
_BLANKS = re.compile(r" {2,}")
_LINES = re.compile(r"[\t\r\n\f\v]+")
_REST = re.compile(r"[^A-Za-z0-9\s\u0080-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]+")
_LETTER = re.compile(r"[\u0080-\u2fff]+")
_MARK = re.compile(r"[\u3000-\u303f\u3100-\u33ff]")
_SEPARATOR = re.compile(r"[\x1c-\x1f]")

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
    words, long = len(_WORD.findall(text)), _LONG_WORD.findall(text)
    total = words + (sum(map(len, long)) - 7 * len(long)) / 5
    total += len(_NUMBER.findall(text)) + sum([-(-len(found) // 3) - 1 for found in _LONG_NUMBER.findall(text)])
    total += sum([1 + len(found) // 80 for found in _BLANKS.findall(text)])
    total += sum([1 + len(found) // 20 for found in _LINES.findall(text)])
    total += sum([-(-len(found) * 2 // 3) for found in _REST.findall(text)])
    total += 2 * len(_SEPARATOR.findall(text))
    if not text.isascii():
        total += 0.75 * sum(map(len, _WIDE.findall(text))) + 0.45 * sum(map(len, _LETTER.findall(text)))
        total += len(_MARK.findall(text))
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
