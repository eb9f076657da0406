"""What is known of models by name: ``models.toml``, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple, cast

_BEFORE = re.compile(r"^(?:.*/)?(?:[a-z][a-z-]*\.)*(?=[a-z])")
_AFTER = re.compile(r"(?:[-@]\d{4}-?\d{2}-?\d{2}|[-@]latest|-v\d+(?::\d+)?|@\d+)+$")


class _Listed(NamedTuple):
    unsampled: re.Pattern[str]
    with_effort: re.Pattern[str]
    searching: re.Pattern[str]


def takes_no_sampling(model: str, effort: object) -> bool:
    """Whether this model takes no sampling parameters.

    Args:
        effort: the reasoning effort asked for, ``None`` where none is.
    """
    name, listed = _name(model), _listed()
    if listed.unsampled.fullmatch(name):
        return True
    return isinstance(effort, str) and effort != "none" and listed.with_effort.fullmatch(name) is not None


def searches(model: str) -> bool:
    """Whether this model looks things up by itself."""
    return _listed().searching.fullmatch(_name(model)) is not None


@lru_cache(maxsize=512)
def _name(model: str) -> str:
    return _AFTER.sub("", _BEFORE.sub("", model.lower(), count=1))


@lru_cache(maxsize=1)
def _listed() -> _Listed:
    import tomllib

    found = tomllib.loads(files("tokeneff.cache").joinpath("models.toml").read_text("utf-8"))

    def pattern(rows: list[Mapping[str, Any]]) -> re.Pattern[str]:
        return re.compile("|".join(f"(?:{name})" for row in rows for name in cast("list[str]", row["models"])))

    unsampled: list[Mapping[str, Any]] = found["unsampled"]
    return _Listed(
        pattern([row for row in unsampled if not row.get("with_effort")]),
        pattern([row for row in unsampled if row.get("with_effort")]),
        pattern(found["searching"]),
    )
