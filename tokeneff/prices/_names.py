"""Model names as providers write them, and the spellings that a price list may know them by."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WRAPPERS = re.compile(r"^(?:models/|publishers/[^/]+/models/|projects/.*/models/|arn:[^/]*/)")
_BEDROCK = re.compile(r"^(?:[a-z]{2,6}(?:-gov)?\.)?(?:anthropic|mistral|meta|amazon|cohere|deepseek|openai)\.")
_REVISION = re.compile(r"-v\d+(?::\d+)?$|:\d+$")
_DATE = re.compile(r"[-@](?:20\d{2}-?\d{2}-?\d{2}|\d{4}|00\d|\d{2}-\d{2}|\d{2}-20\d{2})$")
_MOVING = re.compile(r"(?:^|[-/])latest$|^(?:openrouter/)?auto$")
_ALIASES = frozenset({"deepseek-chat", "deepseek-reasoner"})

VENDORS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "gemini": "google",
    "vertex_ai": "google",
    "x-ai": "x-ai",
    "xai": "x-ai",
    "mistralai": "mistral",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "cohere": "cohere",
    "moonshotai": "moonshotai",
    "moonshot": "moonshotai",
    "z-ai": "zai",
    "zai": "zai",
    "perplexity": "perplexity",
    "minimax": "minimax",
    "groq": "groq",
    "azure": "azure",
    "bedrock": "aws",
}
"""Prefixes of ``vendor/model``, and whose price list they name."""


def plain(model: str) -> str:
    """The name in lower case, without the path that Gemini, Vertex and Bedrock write before it."""
    return _WRAPPERS.sub("", model.strip().lower())


def moving(name: str) -> bool:
    """Whether the provider may point this name at another model, with another price, at any time."""
    return bool(_MOVING.search(name)) or name.rpartition("/")[2] in _ALIASES


def spellings(name: str) -> Iterator[tuple[str, str | None, str]]:
    """Ways to look ``name`` up, best first: a spelling, the vendor that the name gives away, what was left out."""
    yield name, None, ""
    vendor, slash, rest = name.partition("/")
    known = VENDORS.get(vendor.lstrip("~")) if slash else None
    if known is not None:
        yield rest, known, ""
    bare = name.rpartition("/")[2]
    if slash and known is None:
        yield bare, None, ""
    unwrapped = _REVISION.sub("", _BEDROCK.sub("", bare))
    if unwrapped != bare:
        yield unwrapped, None, ""
    undated = _DATE.sub("", unwrapped)
    if undated != unwrapped:
        yield undated, known, "this dated version is not listed"
