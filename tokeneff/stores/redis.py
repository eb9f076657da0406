"""Budgets on Redis 7 or Valkey: for a whole fleet, which shares what it may spend.

Every step is one Lua script, and so one round trip, atomic, by the server's own clock.

* ``redis://:password@host:6379/0``, ``rediss://…`` with TLS (options as redis-py calls them: ``?ssl_ca_certs=ca.pem``),
  ``redis+sentinel://host:26379,host:26379/service/0``, ``redis+cluster://host:6379,host:6379``; ``rediss+…`` as well.
* ``?prefix=shop`` has all keys begin with ``shop`` instead of ``tokeneff``; fleets that share a server and not their
  budgets have one each.

On a cluster all accounts of one call have to be on one node. They are in one hash slot, that of the call's *group*: the
tags that all of its budgets tell apart. Budgets that are each ``by="user"`` (or by more) spread over the cluster, user
by user; one budget for the whole service, and all that is asked together with it is in one slot. Clients that share an
account on a cluster need the same list of budgets, for another list may be another group. Elsewhere there are no
groups.

The server must not evict (``maxmemory-policy noeviction``), and what it forgets nobody else knows: with replicas or an
append-only file it comes back with at most its last second missing, without them it comes back empty, and budgets start
again at 0. Whatever was lost, calls on their way are spent in full when they are settled.

A call costs about 150 bytes for a day (its id, so that it is not settled twice), the journal up to some 30 MB. Windows
are kept for 35 days after their end, sessions for 90 days after their last use, what has no end for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from tokeneff.errors import StoreError
from tokeneff.stores._contract import (
    Amounts,
    Balance,
    Claim,
    Entry,
    Gone,
    Granted,
    Hold,
    Reservation,
    State,
    topped,
)
from tokeneff.stores._redis import _replies as replies
from tokeneff.stores._redis._asking import Asking, place_of
from tokeneff.stores._redis._links import Link
from tokeneff.stores._redis._scripts import script
from tokeneff.stores._redis._urls import place

PATIENCE = 5.0
"""Seconds that a step may take in all, unless told otherwise."""
_MOST = 2**53
_PAGE = 500
_DAY = 86_400_000_000


def opened(url: str) -> RedisStore:
    """The store of a URL; nothing is connected before it is asked.

    Raises:
        StoreError: the URL cannot be read, or the extra is missing.
    """
    place_of(url)
    return RedisStore(url)


class RedisStore(Asking):
    """A store on a Redis or Valkey server, on one that sentinels name, or on a cluster.

    Example::

        store = RedisStore("redis://localhost:6379/0")
        claim = Claim("all", Limits(usd=10_000_000_000))
        store.reserve("call-1", Amounts(usd=20_000_000), [claim], lease=60_000_000).balances[0].held.usd  # 20000000

    Args:
        url: as this module says.
        patience: seconds that a step may take in all, connecting included; looking a host up in the DNS is not, which
            the system bounds.
    """

    instant = False

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        super().__init__(place(url), patience)

    def reserve(self, hold: str, amounts: Amounts, claims: Sequence[Claim], lease: int, group: str = "") -> Reservation:
        asked = {"hold": hold, "amounts": _fit(amounts), "lease": lease}
        return replies.reservation(self._step("reserve", group, asked, claims))

    def extend(self, hold: str, amounts: Amounts, floor: Amounts, lease: int, group: str = "") -> Reservation:
        asked = {"hold": hold, "amounts": _fit(amounts), "floor": _fit(floor), "lease": lease}
        return replies.reservation(self._step("extend", group, asked))

    def settle(
        self, hold: str, amounts: Amounts, claims: Sequence[Claim], group: str = "", note: str = ""
    ) -> Granted | Gone:
        asked = {"hold": hold, "amounts": _fit(amounts), "note": note}
        answer = replies.reservation(self._step("settle", group, asked, claims))
        assert isinstance(answer, (Granted, Gone))
        return answer

    def renew(self, holds: Iterable[tuple[str, str]], lease: int) -> None:
        by_root: dict[str, list[str]] = {}
        for hold, group in holds:
            by_root.setdefault(self._root(group), []).append(hold)
        for root, ids in by_root.items():
            for page in _pages(ids):
                self._ask(lambda link, root=root, page=page: self._run(link, "renew", root, holds=page, lease=lease))

    def once(self, account: str, mark: str, group: str = "") -> bool:
        return bool(self._step("once", group, {"account": account, "mark": mark}))

    def now(self) -> int:
        return self.clock() if self.clock is not None else int(self._step("now", "", {}))

    def states(self, prefix: str = "") -> list[State]:
        found: list[State] = []
        for root in self._reclaimed():
            names = sorted(self._accounts(root, prefix))
            for page in _pages(names):
                told = self._ask(lambda link, root=root, page=page: self._run(link, "states", root, accounts=page))
                found += [state for now, state in replies.states(told) if not (state.end and state.end + _DAY <= now)]
        return sorted(found, key=lambda state: state.balance.account)

    def holds(self) -> list[Hold]:
        found: list[Hold] = []
        for root in self._reclaimed():
            found_ids = self._ask(lambda link, root=root: link.client.zrange(f"{root}:leases", 0, -1))
            ids = [str(one, "utf-8") for one in found_ids]
            for page in _pages(ids):
                found += replies.holds(
                    self._ask(lambda link, root=root, page=page: self._run(link, "holds", root, holds=page))
                )
        return sorted(found, key=lambda hold: hold.since)

    def journal(self, account: str | None = None, newest: int = 1000) -> list[Entry]:
        found: list[Entry] = []
        for root in self._reclaimed():
            found += self._newest(root, account, newest)
        found.sort(key=lambda entry: entry.seq)
        return found[max(len(found) - newest, 0) :]

    def top_up(self, account: str, amounts: Amounts) -> Balance:
        root = self._root_of(account)
        if root is None:
            raise StoreError(
                f"nobody has claimed {account!r} yet: which node of the cluster it belongs on is not known"
            )
        asked: dict[str, Any] = {"account": account, "amounts": amounts, "note": topped(amounts)}
        return replies.balance(self._ask(lambda link: self._run(link, "top_up", root, **asked)))

    def reset(self, account: str) -> Balance:
        root = self._root_of(account)
        if root is None:
            return Balance(account)
        return replies.balance(self._ask(lambda link: self._run(link, "reset", root, account=account)))

    def _root(self, group: str) -> str:
        prefix = self._place.prefix
        return f"{{{prefix}:{group}}}" if group and self._place.kind == "cluster" else f"{{{prefix}}}"

    def _step(self, name: str, group: str, asked: dict[str, Any], claims: Sequence[Claim] | None = None) -> Any:
        return self._ask(lambda link: self._run(link, name, self._root(group), claims, **asked))

    def _run(self, link: Link, name: str, root: str, claims: Sequence[Claim] | None = None, **asked: Any) -> Any:
        if self.clock is not None:
            asked["now"] = self.clock()
        more = () if claims is None else (_written(tuple(claims)),)
        return link.run(script(name), root, _json(asked), *more)

    def _reclaimed(self) -> Iterator[str]:
        """What the keys of every group begin with, once its late leases are reclaimed."""
        for root in self._ask(lambda link: list(link.roots())):
            late = most = 1
            while late >= most:
                late, most = self._ask(lambda link, root=root: self._run(link, "reclaim", root))
            yield root

    def _accounts(self, root: str, prefix: str) -> set[str]:
        names: set[str] = set()
        cursor: int | None = None
        while cursor != 0:
            cursor, found = self._ask(
                lambda link, at=cursor or 0: link.client.zscan(f"{root}:accounts", at, count=_PAGE)
            )
            names.update(str(name, "utf-8") for name, _ in found)
        return {name for name in names if name.startswith(prefix)}

    def _newest(self, root: str, account: str | None, newest: int) -> list[Entry]:
        found: list[Entry] = []
        end = "+"
        while len(found) < newest:
            read = self._ask(lambda link, end=end: link.client.xrevrange(f"{root}:journal", end, "-", count=_PAGE))
            entries = [replies.entry(*one) for one in read]
            found += [entry for entry in entries if account is None or account in entry.accounts]
            if len(read) < _PAGE:
                break
            end = "(" + str(read[-1][0], "utf-8")
        return found

    def _root_of(self, account: str) -> str | None:
        """The group that an account is in."""
        if self._place.kind != "cluster":
            return self._root("")
        for root in self._ask(lambda link: list(link.roots())):
            if self._ask(lambda link, root=root: link.client.zscore(f"{root}:accounts", account)) is not None:
                return root
        return None


def _fit(amounts: Amounts) -> Amounts:
    """What scripts count exactly."""
    return Amounts._make(min(max(value, 0), _MOST) for value in amounts)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


@lru_cache(maxsize=1024)
def _written(claims: tuple[Claim, ...]) -> bytes:
    return _json(claims)


def _pages(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _PAGE):
        yield names[start : start + _PAGE]
