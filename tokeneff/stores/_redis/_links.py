"""Connections to one server, to one that sentinels name, or to a cluster; each wait on the network ends in time.

redis-py is asked to repeat nothing: what is done about a failure is decided once, by who called.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from tokeneff.stores._redis._scripts import Script
from tokeneff.stores._redis._urls import Place

_SHORTEST = 0.001
_local = threading.local()


def until(moment: float) -> None:
    """Have what this thread asks of any server end by then (as ``time.monotonic`` counts)."""
    _local.until = moment


def _left() -> float:
    return max(getattr(_local, "until", 0.0) - time.monotonic(), _SHORTEST)


def _timely(base: Any) -> Any:
    """A kind of connection whose waits, together, last no longer than the thread that uses it may wait."""
    # redis-py has these methods in all its versions, though their types differ.
    parent: Any = base

    class Timely(parent):
        def _connect(self) -> Any:
            self.socket_connect_timeout = self.socket_timeout = _left()
            return parent._connect(self)

        def send_packed_command(self, *args: Any, **options: Any) -> Any:
            self._hurry()
            return parent.send_packed_command(self, *args, **options)

        def read_response(self, *args: Any, **options: Any) -> Any:
            self._hurry()
            return parent.read_response(self, *args, **options)

        def _hurry(self) -> None:
            if self._sock is not None:
                self._sock.settimeout(_left())

    return Timely


class Link:
    """Runs scripts and reads keys, wherever they are."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client: Any = _client(place)

    def run(self, script: Script, root: str, *args: bytes) -> Any:
        """One script, in one round trip but on a server that sees it for the first time."""
        from redis.exceptions import NoScriptError

        try:
            return self.client.evalsha(script.digest, 1, root, *args)
        except NoScriptError:
            return self.client.eval(script.text, 1, root, *args)

    def roots(self) -> Iterator[str]:
        """What the keys of each group begin with; on a cluster its primaries are looked through."""
        prefix = self.place.prefix
        if self.place.kind != "cluster":
            yield f"{{{prefix}}}"
            return
        from redis.cluster import RedisCluster

        found = self.client.scan_iter(f"{{{prefix}*}}:accounts", count=1000, target_nodes=RedisCluster.PRIMARIES)
        for key in {bytes(one) for one in found}:
            root = key.decode(errors="replace").removesuffix(":accounts")
            if root.startswith((f"{{{prefix}}}", f"{{{prefix}:")):
                yield root

    def close(self) -> None:
        self.client.close()


def _client(place: Place) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.connection import Connection, SSLConnection
    from redis.retry import Retry

    once: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "socket_keepalive": True, "protocol": 2}
    options: dict[str, Any] = {name: value for name, value in place.options.items() if not name.startswith("sentinel_")}
    if place.kind == "cluster":
        return _cluster(place, options, once["retry"])
    if place.kind == "sentinel":
        return _watched(place, options, once)
    base = SSLConnection if place.tls else Connection
    host, port = place.hosts[0]
    pool = redis.ConnectionPool(connection_class=_timely(base), host=host, port=port, **once, **options)
    return redis.Redis(connection_pool=pool)


def _watched(place: Place, options: dict[str, Any], once: dict[str, Any]) -> Any:
    import redis
    from redis.connection import Connection, SSLConnection
    from redis.sentinel import Sentinel, SentinelConnectionPool, SentinelManagedConnection, SentinelManagedSSLConnection

    asked: dict[str, Any] = {
        name.removeprefix("sentinel_"): value for name, value in place.options.items() if name.startswith("sentinel_")
    }
    tls: dict[str, Any] = {name: value for name, value in options.items() if name.startswith("ssl_")}
    base, managed = (
        (SSLConnection, SentinelManagedSSLConnection) if place.tls else (Connection, SentinelManagedConnection)
    )
    watch = Sentinel([], **once)
    watch.sentinels = [
        redis.Redis(
            connection_pool=redis.ConnectionPool(
                connection_class=_timely(base), host=host, port=port, **once, **asked, **tls
            )
        )
        for host, port in place.hosts
    ]
    return redis.Redis(
        connection_pool=SentinelConnectionPool(
            place.service, watch, connection_class=_timely(managed), **once, **options
        )
    )


def _cluster(place: Place, options: dict[str, Any], retry: Any) -> Any:
    import redis
    from redis.cluster import ClusterNode, RedisCluster
    from redis.connection import Connection, SSLConnection

    base = SSLConnection if place.tls else Connection
    # Before its sixth version redis-py called this otherwise.
    old = redis.__version__.startswith("5.")
    never: dict[str, Any] = {"cluster_error_retry_attempts": 0} if old else {"retry": retry}
    host, port = place.hosts[0]
    return RedisCluster(
        # Only a cluster that is opened by a URL has connections of a kind that we choose.
        url=f"redis://[{host}]:{port}" if ":" in host else f"redis://{host}:{port}",
        startup_nodes=[ClusterNode(host, port) for host, port in place.hosts[1:]],
        connection_class=_timely(base),
        protocol=2,
        **never,
        **options,
    )
