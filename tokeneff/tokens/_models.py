"""Which encoding, image rule and framing a model's name stands for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

Family: TypeAlias = Literal["openai", "anthropic", "google", "other"]

_LEGACY = re.compile(r"text-davinci-00[23]|code-|cushman-codex|davinci-codex|text-davinci-edit")
_GPT3 = re.compile(r"(?:text-)?(?:davinci|curie|babbage|ada)(?:-001)?$|text-(?:similarity|search)-|gpt2")
_CL100K = re.compile(r"gpt-4$|gpt-4-|gpt-3\.5|gpt-35|text-embedding-(?:3|ada-002)|(?:davinci|babbage)-002")
_O200K = re.compile(r"gpt-4o|gpt-4\.\d|gpt-5|chatgpt-4o|gpt-oss|o[134](?:-|$)|codex-mini|computer-use-preview")
_NEWER = re.compile(r"gpt-|chatgpt|o\d|codex")
_ANTHROPIC = re.compile(r"claude|anthropic")
_GOOGLE = re.compile(r"gemini|gemma|palm|bison|learnlm")


class Style(NamedTuple):
    """How requests of a model are counted."""

    encoding: str
    """The tiktoken encoding that is the model's own, or the nearest to it."""
    own: bool
    """Whether it is the model's own."""
    family: Family


@lru_cache(maxsize=1000)
def style_of(model: str) -> Style:
    """The encoding and family of a model, by its name as any endpoint writes it.

    >>> style_of("openrouter/openai/gpt-4o-mini").encoding, style_of("us.anthropic.claude-sonnet-4-5-v1:0").own
    ('o200k_base', False)

    The encodings of OpenAI's models are those that tiktoken lists for them (``tiktoken/model.py``); a newer model of
    OpenAI's is taken for ``o200k_base``, not known to be its own.
    """
    name = model.lower().strip()
    name = name.removeprefix("ft:").rsplit("/", 1)[-1]
    if _ANTHROPIC.search(name):
        return Style("o200k_base", False, "anthropic")
    if _GOOGLE.search(name):
        return Style("o200k_base", False, "google")
    for pattern, encoding in ((_O200K, "o200k_base"), (_CL100K, "cl100k_base"), (_LEGACY, "p50k_base")):
        if pattern.match(name):
            return Style(encoding, True, "openai")
    if _GPT3.match(name):
        return Style("r50k_base", True, "openai")
    return Style("o200k_base", False, "openai" if _NEWER.match(name) else "other")
