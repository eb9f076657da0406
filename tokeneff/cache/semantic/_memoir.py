"""What was learnt as records of a journal, and back; and what other processes have learnt meanwhile."""

from __future__ import annotations

import json
import time
import uuid
from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol

from tokeneff._log import log_once
from tokeneff.cache._codec import Codec
from tokeneff.cache._reply import Reply
from tokeneff.cache.semantic._answers import Mark
from tokeneff.cache.semantic._journal import note_of, noted

if TYPE_CHECKING:
    from tokeneff.cache.semantic._journal import Journal
    from tokeneff.cache.semantic._semantic import Semantic

_FORM = 1
_KEY = b"tokeneff semantic journal record"
_EVERY = 1.0
"""Seconds between two looks for what other processes have learnt, and after a fault."""
_PATIENCE = 0.25
"""Seconds that the first call waits for what was learnt before; then it goes on without."""
_PER_QUESTION = 3
"""Records that are kept, for each question that is."""


class Learner(Protocol):
    """Takes what was learnt."""

    def take_outcome(
        self, context: bytes, key: bytes, features: Sequence[float], admitted: bool, wrong: bool, at: float
    ) -> None: ...

    def take_entry(
        self,
        context: bytes,
        key: bytes,
        question: str,
        vector: Sequence[float] | None,
        mark: Mark,
        judged: tuple[bytes, bool] | None,
        near: Sequence[bytes],
    ) -> None: ...

    def take_away(self, key: bytes) -> None: ...

    def reset(self) -> None: ...


@dataclass(slots=True)
class _Again:
    """What this process knew, and has to take anew: it learnt it after another had everyone forget."""

    all: bool = False
    keys: set[bytes] = field(default_factory=set[bytes])

    def mine(self, kind: str, rest: list[Any]) -> bool:
        return self.all or (kind == "entry" and _bytes(rest[1]) in self.keys)


class Memoir:
    """The journal of one :class:`Neighbourhoods`. Never raises: what cannot be written stays known to this process.

    Records are of what was asked for as well: another encoder's or another comparison's evidence is not taken.

    Args:
        journal: where. codec: seals. semantic: what was asked for. learner: takes what others have learnt.
    """

    def __init__(self, journal: Journal, codec: Codec | None, semantic: Semantic, learner: Learner) -> None:
        self._journal = journal
        self._codec = codec or Codec()
        self._learner = learner
        self._most = semantic.most * _PER_QUESTION
        self._place = ""
        self._next = 0.0
        self._mine = uuid.uuid4().hex
        self._lock = Lock()
        self._first: Thread | None = None
        self._written = 0
        self._of = told(semantic)

    def read(self) -> None:
        """Take what was learnt since the last look, here before this process or by others.

        At first that may be much: it is taken in a thread, and calls go on without it.
        """
        if self._first is None:
            self._first = Thread(target=self._read, name="tokeneff-semantic", daemon=True)
            self._first.start()
            self._first.join(_PATIENCE)
        elif time.monotonic() >= self._next:
            self._read()

    def _read(self) -> None:
        if not self._lock.acquire(blocking=False):
            return
        again = _Again()
        try:
            for self._place, value in self._journal.since(self._place):  # noqa: B020
                self._taken(value, again)
        except Exception as fault:  # noqa: BLE001 - without a journal there is what this process knows
            log_once(("journal", type(fault)), "what was learnt cannot be read: %s", fault, exc_info=fault)
        finally:
            self._next = time.monotonic() + _EVERY
            self._lock.release()

    def outcome(
        self, context: bytes, key: bytes, features: Sequence[float], admitted: bool, wrong: bool, at: float
    ) -> None:
        """A candidate was compared."""
        seen = [round(value, 6) for value in features]
        self._write("outcome", context.hex(), key.hex(), seen, admitted, wrong, at)

    def entry(
        self,
        context: bytes,
        key: bytes,
        question: str,
        vector: Sequence[float] | None,
        mark: Mark,
        judged: tuple[bytes, bool] | None,
        near: Sequence[bytes],
    ) -> None:
        """A question has an answer."""
        packed = None if vector is None else b64encode(array("f", vector).tobytes()).decode()
        verdict = None if judged is None else [judged[0].hex(), judged[1]]
        seen = [one.hex() for one in near]
        self._write("entry", context.hex(), key.hex(), question, packed, mark, verdict, seen, of=key)

    def away(self, key: bytes) -> None:
        """A reply is gone."""
        self._write("away", key.hex())

    def clear(self) -> None:
        """Forget all."""
        try:
            self._journal.clear(note_of(self._mine, None))
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("journal clear", type(fault)), "what was learnt cannot be forgotten: %s", fault, exc_info=fault)

    def abandon(self) -> None:
        """In a forked child: another process, that has read nothing yet."""
        self._lock, self._first, self._place = Lock(), None, ""
        self._mine = uuid.uuid4().hex

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _write(self, *what: Any, of: bytes = b"") -> None:
        try:
            record = json.dumps([_FORM, self._of, self._mine, *what], separators=(",", ":")).encode()
            self._journal.add(self._codec.pack(_KEY, Reply("bytes", (), record)), of)
            self._written += 1
            if self._written % 500 == 0:
                self._journal.trim(self._most)
        except Exception as fault:  # noqa: BLE001 - as above
            log_once(("journal", type(fault)), "what was learnt cannot be written down: %s", fault, exc_info=fault)

    def _forgotten(self, who: str, keys: list[bytes] | None, again: _Again) -> None:
        if who == self._mine:
            return
        if keys is None:
            self._learner.reset()
            again.all = True
            return
        for key in keys:
            self._learner.take_away(key)
        again.keys.update(keys)

    def _taken(self, value: bytes, again: _Again) -> None:
        try:
            note = noted(value)
        except ValueError as fault:
            log_once(("journal note", type(fault)), "a note of what was forgotten is none: %s", fault)
            return
        if note is not None:
            self._forgotten(*note, again)
            return
        reply = self._codec.unpack(_KEY, value)
        if reply is None:
            return  # damaged, or sealed with a key that is not ours
        try:
            form, of, who, kind, *rest = json.loads(reply.body)
            if form != _FORM or of != self._of or (who == self._mine and not again.mine(kind, rest)):
                return
            if kind == "outcome":
                context, key, features, admitted, wrong, at = rest
                self._learner.take_outcome(_bytes(context), _bytes(key), features, admitted, wrong, at)
            elif kind == "entry":
                context, key, question, packed, mark, verdict, near = rest
                vector = None if packed is None else _floats(packed)
                same, fixed, words = mark
                judged = None if verdict is None else (_bytes(verdict[0]), bool(verdict[1]))
                found = Mark(same, fixed, tuple(words))
                keys = [_bytes(one) for one in near]
                self._learner.take_entry(_bytes(context), _bytes(key), question, vector, found, judged, keys)
            elif kind == "away":
                self._learner.take_away(_bytes(rest[0]))
        except (ValueError, TypeError, LookupError) as fault:
            log_once(("journal record", type(fault)), "a record of what was learnt is none: %s", fault)


def told(semantic: Semantic) -> str:
    """What evidence is evidence of: its encoder and comparison, by name."""
    encoder, compare = semantic.encoder, semantic.compare
    parts = [part if part is None or isinstance(part, str) else _name(part) for part in (encoder, compare)]
    return blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def _name(value: object) -> str:
    kind = type(value)
    return f"{getattr(value, '__module__', kind.__module__)}.{getattr(value, '__qualname__', kind.__qualname__)}"


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)


def _floats(text: str) -> list[float]:
    found = array("f")
    found.frombytes(b64decode(text))
    return list(found)
