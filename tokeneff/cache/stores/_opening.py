"""From a URL to a store of replies."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec

from tokeneff._masked import masked
from tokeneff.cache.stores._contract import CacheStore
from tokeneff.errors import StoreError

FORMS = "memory://, sqlite:///cache.db, redis://host:6379/0 or rediss://host:6379/0"
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,3})?) ?([KMGT]?)(I?)B?", re.ASCII | re.IGNORECASE)
_POWERS = " KMGT"


def open_cache_store(url: str, max_bytes: int | None = None) -> CacheStore:
    """The store that a URL names; ``redis+sentinel``, ``redis+cluster`` and ``rediss`` are opened by ``redis``.

    >>> open_cache_store("memory://?max_size=2MB").totals().limit
    2000000

    Args:
        url: with ``?max_size=500MB`` where it says itself how much is kept.
        max_bytes: how much is kept otherwise, of values and keys; ``None`` for what is usual with that kind of store.

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
    if not kind.isidentifier() or kind.startswith("_") or find_spec(f"tokeneff.cache.stores.{kind}") is None:
        raise StoreError(f"there is no store of kind {scheme!r}: write {FORMS}")
    place, said = _parted(url)
    limit = max_bytes if said is None else size(said)
    if limit is not None and limit < 1:
        raise StoreError(f"store {masked(url)!r}: room for {limit} bytes is none; write max_size=500MB")
    return import_module(f"tokeneff.cache.stores.{kind}").opened(place, limit)


def size(text: str) -> int:
    """Bytes, as people write them.

    >>> size("500MB"), size("1.5 GiB"), size("1024")
    (500000000, 1610612736, 1024)

    Raises:
        StoreError: it is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise StoreError(f"max_size={text!r} of a store's URL is no size: write 500MB, 2GiB, or a number of bytes")
    number, prefix, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** _POWERS.index(prefix.upper() or " "))


def _parted(url: str) -> tuple[str, str | None]:
    """A URL without its size, and that."""
    place, _, query = url.partition("?")
    options = [option for option in query.split("&") if option]
    sizes = [option.partition("=")[2] for option in options if option.partition("=")[0] == "max_size"]
    rest = "&".join(option for option in options if option.partition("=")[0] != "max_size")
    return f"{place}?{rest}" if rest else place, sizes[-1] if sizes else None
