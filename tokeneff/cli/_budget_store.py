"""The store that `tokeneff budget` looks after, and which of its accounts are meant."""

from __future__ import annotations

import argparse
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokeneff.cli._output import UsageError

if TYPE_CHECKING:
    from tokeneff.stores import State, Store

_MOST_NAMED = 10


@contextmanager
def opened(args: argparse.Namespace) -> Generator[Store]:
    """The store that the command line, or else the environment, names; what is wrong with it is a `UsageError`."""
    from tokeneff.errors import StoreError, StoreUnavailable
    from tokeneff.stores import open_store
    from tokeneff.stores._opening import parted

    url = args.store or os.environ.get("TOKENEFF_STORE")
    if not url:
        raise UsageError("say which store: --store sqlite:///budgets.db, or TOKENEFF_STORE in the environment")
    if url.partition(":")[0] == "memory":
        raise UsageError(
            "budgets in memory:// are in the process that spends them, and end with it; "
            "to see them from here, keep them in a store of their own, as sqlite:///budgets.db"
        )
    _check_file(url)
    try:
        store = open_store(parted(url)[0])
        try:
            yield store
        finally:
            store.close()
    except StoreError as error:
        raise UsageError(str(error)) from error
    except StoreUnavailable as error:
        raise UsageError(f"the store cannot be asked: {error}") from error


def _check_file(url: str) -> None:
    """No store is made where there was none."""
    scheme, _, rest = url.partition("://")
    name = rest.removeprefix("/").partition("?")[0]
    if scheme == "sqlite" and rest.startswith("/") and name and not os.path.exists(os.path.expanduser(name)):
        raise UsageError(f"there is no file {name}")


def current(states: Sequence[State], now: int) -> list[State]:
    """Those whose window is not over."""
    return [state for state in states if not state.end or state.end > now]


def matching(states: Sequence[State], name: str | None, scope: str | None) -> list[State]:
    """Those of a budget, or of an account's whole name, for whom it is said: ``user=u1`` finds ``user=u1,team=a`` too.

    Args:
        states: what there is.
        name: a budget's name or an account's; ``None``: any.
        scope: tags with their values, as ``user=u1``; ``None``: any.
    """
    wanted = _parts(scope) if scope else frozenset[str]()
    return [
        state
        for state in states
        if (name is None or name in (state.budget, state.balance.account))
        and (scope is None or (wanted <= frozenset(state.scope.split(",")) if wanted else not state.scope))
    ]


def the_one(states: Sequence[State], name: str, scope: str | None) -> State:
    """The one account that is meant.

    Raises:
        UsageError: it is none, or one of several; the text lists which there are.
    """
    found = matching(states, name, scope)
    exactly = [state for state in found if scope is not None and frozenset(state.scope.split(",")) == _parts(scope)]
    if len(found) == 1 or len(exactly) == 1:
        return (exactly or found)[0]
    said = f"{name!r} with scope {scope!r}" if scope is not None else repr(name)
    if found:
        raise UsageError(
            f"{said} is one of {len(found):,} accounts; say which (--scope, or the whole name):{_list(found)}"
        )
    if not states:
        raise UsageError(f"there is no account {said}: nothing was spent in this store yet")
    raise UsageError(f"there is no account {said}; there {'is' if len(states) == 1 else 'are'}:{_list(states)}")


def _parts(scope: str) -> frozenset[str]:
    """The tags of a scope as accounts write them, whether or not it was typed so."""
    from tokeneff.budgets._scopes import NONE, quoted

    parts: set[str] = set()
    for part in filter(None, scope.split(",")):
        name, mark, value = part.partition("=")
        if not mark:
            raise UsageError(f"--scope is not {scope!r}: write tags and their values, as user=u1 or user=u1,team=a")
        parts.add(f"{name}={value if '%' in value or '~' in value or value == NONE else quoted(value)}")
    return frozenset(parts)


def _list(states: Sequence[State]) -> str:
    names = [f"\n  {state.balance.account}" for state in states[:_MOST_NAMED]]
    more = len(states) - len(names)
    return "".join(names) + (f"\n  … and {more:,} more" if more else "")
