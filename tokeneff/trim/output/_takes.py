"""Which efforts and verbosities a model takes: ``outputs.toml``, read once."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from tokeneff.budgets._limits import plain_name
from tokeneff.budgets._takes import fits, refused

_FIELDS = {
    "effort": ("reasoning_effort", "reasoning", "output_config.effort"),
    "verbosity": ("verbosity", "text.verbosity"),
}


@lru_cache(maxsize=1024)
def takes(model: str, setting: str, value: str, tools: bool = False) -> bool:
    """Whether a model is not known to refuse this.

    >>> takes("gpt-5.1", "effort", "low"), takes("gpt-5.1", "effort", "minimal"), takes("gpt-4o", "verbosity", "low")
    (True, False, False)

    Args:
        setting: ``"effort"`` or ``"verbosity"``. tools: whether it is a chat completion with tools.
    """
    if any(str(field) in _FIELDS[setting] for field in refused(model)):
        return False
    known = _known(plain_name(model), setting)
    if known is not None and value not in known:
        return False
    with_tools = _known(plain_name(model), "effort_with_tools") if tools and setting == "effort" else None
    return with_tools is None or value in with_tools


def _known(name: str, table: str) -> tuple[str, ...] | None:
    rows: list[dict[str, Any]] = _tables()[table]
    return next((tuple(row["takes"]) for row in rows if fits(name, tuple(row["models"]))), None)


@lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    import tomllib

    return tomllib.loads(files("tokeneff.trim.output").joinpath("outputs.toml").read_text("utf-8"))
