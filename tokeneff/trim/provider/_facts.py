"""The table of what providers can leave out of a history themselves, read once."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

_TABLE = Path(__file__).with_name("provider.toml")


class Means(NamedTuple):
    """One thing that a provider can do; sources are in ``provider.toml``."""

    does: Literal["clear", "compact"]
    beta: str = ""
    """For the ``anthropic-beta`` header."""
    blocks: bool = False
    """Whether replies have blocks that only the client's beta part knows."""
    least: int = 1
    """Tokens: the lowest threshold."""
    soonest: int = 1
    """Tokens: the lowest that is asked for."""
    summary: int = 0
    """Tokens that stand for the history afterwards."""


@lru_cache(maxsize=1024)
def means_of(dialect: str, model: str, host: str) -> tuple[Means, ...]:
    """What the provider at this host can do with a request to this model.

    >>> [means.does for means in means_of("messages", "claude-sonnet-4-6", "api.anthropic.com")]
    ['clear', 'compact']
    >>> means_of("chat", "gpt-5.6", "api.openai.com")
    ()
    """
    return tuple(
        means
        for means, entry in _listed()
        if entry["dialect"] == dialect
        and any(_is_of(host.lower(), name) for name in entry["hosts"])
        and re.match(entry["models"], model.lower())
    )


def _is_of(host: str, name: str) -> bool:
    return host.endswith(name) if name.startswith(".") else host == name


@lru_cache(maxsize=1)
def _listed() -> tuple[tuple[Means, dict[str, Any]], ...]:
    with _TABLE.open("rb") as file:
        entries: list[dict[str, Any]] = tomllib.load(file)["can"]
    return tuple((Means(**{name: entry[name] for name in Means._fields if name in entry}), entry) for entry in entries)
