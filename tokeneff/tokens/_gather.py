"""What a tool schema, a system prompt or a message holds: texts to be counted, and what is counted otherwise."""

from __future__ import annotations

import json
from typing import NamedTuple

from tokeneff._plain import fields, items, plain, string
from tokeneff.tokens._images import TYPICAL, Size, image_tokens, size_of_base64, size_of_url
from tokeneff.tokens._prompt import Content

_DEEPEST = 40
_SILENT = frozenset(
    (
        "type",
        "id",
        "call_id",
        "tool_call_id",
        "tool_use_id",
        "status",
        "signature",
        "encrypted_content",
        "cache_control",
        "prompt_cache_breakpoint",
    )
)
"""Fields whose text the model does not read, as far as is known."""


class Gathered:
    """What was found in one element of a request."""

    __slots__ = ("bits", "images", "marked", "names", "unknown")

    def __init__(self, images: str) -> None:
        self.images = images
        """Rule by which images are counted."""
        self.bits: list[tuple[Content, str | int]] = []
        self.unknown: list[str] = []
        self.names: list[str] = []
        self.marked = False

    def add(self, content: Content, value: str | int) -> None:
        """A text, or a number of tokens that is known without counting."""
        if value:
            self.bits.append((content, value))

    def strings(self, content: Content, value: object, depth: int = 0) -> None:
        """Every text within a value of unknown form."""
        text = string(value)
        if text is not None:
            self.add(content, text)
        elif depth < _DEEPEST:
            inner = fields(value)
            if inner is None:
                for item in items(value):
                    self.strings(content, item, depth + 1)
            else:
                for key, item in inner.items():
                    if key not in _SILENT:
                        self.strings(content, item, depth + 1)

    def image(self, size: Size | None, detail: str = "auto", content: Content = "attached") -> None:
        """An image; one of unknown size is taken for one of 1,024 by 1,024 pixels, and said to be so."""
        sized = size is not None or self.images.startswith("fixed") or (detail == "low" and self.images[0] == "t")
        if not sized:
            self.unknown.append("image size")
        self.add(content, image_tokens(self.images, size or Size(*TYPICAL), detail))

    def image_url(self, value: object, detail: object = None) -> None:
        """An image in the form of OpenAI's: an address, or an object that has one."""
        inner = fields(value) if not isinstance(value, str) else None
        if inner is not None:
            value, detail = inner.get("url"), inner.get("detail", detail)
        url = string(value)
        self.image(size_of_url(url) if url else None, string(detail) or "auto")

    def image_source(self, source: object) -> None:
        """An image in the form of Anthropic's."""
        data = string((fields(source) or {}).get("data"))
        self.image(size_of_base64(data) if data else None)


class Shape(NamedTuple):
    """Tokens that frame what is said, beside the texts themselves."""

    message: int
    """Each message: its role, and the marks about it."""
    name: int = 1
    call: int = 3
    result: int = 0
    field: int = 0
    """Each argument of a tool call, beside its text."""
    reply: int = 3
    """What invites the reply, once a request."""


SHAPES = {
    # https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken: 3 a message and its role, 3 for the reply
    "openai": Shape(4),
    # Anthropic publishes none; those were fitted to its own counts of recorded sessions.
    "anthropic": Shape(4, call=30, result=25, field=8),
    "google": Shape(3, call=8, result=8),
    "other": Shape(4),
}


def compact(value: object) -> str:
    """A value as JSON text, as a provider is likely to write it out."""
    text = string(value)
    if text is not None:
        return text
    return json.dumps(plain(value), ensure_ascii=False)
