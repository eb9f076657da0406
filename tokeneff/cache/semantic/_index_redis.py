"""Vectors in a Redis server from version 8 on, as one vector set for each context: a fleet shares them."""

from __future__ import annotations

from collections.abc import Sequence

from tokeneff._log import log_once
from tokeneff.cache.semantic._index import Near
from tokeneff.cache.semantic._redis_shared import Server
from tokeneff.errors import StoreError

_MOST = 1_000_000
"""Questions on one server; beyond, some go."""
_OFTEN = 500


class RedisIndex:
    """See :class:`tokeneff.cache.semantic._index.Index`. What is nearest is found by a graph, and so nearly always.

    Args:
        url: of the store of replies.

    Raises:
        StoreError: it cannot be read, or the extra ``redis`` is missing.
    """

    def __init__(self, url: str) -> None:
        self._server = Server(url)
        self._key = f"{self._server.key}:v"
        self._added = 0

    def check(self) -> None:
        """Whether the server knows vector sets; one that is away may.

        Raises:
            StoreError: it answers that it does not.
        """
        try:
            self._server.ask("VCARD", self._key)
        except Exception as fault:
            if "unknown command" in str(fault).lower():
                raise StoreError('index="redis" needs vector sets: Redis 8 or newer') from fault
            log_once(("semantic index", type(fault)), "an index of questions cannot be asked: %s", fault)

    def add(self, context: bytes, key: bytes, vector: bytes, record: bytes) -> None:
        self.drop([key])
        ask = self._server.ask
        ask("HSET", self._of(key), "c", context, "v", vector, "r", record)
        ask("SADD", f"{self._key}:keys", key)
        ask("VADD", self._set(context, vector), "FP32", vector, key.hex())
        self._added += 1
        if self._added % _OFTEN == 0 and (over := int(ask("SCARD", f"{self._key}:keys")) - _MOST) > 0:
            self.drop([bytes(one) for one in ask("SRANDMEMBER", f"{self._key}:keys", over)])

    def nearest(self, context: bytes, vector: bytes, most: int) -> list[Near]:
        found: list[Near] = []
        for name in self._server.ask("VSIM", self._set(context, vector), "FP32", vector, "COUNT", most) or ():
            key = bytes.fromhex(bytes(name).decode())
            kept, record, seen, wrong = self._server.ask("HMGET", self._of(key), "v", "r", "s", "w")
            if kept is not None and record is not None:
                found.append(Near(key, kept, record, int(seen or 0), int(wrong or 0)))
        return found

    def judged(self, key: bytes, wrong: bool) -> None:
        of = self._of(key)
        if self._server.ask("EXISTS", of):
            self._server.ask("HINCRBY", of, "s", 1)
            self._server.ask("HINCRBY", of, "w", int(wrong))

    def keys(self) -> set[bytes]:
        return {bytes(key) for key in self._server.ask("SMEMBERS", f"{self._key}:keys")}

    def drop(self, keys: Sequence[bytes]) -> None:
        ask = self._server.ask
        for key in keys:
            context, vector = ask("HMGET", self._of(key), "c", "v")
            if context is not None and vector is not None:
                ask("VREM", self._set(context, vector), key.hex())
            ask("DEL", self._of(key))
            ask("SREM", f"{self._key}:keys", key)

    def clear(self) -> None:
        self.drop(sorted(self.keys()))

    def close(self) -> None:
        pass

    def _of(self, key: bytes) -> str:
        return f"{self._key}:{key.hex()}"

    def _set(self, context: bytes, vector: bytes) -> str:
        """Vectors of one set have one number of dimensions."""
        return f"{self._key}:{context.hex()}:{len(vector)}"
