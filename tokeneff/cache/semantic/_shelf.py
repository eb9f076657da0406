"""What an index is asked and told by the neighbourhoods, sealed and out of their way. Never raises."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tokeneff._log import log_once
from tokeneff.cache._reply import Reply
from tokeneff.cache.semantic._answers import Mark
from tokeneff.cache.semantic._memoir import told
from tokeneff.errors import StoreError

if TYPE_CHECKING:
    from tokeneff.cache._codec import Codec
    from tokeneff.cache.semantic._index import Index
    from tokeneff.cache.semantic._semantic import Semantic


class Proposed(NamedTuple):
    """A question that an index has found."""

    key: bytes
    question: str
    vector: Sequence[float]
    mark: Mark
    seen: int
    wrong: int


class Shelf:
    """Puts questions into an index, and takes what is near out of it.

    Args:
        index: where. codec: what replies are kept with. semantic: what was asked for; another encoder's are not found.

    Raises:
        StoreError: replies are sealed, which vectors cannot be.
    """

    def __init__(self, index: Index, codec: Codec, semantic: Semantic) -> None:
        if codec.sealing:
            raise StoreError("Cache(key=…) seals what is kept, and an index has to read vectors: leave out index=")
        self._index = index
        self._codec = codec
        self._of = told(semantic).encode()

    def put(self, context: bytes, key: bytes, question: str, vector: Sequence[float], mark: Mark) -> None:
        """A question has an answer."""
        try:
            record = json.dumps([question, mark], separators=(",", ":")).encode()
            packed = self._codec.pack(key, Reply("bytes", (), record))
            self._index.add(self._of + context, key, array("f", vector).tobytes(), packed)
        except Exception as fault:  # noqa: BLE001 - without an index there is what memory has
            _away(fault)

    def near(self, context: bytes, vector: Sequence[float], most: int) -> list[Proposed]:
        """The nearest, nearest first."""
        found: list[Proposed] = []
        try:
            for one in self._index.nearest(self._of + context, array("f", vector).tobytes(), most):
                reply = self._codec.unpack(one.key, one.record)
                if reply is None:
                    continue  # damaged
                question, (same, fixed, words) = json.loads(reply.body)
                floats = array("f")
                floats.frombytes(one.vector)
                found.append(
                    Proposed(one.key, question, list(floats), Mark(same, fixed, tuple(words)), one.seen, one.wrong)
                )
        except Exception as fault:  # noqa: BLE001 - as above
            _away(fault)
        return found

    def judged(self, key: bytes, wrong: bool) -> None:
        """The answer of a question was compared with another one's."""
        try:
            self._index.judged(key, wrong)
        except Exception as fault:  # noqa: BLE001 - as above
            _away(fault)

    def away(self, key: bytes) -> None:
        """A reply is gone."""
        try:
            self._index.drop([key])
        except Exception as fault:  # noqa: BLE001 - as above
            _away(fault)

    def clear(self) -> None:
        """All are."""
        try:
            self._index.clear()
        except Exception as fault:  # noqa: BLE001 - as above
            _away(fault)

    def close(self) -> None:
        """Let go of the index."""
        self._index.close()


def _away(fault: Exception) -> None:
    log_once(("semantic index", type(fault)), "an index of questions cannot be asked: %s", fault, exc_info=fault)
