"""From a URL to a store."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from tokeneff._masked import masked
from tokeneff.errors import StoreError
from tokeneff.stores._contract import Store

FORMS = "memory://, sqlite:///budgets.db, redis://host:6379/0 or rediss://host:6379/0"


def open_store(url: str) -> Store:
    """The store that a URL names; ``redis+sentinel``, ``redis+cluster`` and ``rediss`` are opened by ``redis``.

    Raises:
        StoreError: it is no URL of a store, or an extra is missing; the text says what to write or install.
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError(f"a store is named by a URL ({FORMS}), not by a value of type {type(url).__name__}")
    scheme, mark, _ = url.partition("://")
    kind = scheme.partition("+")[0]
    kind = "redis" if kind == "rediss" else kind
    if not mark:
        raise StoreError(f"store {masked(url)!r} is no URL: write {FORMS}")
    if not kind.isidentifier() or kind.startswith("_") or find_spec(f"tokeneff.stores.{kind}") is None:
        raise StoreError(f"there is no store of kind {scheme!r}: write {FORMS}")
    return import_module(f"tokeneff.stores.{kind}").opened(url)


def parted(url: str) -> tuple[str, dict[str, str]]:
    """A store's URL without the options that are of clients, and those.

    >>> parted("redis://host?lease=30s&prefix=a")
    ('redis://host?prefix=a', {'lease': '30s'})
    """
    place, mark, query = url.partition("?")
    ours: dict[str, str] = {}
    rest: list[str] = []
    for option in query.split("&") if mark else ():
        name, _, value = option.partition("=")
        if name in ("lease", "patience"):
            ours[name] = value
        else:
            rest.append(option)
    return f"{place}?{'&'.join(rest)}" if rest else place, ours
