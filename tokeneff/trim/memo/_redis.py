"""What is written once, on Redis or Valkey."""

from __future__ import annotations

from functools import cache
from hashlib import sha1

from tokeneff.cache.stores import NotKept
from tokeneff.cache.stores.redis import RedisCacheStore
from tokeneff.stores._redis._scripts import Script, script_of

_LONGEST = 100 * 365 * 86_400_000_000
_THERE = "if redis.call('EXISTS', root .. ':v:' .. ARGV[2]) == 1 then return { 2, now } end"


class RedisMemo(RedisCacheStore):
    """On a server: for a fleet."""

    def add(self, key: bytes, value: bytes, ttl: int) -> bytes:
        from redis.exceptions import ResponseError

        root = self._root(key)
        about, limit = b'["trim","",[]]', self.max_bytes // len(self._roots)
        clock = b"" if self.clock is None else b"%d" % self.clock()
        asked = (clock, key, value, about, b"%d" % min(ttl, _LONGEST), b"", b"%d" % limit, *self._found(root))
        try:
            done, _ = self._ask(lambda link: link.run(_script(), root, *asked))
        except ResponseError as fault:
            raise NotKept(str(fault)) from None
        found = self.get(key) if done == 2 else None
        return value if found is None or found.value is None else found.value


@cache
def _script() -> Script:
    """The cache's own script, after a look whether something is there."""
    base, put = (script_of("tokeneff.cache.stores._redis", name).text for name in ("_base", "put"))
    text = "\n".join((base, _THERE, put))
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
