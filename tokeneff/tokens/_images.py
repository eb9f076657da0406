"""Tokens of images, by the rules that providers publish, from the size written at the head of their bytes."""

from __future__ import annotations

import binascii
import math
import re
import struct
from typing import NamedTuple

_HEAD = 200_000
"""Characters of base64 looked at: a JPEG may carry a preview and a colour profile before it says its size."""
_DATA = re.compile(r"data:[^,;]{0,100}(?:;[^,;]{0,100}){0,5};base64,")

TYPICAL = (1024, 1024)
"""What an image of unknown size is taken for, in pixels."""


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def size_of_url(url: str) -> Size | None:
    """The size of an image in a ``data:`` URL; ``None`` for any other address, or a format that is not read."""
    found = _DATA.match(url)
    return size_of_base64(url[found.end() : found.end() + _HEAD]) if found else None


def size_of_base64(data: str) -> Size | None:
    """The size of a PNG, JPEG, GIF or WebP image, from the first bytes of its base64."""
    head = data[:_HEAD]
    try:
        raw = binascii.a2b_base64(head[: len(head) // 4 * 4])
    except (ValueError, binascii.Error):
        return None
    try:
        size = _size(raw)
    except (struct.error, IndexError):
        return None
    return size if size is not None and 0 < size.width <= 65_535 and 0 < size.height <= 65_535 else None


def _size(raw: bytes) -> Size | None:
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return Size(*struct.unpack_from(">II", raw, 16))
    if raw[:6] in (b"GIF87a", b"GIF89a"):
        return Size(*struct.unpack_from("<HH", raw, 6))
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return _webp(raw)
    return _jpeg(raw) if raw.startswith(b"\xff\xd8") else None


def _webp(raw: bytes) -> Size | None:
    kind = raw[12:16]
    if kind == b"VP8X":
        return Size(int.from_bytes(raw[24:27], "little") + 1, int.from_bytes(raw[27:30], "little") + 1)
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", raw, 21)[0]
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", raw, 26)
        return Size(width & 0x3FFF, height & 0x3FFF)
    return None


def _jpeg(raw: bytes) -> Size | None:
    at = 2
    while at + 9 <= len(raw):
        if raw[at] != 0xFF:
            return None
        kind = raw[at + 1]
        if kind == 0xFF:  # padding
            at += 1
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", raw, at + 5)
            return Size(width, height)
        elif kind == 0x01 or 0xD0 <= kind <= 0xD8:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", raw, at + 2)[0]
    return None


def image_tokens(rule: str, size: Size, detail: str = "auto") -> int:
    """Tokens of an image of this size.

    >>> image_tokens("tiles:85:170", Size(1024, 1024)), image_tokens("anthropic", Size(1000, 1000))
    (765, 1334)

    Args:
        rule: as :func:`image_rule` names it.
        size: pixels, as sent.
        detail: OpenAI's ``low``, ``high``, ``original`` or ``auto``, which is as ``high``.
    """
    name, *numbers = rule.split(":")
    match name:
        case "tiles":
            base, tile = int(numbers[0]), int(numbers[1])
            return base if detail == "low" else base + tile * _tiles(size)
        case "patches":
            return _patches(size, int(numbers[1]), float(numbers[0]))
        case "anthropic":
            return _anthropic(size, *((2576, 4784) if numbers else (1568, 1600)))
        case "fixed":
            return int(numbers[0])
        case _:
            return _google(size)


def image_rule(model: str, family: str) -> str:
    """The rule by which images of a model are counted.

    OpenAI: https://platform.openai.com/docs/guides/images-vision#calculating-costs - 512-pixel tiles and a base for
    the larger models, 32-pixel patches, at most 1,536 and times a factor, for the smaller; Anthropic:
    https://platform.claude.com/docs/en/build-with-claude/vision; Google: https://ai.google.dev/gemini-api/docs/tokens
    and, for Gemini 3, https://ai.google.dev/gemini-api/docs/media-resolution.
    """
    name = model.lower().rsplit("/", 1)[-1]
    if family == "anthropic":
        newer = re.search(r"opus-4[.-](?:[7-9]|\d\d)|claude-(?:opus|sonnet|haiku|\w+)-[5-9]", name)
        return "anthropic:high" if newer else "anthropic"
    if family == "google":
        return "fixed:1120" if re.search(r"gemini-[3-9]", name) else "google"
    for pattern, rule in _OPENAI:
        if re.search(pattern, name):
            return rule
    return "tiles:85:170"


_OPENAI = (
    (r"gpt-(?:4\.1|5(?:\.\d)?)-mini", "patches:1.62:1536"),
    (r"gpt-(?:4\.1|5(?:\.\d)?)-nano", "patches:2.46:1536"),
    (r"o4-mini", "patches:1.72:1536"),
    (r"gpt-4o-mini", "tiles:2833:5667"),
    (r"gpt-5", "tiles:70:140"),
    (r"^o[13]", "tiles:75:150"),
    (r"computer-use", "tiles:65:129"),
)


def _tiles(size: Size) -> int:
    """512-pixel squares, after the image is fitted into 2,048 pixels and its shorter side to 768."""
    width, height = float(size.width), float(size.height)
    fit = min(1.0, 2048 / max(width, height))
    width, height = width * fit, height * fit
    shrink = min(1.0, 768 / min(width, height))
    return math.ceil(width * shrink / 512 - 1e-9) * math.ceil(height * shrink / 512 - 1e-9)


def _patches(size: Size, most: int, factor: float) -> int:
    """32-pixel squares; an image of more than ``most`` is shrunk until that many cover it."""
    width, height = size
    count = math.ceil(width / 32) * math.ceil(height / 32)
    if count > most:
        shrink = math.sqrt(32 * 32 * most / (width * height))
        across, down = width * shrink / 32, height * shrink / 32
        shrink *= min(
            math.floor(across) / across if across >= 1 else 1.0, math.floor(down) / down if down >= 1 else 1.0
        )
        count = min(most, math.ceil(width * shrink / 32 - 1e-9) * math.ceil(height * shrink / 32 - 1e-9))
    return math.ceil(count * factor - 1e-9)


def _anthropic(size: Size, edge: int, most: int) -> int:
    """Pixels over 750, after the longer side is fitted to ``edge`` pixels; at most ``most`` tokens."""
    fit = min(1.0, edge / max(size))
    return max(1, min(most, math.ceil(size.width * fit * size.height * fit / 750)))


def _google(size: Size) -> int:
    """258 for an image of at most 384 pixels a side, else for each of its tiles, which are 256 to 768 pixels wide."""
    width, height = size
    if max(width, height) <= 384:
        return 258
    tile = min(768, max(256, int(min(width, height) / 1.5)))
    return 258 * math.ceil(width / tile) * math.ceil(height / tile)
