"""Replies that were had before, served again: exact, streamed, one for many, and each tenant's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokeneff.cache._cache import Cache, Pace, When, normalised
    from tokeneff.cache._reply import Reply, Said, Served, Worth
    from tokeneff.cache._warming import Warmed, warm
    from tokeneff.cache.semantic import Semantic

__all__ = [
    "Cache",
    "Pace",
    "Reply",
    "Said",
    "Semantic",
    "Served",
    "Warmed",
    "When",
    "Worth",
    "normalised",
    "warm",
]

_LATER = {
    **dict.fromkeys(("Reply", "Said", "Served", "Worth"), "tokeneff.cache._reply"),
    **dict.fromkeys(("Warmed", "warm"), "tokeneff.cache._warming"),
    "Semantic": "tokeneff.cache.semantic",
}


def __getattr__(name: str) -> Any:
    """Each from its own room, so that who needs one of these rooms does not load all."""
    if name not in __all__:
        raise AttributeError(f"module 'tokeneff.cache' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER.get(name, "tokeneff.cache._cache")), name)
