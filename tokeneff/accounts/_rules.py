"""How long providers keep a prompt cached, and from which size on: the table of :mod:`tokeneff.promptcache`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from tokeneff.promptcache._rules import rule_of

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


ONE_HOUR = Life(_HOUR, _HOUR)
_OPENAI_DAY = Life(_HOUR, _DAY)


@lru_cache(maxsize=1024)
def rules_of(model: str, provider: str, retention: str = "") -> Rules:
    """How this model's prompts are cached there.

    >>> rules_of("claude-opus-4-5", "anthropic").minimum
    4096

    Args:
        model: as asked for. provider: ``gen_ai.provider.name``.
        retention: what the request says of how long to keep it: ``24h``, ``1h``, ``30m``, … or nothing.
    """
    listed = rule_of(model, provider)
    rules = Rules(listed.minimum, listed.step, Life(listed.sure, listed.most), listed.engine == "marks")
    asked = _asked(retention)
    if asked is None:
        return rules
    if not rules.marks and asked == _DAY:
        return rules._replace(life=_OPENAI_DAY)
    if rules.marks:
        return rules._replace(life=Life(asked, asked))
    return rules._replace(life=Life(asked, max(asked, rules.life.most)))


def _asked(retention: str) -> float | None:
    """Seconds that ``24h``, ``1h``, ``30m``, ``5m`` say."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", retention)
    return float(found[1]) * {"s": 1.0, "m": _MINUTE, "h": _HOUR, "d": _DAY}[found[2]] if found else None
