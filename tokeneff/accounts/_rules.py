"""How long providers keep a prompt cached, and from which size on: all that we assume of them, in one place."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_MINUTE = 60.0
_HOUR = 3600.0
_DAY = 24 * _HOUR


class Life(NamedTuple):
    """How long an unused prefix is kept, in seconds."""

    sure: float
    """Younger than this it should be read."""
    most: float
    """Older than this it is gone."""


class Rules(NamedTuple):
    """How a provider's prompt cache treats a model's prompts."""

    minimum: int
    """Tokens below which nothing is cached."""
    step: int
    """Tokens by which a cached prefix grows: what is read may be shorter than what is there by this much."""
    life: Life
    marks: bool = False
    """Whether nothing is cached unless the request asks for it."""


FIVE_MINUTES = Life(5 * _MINUTE, 5 * _MINUTE)
ONE_HOUR = Life(_HOUR, _HOUR)

# OpenAI, "Prompt caching" guide: from 1,024 tokens, in steps of 128; "in memory" prefixes go after 5 to 10 minutes of
# inactivity and always within an hour; "24h" ones within a day. From gpt-5.6 on `prompt_cache_options.ttl` names the
# least time, 30 minutes if nothing is said, and what is cached ends exactly at a breakpoint.
_OPENAI = Rules(1024, 128, Life(5 * _MINUTE, _HOUR))
_OPENAI_BREAKPOINTS = Rules(1024, 128, Life(30 * _MINUTE, _DAY))
_OPENAI_DAY = Life(_HOUR, _DAY)

# Anthropic, "Prompt caching": only what `cache_control` asks for; 5 minutes from the last use, or an hour.
_ANTHROPIC_MINIMA = (
    (re.compile(r"(opus|fable)-5|sonnet-5-5"), 512),
    (re.compile(r"haiku-4-5|opus-4-[56]"), 4096),
    (re.compile(r"3-5-haiku|3-haiku"), 2048),
)

# Google, "Context caching": implicit, no guarantee and no time named; 2,048 tokens for 2.5 models, 4,096 from 3 on.
_GEMINI = Rules(4096, 0, Life(5 * _MINUTE, _DAY))
_GEMINI_2 = Rules(2048, 0, Life(5 * _MINUTE, _DAY))

# DeepSeek, "Context Caching": on disk, best effort, kept for hours to days. Its units are no fixed size: 64 was told
# of the first version.
_DEEPSEEK = Rules(64, 64, Life(_HOUR, 7 * _DAY))

# Of others nothing is known: as OpenAI before gpt-5.6, whose interface they have.
_OTHERS = _OPENAI


@lru_cache(maxsize=1024)
def rules_of(model: str, provider: str, retention: str = "") -> Rules:
    """How this model's prompts are cached there.

    >>> rules_of("claude-opus-4-5", "anthropic").minimum
    4096

    The model's family decides, so that Claude on Bedrock or Gemini behind OpenRouter is what it is; the provider only
    where the name tells nothing. The figures are the providers' own, as of November 2026 (guides on prompt caching of
    OpenAI, Anthropic, Google and DeepSeek).

    Args:
        model: as asked for. provider: ``gen_ai.provider.name``.
        retention: what the request says of how long to keep it: ``24h``, ``1h``, ``30m``, … or nothing.
    """
    rules = _family(model.lower(), provider)
    asked = _asked(retention)
    if asked is None:
        return rules
    if not rules.marks and asked == _DAY:
        return rules._replace(life=_OPENAI_DAY)
    if rules.marks:
        return rules._replace(life=Life(asked, asked))
    return rules._replace(life=Life(asked, max(asked, rules.life.most)))


def _family(model: str, provider: str) -> Rules:
    if "claude" in model or (provider == "anthropic" and "/" not in model):
        minimum = next((least for name, least in _ANTHROPIC_MINIMA if name.search(model)), 1024)
        return Rules(minimum, 0, FIVE_MINUTES, marks=True)
    if "gemini" in model or provider in ("gcp.gemini", "gcp.vertex_ai"):
        return _GEMINI_2 if re.search(r"gemini-[12]", model) else _GEMINI
    if "deepseek" in model or provider == "deepseek":
        return _DEEPSEEK
    version = re.search(r"gpt-(\d+)(?:\.(\d+))?", model)
    if version and (int(version[1]), int(version[2] or 0)) >= (5, 6):
        return _OPENAI_BREAKPOINTS
    return _OTHERS


def _asked(retention: str) -> float | None:
    """Seconds that ``24h``, ``1h``, ``30m``, ``5m`` say."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", retention)
    return float(found[1]) * {"s": 1.0, "m": _MINUTE, "h": _HOUR, "d": _DAY}[found[2]] if found else None
