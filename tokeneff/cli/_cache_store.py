"""The store that `tokeneff cache` looks after, and which of its replies are meant."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokeneff.cli._output import UsageError

if TYPE_CHECKING:
    from tokeneff.cache import Reply
    from tokeneff.cache.stores import CacheStore, Entry, Labels

_SHORTEST = 4
_MOST_NAMED = 10


@contextmanager
def opened(url: str) -> Generator[CacheStore]:
    """The store of a URL; what is wrong with it is a `UsageError`."""
    from tokeneff.cache.stores import open_cache_store
    from tokeneff.errors import StoreError, StoreUnavailable

    check(url)
    try:
        store = open_cache_store(url)
        try:
            yield store
        finally:
            store.close()
    except StoreError as error:
        raise UsageError(str(error)) from error
    except StoreUnavailable as error:
        raise UsageError(f"the store cannot be asked: {error}") from error


def check(url: str, *, makes: bool = False) -> None:
    """No store is made where there was none, unless it is to be filled; what memory keeps is nowhere else."""
    scheme, _, rest = url.partition("://")
    if scheme == "memory":
        raise UsageError(
            "what memory:// keeps is in the process that asked for it, and ends with it; "
            "to see it from here, keep it in a store of its own, as sqlite:///cache.db"
        )
    name = rest.removeprefix("/").partition("?")[0]
    if (
        not makes
        and scheme == "sqlite"
        and rest.startswith("/")
        and name
        and not os.path.exists(os.path.expanduser(name))
    ):
        raise UsageError(f"there is no file {name}")


def the_one(store: CacheStore, prefix: str) -> Entry:
    """The one kept reply whose key begins so."""
    found = [entry for entry in store.entries() if entry.key.hex().startswith(_prefix(prefix))]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"no key begins with {prefix!r}; `tokeneff cache ls` shows which there are")
    names = "".join(f"\n  {entry.key.hex()[:24]}  {entry.labels.model}" for entry in found[:_MOST_NAMED])
    raise UsageError(f"{len(found):,} keys begin with {prefix!r}; write more of the one that is meant:{names}")


def keys_of(store: CacheStore, prefix: str, labels: Labels, before: int | None) -> list[bytes]:
    """Keys that begin so, of replies with these labels that were kept before."""
    wanted = _prefix(prefix)
    return [
        entry.key
        for entry in store.entries(labels)
        if entry.key.hex().startswith(wanted) and (before is None or entry.stored < before)
    ]


def _prefix(text: str) -> str:
    found = text.strip().lower().removesuffix("…")
    if len(found) < _SHORTEST or len(found) > 64 or not all(digit in "0123456789abcdef" for digit in found):
        raise UsageError(f"{text!r} is no beginning of a key: write {_SHORTEST} to 64 digits as `ls` shows them")
    return found


def reply_of(store: CacheStore, entry: Entry) -> Reply | None:
    """What is kept, or `None` where it cannot be read, or is gone meanwhile."""
    from tokeneff.cache._codec import Codec

    found = store.get(entry.key)
    if found is None or found.value is None:
        return None
    return Codec(keys()).unpack(entry.key, found.value)


def keys() -> tuple[str, ...]:
    """The keys that the environment names."""
    return tuple(part.strip() for part in os.environ.get("TOKENEFF_CACHE_KEY", "").split(",") if part.strip())


def pairs(given: Iterable[str], option: str) -> Iterator[tuple[str, str]]:
    """Names and values, as typed with an option."""
    for text in given:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise UsageError(f"{option} is not {text!r}: write a name and a value, as {option} feature=search")
        yield name, value


def scope_text(given: str) -> str:
    """A scope as replies are labelled with it, whether or not it was typed so."""
    from tokeneff.budgets._scopes import quoted

    parts = pairs([part for part in given.split(",") if part], "--scope")
    return ",".join(f"{name}={value if '%' in value or '~' in value else quoted(value)}" for name, value in parts)
