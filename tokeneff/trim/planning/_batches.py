"""What was left out of a history, decided once and kept: a request's rendition depends on its own messages and on what
is stored, and on nothing else.

A batch holds everything that is left out from the request on with which it was decided. It is stored under that
request's last message (its digest covers all before it), and each later request that has this message applies it, byte
for byte, in every process, until a newer batch has taken its place.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, cast

from tokeneff._forking import watch
from tokeneff.trim._history import History, Path

VERSION = 1
"""Of what batches are; others are not read."""
_MOST = 16_384
"""Messages of which a process remembers which batch holds."""


class Store(Protocol):
    """Bytes under keys, written once (:class:`tokeneff.trim.memo._memo.Memo`)."""

    def get(self, key: bytes) -> bytes | None:
        """What is there."""
        ...

    def add(self, key: bytes, body: bytes) -> bytes:
        """What is there from now on: this, or what was already."""
        ...


class Batch(NamedTuple):
    """What stands instead of some texts, from one request on."""

    texts: Mapping[Path, str]
    """All of them, those of earlier batches too."""
    saved: int = 0
    """Tokens that this batch left out, as expected when it was decided."""
    gain: int = 0
    """Nano-dollars that it was expected to save in all."""
    gone: tuple[tuple[int, int], ...] = ()
    """Exchanges that are left out whole: their first message, and the first behind them, as the caller has them."""
    names: Mapping[Path, str] = {}
    """In the vault: of each original text by its path, of messages left out, as JSON, by their row in ``gone``."""
    least: int = 0
    """Tokens that it has to leave out to pay, where a provider is to do it."""

    def packed(self) -> bytes:
        """As bytes."""
        texts = [[list(path), text] for path, text in self.texts.items()]
        names = [[list(path), name] for path, name in self.names.items()]
        value = {
            "v": VERSION,
            "texts": texts,
            "saved": self.saved,
            "gain": self.gain,
            "gone": self.gone,
            "names": names,
            "least": self.least,
        }
        return json.dumps(value, separators=(",", ":")).encode()

    @classmethod
    def unpacked(cls, body: bytes) -> Batch | None:
        """From bytes; ``None`` for what this version did not write."""
        try:
            value = cast("dict[str, Any]", json.loads(body))
            if value["v"] != VERSION:
                return None
            texts = {tuple(path): text for path, text in value["texts"] if isinstance(text, str) and text.strip()}
            gone = tuple((int(start), int(stop)) for start, stop in value["gone"])
            names = {tuple(path): str(name) for path, name in value["names"]}
            return cls(texts, int(value["saved"]), int(value["gain"]), gone, names, int(value.get("least", 0)))
        except (ValueError, KeyError, TypeError):
            return None


NOTHING = Batch({})
_MORE = b"more"
"""Of the key of a batch that was decided with a request after another."""


class Batches:
    """Finds the batch that holds for a request, and keeps new ones.

    Args:
        store: where all processes look. scope: whose requests these are: others' batches are not looked at.
    """

    def __init__(self, store: Store, scope: str = "") -> None:
        self._store = store
        self._policy = blake2b(f"{VERSION}:{scope}".encode("utf-8", "surrogatepass"), digest_size=32).digest()
        self.guard = threading.Lock()
        self._known: OrderedDict[bytes, Batch] = OrderedDict()
        """Of each message seen: the batch that holds behind it."""
        watch(self)

    def holding(self, history: History) -> Batch:
        """The batch that holds for a request. Asks the store for messages that this process has not seen."""
        found, start = NOTHING, 0
        with self.guard:
            for place in range(len(history.chain), 0, -1):
                known = self._known.get(history.chain[place - 1])
                if known is not None:
                    found, start = known, place
                    break
        for digest in history.chain[start:]:
            stored = self._stored(self._key(digest))
            if stored is not None:
                found = self._stored(self._key(digest, _MORE)) or stored
            self._note(digest, found)
        return self._fitting(history, found)

    def add(self, history: History, batch: Batch, *, more: bool = False) -> Batch:
        """Keep a batch, decided with this request; returns the one that holds, which may be another's.

        Args:
            more: it holds also where one was decided with this request already, which was not enough.
        """
        packed = batch.packed()
        body = self._store.add(self._key(history.chain[-1]), packed)
        if more and body != packed:
            body = self._store.add(self._key(history.chain[-1], _MORE), packed)
        held = Batch.unpacked(body)
        if held is None:
            return self.holding(history)
        self._note(history.chain[-1], held)
        return self._fitting(history, held)

    def prepare(self) -> None:
        """Before a fork: what is known is as good in two processes."""

    def abandon(self) -> None:
        """In a forked child."""
        self.guard = threading.Lock()

    def _stored(self, key: bytes) -> Batch | None:
        body = self._store.get(key)
        return None if body is None else Batch.unpacked(body)

    def _key(self, digest: bytes, more: bytes = b"") -> bytes:
        return blake2b(digest + more, digest_size=32, key=self._policy, person=b"tokeneff.batch").digest()

    def _note(self, digest: bytes, batch: Batch) -> None:
        with self.guard:
            self._known[digest] = batch
            self._known.move_to_end(digest)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)

    @staticmethod
    def _fitting(history: History, batch: Batch) -> Batch:
        """Without what has no place in the request: what is strange is left alone."""
        places = {spot.path for spot in history.spots}
        many = len(history.messages)
        if all(path in places for path in batch.texts) and all(stop <= many for _, stop in batch.gone):
            return batch
        texts = {path: text for path, text in batch.texts.items() if path in places}
        return batch._replace(texts=texts, gone=tuple(row for row in batch.gone if row[1] <= many))
