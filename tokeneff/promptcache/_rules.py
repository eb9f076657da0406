"""The table of what providers' prompt caches do, read once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

EngineName: TypeAlias = Literal["marks", "points", "units", "prefix", "none"]
_TABLE = Path(__file__).with_name("_rules.toml")


class Rule(NamedTuple):
    """How a provider's prompt cache treats a model's requests; sources are in ``_rules.toml``."""

    name: str
    engine: EngineName
    minimum: int
    """Tokens below which nothing is cached."""
    sure: float
    """Seconds: an unused prefix younger than this should be read."""
    most: float
    """Seconds: an older one is gone."""
    step: int = 0
    """Tokens by which a cached prefix grows."""
    grain: int = 0
    """The same where only recorded counts tell it."""
    asked: Mapping[str, float] = {}
    """Seconds by what a request can ask for."""
    marks: int = 0
    """Breakpoints that a request can have."""
    lookback: int = 0
    promised: bool = True
    """Whether what is there is read."""

    def life(self, asked: str | None) -> float:
        """Seconds that an unused prefix is kept when so much was asked for."""
        return self.sure if asked is None else self.asked.get(asked, self.sure)


class _Listed(NamedTuple):
    rule: Rule
    models: re.Pattern[str] | None
    providers: frozenset[str]
    minima: tuple[tuple[re.Pattern[str], int], ...]


@lru_cache(maxsize=1024)
def rule_of(model: str, provider: str) -> Rule:
    """The rule for a model at a provider.

    >>> rule_of("claude-opus-4-5", "anthropic").minimum
    4096

    Args:
        model: as asked for. provider: ``gen_ai.provider.name``.
    """
    model = model.lower()
    listed = _listed()
    found = next((entry for entry in listed if entry.models is not None and entry.models.search(model)), None)
    if found is None:
        # A router's name for a model says whose it is, and behind one "anthropic" is only whose SDK was used.
        own = "/" not in model or provider != "anthropic"
        found = next((entry for entry in listed if own and provider in entry.providers), listed[-1])
    minimum = next((least for pattern, least in found.minima if pattern.search(model)), found.rule.minimum)
    return found.rule._replace(minimum=minimum)


@lru_cache(maxsize=1)
def _listed() -> tuple[_Listed, ...]:
    with _TABLE.open("rb") as file:
        entries: list[dict[str, Any]] = tomllib.load(file)["cache"]
    return tuple(map(_entry, entries))


def _entry(fields: dict[str, Any]) -> _Listed:
    known = {name: fields[name] for name in Rule._fields if name in fields}
    pattern = fields.get("models")
    return _Listed(
        Rule(**known),
        re.compile(pattern) if pattern else None,
        frozenset(fields.get("providers", ())),
        tuple((re.compile(name), least) for name, least in fields.get("minima", ())),
    )
