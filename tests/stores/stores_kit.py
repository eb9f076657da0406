"""What tests of every store share: the stores, a clock, claims, and the sums that have to hold at any time."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import Server, found, kinds

from tokeneff.stores import Amounts, Balance, Claim, Entry, Limits, Store, open_store

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
LEASE = MINUTE
BEGIN = 4_000_000_000 * SECOND // HOUR * HOUR
"""Where tests' clocks begin: a whole hour."""
ZERO = Amounts()
STORES = ("memory", "sqlite", *(kinds() or ("redis-server",)))


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, at: int = BEGIN) -> None:
        self.at = at

    def __call__(self) -> int:
        return self.at

    def ahead(self, microseconds: int) -> int:
        self.at += microseconds
        return self.at


@pytest.fixture(scope="session")
def running() -> Iterator[Callable[[str], Server]]:
    """Servers by kind, started when they are first asked for."""
    started: dict[str, Server] = {}

    def of(kind: str) -> Server:
        if kind not in started:
            started[kind] = Server(kind=kind)
            started[kind].start()
        return started[kind]

    yield of
    for server in started.values():
        server.close()


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, running: Callable[[str], Server], tmp_path: Path) -> str:
    """A store that nobody used, of each kind."""
    return fresh_url(request.param, running, tmp_path)


def fresh_url(kind: str, running: Callable[[str], Server], folder: Path) -> str:
    """A store that nobody used."""
    if kind == "memory":
        return f"memory://{uuid.uuid4().hex}"
    if kind == "sqlite":
        return f"sqlite:///{folder}/{uuid.uuid4().hex}.db"
    if found(kind) is None:
        pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
    return running(kind).url()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_url: str, clock: Clock) -> Iterator[Store]:
    """That store, by the tests' clock."""
    made = open_store(store_url)
    made.clock = clock
    yield made
    made.close()


def usd(amount: int) -> Amounts:
    """One request of so many nano-dollars, and a tenth of the tokens."""
    return Amounts(amount, amount // 10, 1)


def total(name: str = "all", limit: int | None = 1000, **more: object) -> Claim:
    """A claim without a window, of nano-dollars."""
    return Claim(name, Limits(usd=limit))._replace(**more)


def hourly(clock: Clock, name: str = "hour", limit: int | None = 1000, **more: object) -> Claim:
    """A claim on the hour that it is."""
    start = clock.at // HOUR * HOUR
    made = Claim(f"{name}|{start}", Limits(usd=limit), start=start, end=start + HOUR, budget=name, window=str(start))
    return made._replace(**more)


def rolling(name: str = "rolling", limit: int | None = 1000, **more: object) -> Claim:
    """A claim on the last ten minutes, in buckets of twenty seconds."""
    return Claim(name, Limits(usd=limit), span=10 * MINUTE, bucket=20 * SECOND)._replace(**more)


def balances(store: Store) -> dict[str, Balance]:
    """Every account that is shown."""
    return {state.balance.account: state.balance for state in store.states()}


def plus(one: Amounts, other: Amounts) -> Amounts:
    return Amounts(*(left + right for left, right in zip(one, other, strict=True)))


def minus(one: Amounts, other: Amounts) -> Amounts:
    return Amounts(*(left - right for left, right in zip(one, other, strict=True)))


def conserved(store: Store, rolls: dict[str, Claim] | None = None, now: int = 0) -> None:
    """All that the journal says was held and was spent is what the accounts hold and have spent, and holds are whose
    they are.

    Args:
        rolls: rolling accounts by name, whose spending is counted by when it was dated. now: the store's.
    """
    held: defaultdict[str, Amounts] = defaultdict(Amounts)
    spent: defaultdict[str, list[tuple[int, Amounts]]] = defaultdict(list)
    entries = store.journal(newest=10_000_000)
    assert [entry.seq for entry in entries] == sorted({entry.seq for entry in entries})
    dated = {entry.hold: entry.at for entry in entries if entry.step == "expire"}
    for entry in entries:
        for account in entry.accounts:
            held[account] = plus(held[account], entry.held)
            if entry.step == "reset":
                spent[account].clear()
            elif entry.spent != ZERO:
                at = dated[entry.hold] if entry.step == "adjust" else entry.at
                spent[account].append((at, entry.spent))
    found = balances(store)
    for account, balance in found.items():
        claim = (rolls or {}).get(account)
        counted = ZERO
        for at, amounts in spent[account]:
            if claim is None or at - at % claim.bucket + claim.bucket + claim.span > now:
                counted = plus(counted, amounts)
        assert (balance.spent, balance.held) == (counted, held[account]), account
    whose: defaultdict[str, Amounts] = defaultdict(Amounts)
    for hold in store.holds():
        for account in hold.accounts:
            whose[account] = plus(whose[account], hold.amounts)
    for account in {*whose, *(name for name, balance in found.items() if balance.held != ZERO)}:
        assert found[account].held == whose[account]


def steps(entries: list[Entry]) -> list[tuple[str, str, Amounts, Amounts]]:
    """What a journal says, without times and numbers."""
    return [(entry.step, entry.hold, entry.held, entry.spent) for entry in entries]
