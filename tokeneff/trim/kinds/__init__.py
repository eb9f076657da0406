"""Kinds of compaction, one module each: what is in ``KIND`` of a module that `names` lists."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module

from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind

__all__ = ["LOSSLESS", "LOSSY", "USUAL", "Back", "Context", "Edit", "Kind", "kinds_of"]

LOSSLESS = (
    "terminal",
    "blanks",
    "json",
    "tables",
    "binary",
    "runs",
    "numbering",
    "headings",
    "repeats",
    "members",
)
"""In the order in which they are tried: each goes on from what those before it left."""
LOSSY = ("html", "logs", "relevant", "ends", "llmlingua")
USUAL = LOSSY[:-1]
"""Those that need no model."""


def kinds_of(names: Sequence[str]) -> tuple[Kind, ...]:
    """Kinds by name, in the order in which they are tried.

    >>> [kind.name for kind in kinds_of(["json", "terminal"])]
    ['terminal', 'json']

    Raises:
        ValueError: there is no such kind; the text lists those there are.
    """
    known = ("terminal", "html", *LOSSLESS[1:-2], "logs", "relevant", "ends", "llmlingua", *LOSSLESS[-2:])
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"there is no kind of compaction {unknown[0]!r}: name some of {', '.join(known)}")
    return tuple(_kind(name) for name in known if name in names)


@cache
def _kind(name: str) -> Kind:
    return import_module(f"tokeneff.trim.kinds.{name}").KIND
