"""Clients whose replies are kept in one run and served in the next, and what of a recording that leaves alike.

A kept reply is served to the call that is the same in the same place of the run. The provider does not see that call;
so that whatever it is asked after that meets it as it was, it is told in its own process of what it was asked then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from hashlib import sha256
from typing import Any

import tokeneff
from probing.lab import Lab
from probing.observing import steady
from probing.wrappings import Wrapping
from tokeneff._flow import Call, Effect, Outcome, answer, forward
from tokeneff._settings import settings_of
from tokeneff.cache._codec import Codec
from tokeneff.cache._reply import Reply
from tokeneff.cache._serve import shaped
from tokeneff.cache._tape import Tape
from tokeneff.cache.stores import CacheStore
from tokeneff.cache.stores._contract import ALL
from tokeneff.testing import FakeProvider
from tokeneff.testing.answering import plan
from tokeneff.testing.recorded import RecordedRequest

_CODEC = Codec()
_TRANSPORT = ("connection", "content-encoding", "content-length", "date", "keep-alive", "transfer-encoding")
_MOMENT = ("retry-after", "retry-after-ms", "set-cookie")
_UNORDERED = "x-stainless-helper"
"""What an SDK makes of a set, whose order is another one in each process."""


class Shelf:
    """Replies of one run of a probe, for the next, which may be in another process that has the same store.

    Args:
        store: where they are. case: whose they are. asked: what the provider was asked for each, by its key.
    """

    def __init__(self, store: CacheStore, case: str, asked: dict[bytes, list[RecordedRequest]] | None = None) -> None:
        self.asked = {} if asked is None else asked
        self.served = 0
        self.provider: FakeProvider | None = None
        self._store = store
        self._case = case
        self._seen: Counter[Any] = Counter()

    def wrapping(self, name: str) -> Wrapping:
        """A wrapping that keeps replies here, and serves what is here."""

        def client(make: Callable[[], Any]) -> Any:
            self._seen.clear()
            self.served = 0
            wrapped = tokeneff.wrap(make())
            settings = settings_of(wrapped)
            settings.policies = (*settings.policies[:2], self.policy, *settings.policies[2:])
            return wrapped

        return _Shelved(name, client, shelf=self)

    def policy(self, call: Call) -> Generator[Effect, Any, Outcome]:
        provider = self.provider
        assert provider is not None
        if call.options.files:
            return (yield from forward(call))
        key = self._key(call)
        entry = self._store.get(key)
        if entry is not None:
            found = _CODEC.unpack(key, entry.value or b"")
            assert found is not None
            reply = shaped(found, call)
            assert reply is found, "the same call is answered with what came"
            self.served += 1
            for request in self.asked[key]:
                plan(provider._record(request), provider._next(), provider.default, provider.store)
            return (yield from answer(call, reply))
        tape = Tape(call)
        before, after = provider.request_count, [0]
        tape.started.add_done_callback(lambda _: after.append(provider.request_count))
        try:
            outcome = yield from forward(call.with_(tape=tape))
        finally:
            tape.close()
        assert tape.done.result(0) is tape.reply
        if tape.reply is not None and not outcome.attempts:
            self._keep(key, tape.reply, provider.requests[before : after[-1]])
        return outcome

    def _key(self, call: Call) -> bytes:
        """Of the same call in the same place of the run."""
        options = call.options
        headers: Any = options.headers
        if isinstance(headers, Mapping):  # some of an SDK's own are in the order of a set
            headers = sorted((name, repr(value)) for name, value in headers.items() if name.lower() != _UNORDERED)
        sent = (headers, options.params, options.json_data, options.extra_json)
        asked = (options.method, options.url, call.stream, call.raw, steady(repr(sent)))
        count = self._seen[asked]
        self._seen[asked] += 1
        return sha256(repr((self._case, asked, count)).encode()).digest()

    def _keep(self, key: bytes, reply: Reply, asked: list[RecordedRequest]) -> None:
        value = _CODEC.pack(key, reply)
        assert _CODEC.unpack(key, value) == reply
        assert self._store.put(key, value, ALL, None)
        self.asked[key] = asked


class _Shelved(Wrapping):
    """A wrapping that is told the provider of each run."""

    shelf: Shelf

    def __init__(self, name: str, client: Callable[[Callable[[], Any]], Any], shelf: Shelf) -> None:
        super().__init__(name, client)
        object.__setattr__(self, "shelf", shelf)

    def begin(self, lab: Lab) -> None:
        self.shelf.provider = lab.provider


def without_transport(value: Any, around: tuple[str, ...] = ()) -> Any:
    """A recording without what only a connection brings: how the body was transported, and its own headers.

    ``around``: headers that come of what the client does around sending, and the stream as well where there are any.
    """
    if isinstance(value, dict):
        pairs = [pair for pair in value.items() if not _of_transport(pair, around)]
        found = {key: without_transport(held, around) for key, held in pairs}
        if "response" in found and "downloaded" in found:
            found |= {"downloaded": None, "extensions": None, "version": None, "keys": None}
            if around:
                found |= {"stream": None}
        return found
    if isinstance(value, tuple | list):
        left = [held for held in value if not _of_transport(held, around)]
        return type(value)(without_transport(held, around) for held in left)
    return value


def _of_transport(held: Any, around: tuple[str, ...]) -> bool:
    if not (isinstance(held, tuple) and len(held) == 2 and all(isinstance(one, str) for one in held)):
        return False
    name = held[0].lower()
    return name in (*_TRANSPORT, *_MOMENT, _UNORDERED) or name in around or "ratelimit" in name
