"""Tokens of images: the providers' own examples, and sizes read from the first bytes."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokens_lab import with_vocabulary

from tokeneff.tokens._images import Size, image_rule, image_tokens, size_of_base64, size_of_url


@pytest.mark.parametrize(
    ("model", "family", "size", "detail", "tokens"),
    [
        # https://platform.openai.com/docs/guides/images-vision#calculating-costs
        ("gpt-4o", "openai", (1024, 1024), "high", 765),
        ("gpt-4o", "openai", (2048, 4096), "high", 1105),
        ("gpt-4o", "openai", (4096, 8192), "low", 85),
        ("gpt-4o", "openai", (4096, 512), "high", 85 + 4 * 170),
        ("gpt-4.1", "openai", (128, 64), "auto", 255),
        ("gpt-4o-mini", "openai", (1024, 1024), "high", 2833 + 4 * 5667),
        ("gpt-5", "openai", (1024, 1024), "auto", 70 + 4 * 140),
        ("gpt-5-2025-08-07", "openai", (100, 100), "low", 70),
        ("o1", "openai", (512, 512), "high", 75 + 150),
        ("gpt-4.1-mini", "openai", (1024, 1024), "auto", 1659),  # 1,024 patches × 1.62
        ("gpt-4.1-mini", "openai", (1800, 2400), "auto", 2353),  # 1,452 patches × 1.62
        ("gpt-4.1-nano", "openai", (1800, 2400), "auto", 3572),  # 1,452 patches × 2.46
        ("openai/o4-mini", "openai", (32, 32), "auto", 2),
        # https://platform.claude.com/docs/en/build-with-claude/vision: about 54, 1,334 and 1,590 tokens
        ("claude-sonnet-4-5", "anthropic", (200, 200), "auto", 54),
        ("claude-sonnet-4-5", "anthropic", (1000, 1000), "auto", 1334),
        ("claude-sonnet-4-5", "anthropic", (1092, 1092), "auto", 1590),
        ("claude-sonnet-4-5", "anthropic", (8000, 8000), "auto", 1600),
        ("claude-opus-4-7", "anthropic", (2000, 1500), "auto", 4000),
        # https://ai.google.dev/gemini-api/docs/tokens
        ("gemini-2.5-flash", "google", (384, 384), "auto", 258),
        ("gemini-2.5-flash", "google", (960, 540), "auto", 258 * 6),
        ("gemini-3-pro-preview", "google", (960, 540), "auto", 1120),
    ],
)
def test_published_rules(model: str, family: str, size: tuple[int, int], detail: str, tokens: int) -> None:
    assert image_tokens(image_rule(model, family), Size(*size), detail) == tokens


def png(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))


def jpeg(width: int, height: int) -> bytes:
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xe1"
        + struct.pack(">H", 30_002)
        + b"\xff\xc0" * 15_000
        + b"\xff\xff\xc2"
        + struct.pack(">HBHHB", 17, 8, height, width, 3)
        + bytes(9)
    )


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + bytes(10)


def webp(kind: bytes, width: int, height: int) -> bytes:
    if kind == b"VP8X":
        data = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        data = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14)
    else:
        data = bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF" + bytes(4) + b"WEBP" + kind + struct.pack("<I", len(data)) + data + bytes(8)


@given(st.integers(1, 16_000), st.integers(1, 16_000))
def test_the_size_is_read_from_the_head(width: int, height: int) -> None:
    made = [png(width, height), jpeg(width, height), gif(width, height)]
    made += [webp(kind, width, height) for kind in (b"VP8X", b"VP8L", b"VP8 ")]
    for raw in made:
        data = base64.b64encode(raw).decode()
        assert size_of_base64(data) == (width, height)
        assert size_of_url(f"data:image/x;charset=x;base64,{data}") == (width, height)


@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF1234WEBPVP8L"]),
)
def test_whatever_the_bytes_there_is_a_size_or_none(raw: bytes, head: bytes) -> None:
    found = size_of_base64(base64.b64encode(head + raw).decode())
    assert found is None or (0 < found.width <= 65_535 and 0 < found.height <= 65_535)


@given(st.text())
def test_any_text_for_an_image(text: str) -> None:
    assert size_of_base64(text) is None or text
    assert size_of_url(text) is None


def test_only_the_head_of_a_large_image_is_decoded() -> None:
    data = base64.b64encode(png(640, 480)).decode() + "A" * 20_000_000
    assert size_of_base64(data) == (640, 480)


def test_images_in_requests() -> None:
    data = base64.b64encode(png(1000, 1000)).decode()
    url = f"data:image/png;base64,{data}"
    counter = with_vocabulary()

    def attached(dialect: str, part: dict[str, Any], model: str) -> tuple[int, tuple[str, ...]]:
        item = {"role": "user", "content": [part]}
        body = {"input": [item]} if dialect == "responses" else {"messages": [item]}
        prompt = counter.prompt(dialect, body, model)
        return dict(prompt.pieces[0].contents)["attached"], prompt.unknown

    assert attached("chat", {"type": "image_url", "image_url": {"url": url}}, "gpt-4o") == (765, ())
    assert attached("chat", {"type": "image_url", "image_url": {"url": url, "detail": "low"}}, "gpt-4o") == (85, ())
    unseen = {"type": "image_url", "image_url": {"url": "https://example.org/x.png", "detail": "low"}}
    assert attached("chat", unseen, "gpt-4o") == (85, ())
    assert attached("responses", {"type": "input_image", "image_url": url, "detail": "high"}, "gpt-5") == (630, ())
    assert attached("responses", {"type": "input_image", "file_id": "f"}, "gpt-5") == (630, ("image size",))
    source = {"type": "base64", "media_type": "image/png", "data": data}
    assert attached("messages", {"type": "image", "source": source}, "claude-sonnet-4-5") == (1334, ())
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}
    assert attached("messages", result, "claude-sonnet-4-5") == (1334, ())
    assert attached("chat", {"type": "image_url", "image_url": url}, "gemini-3-pro") == (1120, ())
