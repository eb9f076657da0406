"""What tests of every store of replies share: the stores, and a clock."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "stores"))
from servers import Server, cluster, found, kinds
from stores_kit import BEGIN, Clock

from tokeneff.cache.stores import CacheStore, Labels, open_cache_store

SECOND = 1_000_000
MINUTE = 60 * SECOND
NONE = Labels()
SHARED = ("sqlite", *(kinds() or ("redis-server",)))
"""Those that several processes may have."""
STORES = ("memory", *SHARED, "cluster")

__all__ = ["BEGIN", "Clock", "clock", "fresh", "servers_by_kind", "store", "store_url"]


@pytest.fixture(scope="session")
def servers_by_kind() -> Iterator[Callable[[str], Server]]:
    """Servers by kind, and a cluster of one, started when they are first asked for."""
    started: dict[str, Server] = {}
    clusters = []

    def of(kind: str) -> Server:
        if kind not in started and kind == "cluster":
            made = cluster()
            (started[kind],) = made.__enter__()
            clusters.append(made)
        elif kind not in started:
            started[kind] = Server(kind=kind).start()
        return started[kind]

    yield of
    for made in clusters:
        made.__exit__(None, None, None)
    for server in started.values():
        server.close()


def fresh(kind: str, servers_by_kind: Callable[[str], Server], folder: Path) -> str:
    """The URL of a store that nobody used."""
    if kind == "memory":
        return f"memory://{uuid.uuid4().hex}"
    if kind == "sqlite":
        return f"sqlite:///{folder}/{uuid.uuid4().hex}.db"
    if not kinds() or (kind != "cluster" and found(kind) is None):
        pytest.skip("no redis-server and no valkey-server here: .ci/redis installs one")
    return servers_by_kind(kind).url("redis+cluster" if kind == "cluster" else "redis")


@pytest.fixture(params=STORES)
def store_url(request: pytest.FixtureRequest, servers_by_kind: Callable[[str], Server], tmp_path: Path) -> str:
    """A store that nobody used, of each kind."""
    return fresh(request.param, servers_by_kind, tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(store_url: str, clock: Clock) -> Iterator[CacheStore]:
    """That store, by the tests' clock."""
    made = open_cache_store(store_url)
    made.clock = clock  # type: ignore[attr-defined]
    yield made
    made.close()


def name(number: int) -> bytes:
    """A key, as digests are: each alike to no other."""
    from hashlib import sha256

    return sha256(b"%d" % number).digest()


def keys_of(found: object) -> list[bytes]:
    return [entry.key for entry in found]  # type: ignore[attr-defined]
