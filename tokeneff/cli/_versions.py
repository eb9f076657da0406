"""What is installed, and whether this tokeneff was tested with it."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from tokeneff._version import __version__

State = Literal["supported", "untested", "too old", "missing"]

_TESTED_LINES = {"openai": (1, 2, 3), "anthropic": (0, 1, 2)}
_OTHERS = ("httpx", "httpx2", "opentelemetry-api", "opentelemetry-sdk", "tiktoken", "rich")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong, and what to do about it."""

    level: Literal["error", "warning"]
    what: str
    do: str


@dataclass(frozen=True, slots=True)
class SDK:
    """An SDK that can be wrapped."""

    name: str
    version: str | None
    state: State


def versions() -> dict[str, str | None]:
    """Return the version of everything that plays a part; None where it is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version(), "tokeneff": __version__}
    exporters = sorted(name for name in _distributions() if _is_exporter(name))
    for name in (*_TESTED_LINES, *_OTHERS, *exporters):
        found[name] = version(name)
    return found


def version(name: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def sdks() -> list[SDK]:
    """Return the SDKs with their state."""
    return [SDK(name, found := version(name), _state(name, found)) for name in _TESTED_LINES]


def sdk_problems(found: list[SDK]) -> list[Problem]:
    """Return what is wrong with the SDKs."""
    if all(sdk.state == "missing" for sdk in found):
        return [
            Problem("error", "neither openai nor anthropic is installed", "pip install 'tokeneff[openai,anthropic]'")
        ]
    problems: list[Problem] = []
    for sdk in found:
        if sdk.state == "too old":
            what = f"{sdk.name} {sdk.version} is older than {_oldest(sdk.name)}"
            problems.append(Problem("error", what, f"pip install --upgrade {sdk.name}"))
        elif sdk.state == "untested":
            lines = ", ".join(f"{line}.x" for line in _TESTED_LINES[sdk.name])
            what = f"{sdk.name} {sdk.version} is newer than what this tokeneff was tested with ({lines})"
            problems.append(Problem("warning", what, "pip install --upgrade tokeneff"))
    return problems


def _state(name: str, found: str | None) -> State:
    if found is None:
        return "missing"
    if _numbers(found) < _numbers(_oldest(name)):
        return "too old"
    return "supported" if _numbers(found)[0] in _TESTED_LINES[name] else "untested"


def _oldest(name: str) -> str:
    """Return the oldest version that tokeneff's own extra of that name allows."""
    for requirement in metadata.requires("tokeneff") or ():
        if match := re.match(rf"{name}\s*>=\s*([\d.]+)", requirement):
            return match[1]
    return "0"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3]) or (0,)


def _is_exporter(name: str) -> bool:
    return name.startswith("opentelemetry-exporter-") and not name.endswith(("-common", "-transport"))


def _distributions() -> set[str]:
    names = (dist.metadata["Name"] for dist in metadata.distributions())
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names if name}
