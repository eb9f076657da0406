"""How much a model takes and says at most, by its name."""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_FILE = Path(__file__).with_name("limits.toml")
_BEFORE = re.compile(r"^(?:(?:[a-z]{2,6}(?:-gov)?\.)?(?:anthropic|mistral|meta|amazon|cohere|deepseek|openai)\.|ft:)")


class Limit(NamedTuple):
    """What one model's requests and replies are at most, in tokens."""

    context: int
    output: int
    """Of one choice; for image models, one image."""
    visible: bool
    """Whether all output that is billed is in the stream."""


@lru_cache(maxsize=1024)
def limit_of(model: str) -> Limit:
    """The limits of a model, by its name as any endpoint writes it; generous ones for a name that nobody knows.

    >>> limit_of("gpt-4o-mini"), limit_of("us.anthropic.claude-haiku-4-5-20251001-v1:0").output
    (Limit(context=128000, output=16384, visible=True), 64000)
    """
    name = plain_name(model)
    return next(limit for pattern, limit in _patterns() if pattern.fullmatch(name))


def plain_name(model: str) -> str:
    """A model's name in lower case, without what an endpoint writes before it."""
    return _BEFORE.sub("", model.strip().lower().rpartition("/")[2])


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], Limit], ...]:
    tables = tomllib.loads(_FILE.read_text("utf-8"))["model"]
    return tuple(
        (
            re.compile("|".join(_regular(name) for name in table["name"]), re.DOTALL),
            Limit(table["context_window"], table["max_output"], table.get("visible", False)),
        )
        for table in tables
    )


def _regular(glob: str) -> str:
    return re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
