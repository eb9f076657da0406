"""What is kept of a request, for the next one of its session to be compared with."""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple

from tokeneff.accounts._account import InputParts
from tokeneff.accounts._stale import Stale
from tokeneff.tokens import Piece, Prompt

_digest_of = itemgetter(1)
_tokens_of = itemgetter(2)


class Settled(NamedTuple):
    """What the provider said of a request when it was over."""

    total: int | None = None
    read: int | None = None
    write: int | None = None
    hour: bool = False
    """Whether what was last written to the cache is kept for an hour."""
    unseen: int = 0
    parts: InputParts | None = None
    """The request's tokens by part."""
    answer: int = 0
    """Tokens that it was answered, reasoning left out."""

    @property
    def said(self) -> InputParts | None:
        """The request's tokens by part, what it was answered counted to the assistant's."""
        parts = self.parts
        return None if parts is None else parts._replace(assistant_history=parts.assistant_history + self.answer)


class Seen:
    """One request: digests of its pieces and what is known of them; no text."""

    __slots__ = (
        "at",
        "digests",
        "encoding",
        "head",
        "hosted",
        "marked",
        "model",
        "opening",
        "pieces",
        "provider",
        "raw",
        "settled",
        "stale",
        "system_hash",
        "tools",
        "toolset",
    )

    def __init__(self, prompt: Prompt, model: str, provider: str, at: float) -> None:
        pieces = prompt.pieces
        self.pieces = pieces
        self.encoding = prompt.encoding
        self.digests: tuple[bytes, ...] = tuple(map(_digest_of, pieces))
        self.tools = _run(pieces, "tools", 0)
        """How many pieces at the beginning are tools."""
        self.head = _run(pieces, "system", self.tools)
        """How many at the beginning are tools or system; the rest are messages."""
        self.model = model
        self.provider = provider
        self.at = at
        self.raw: InputParts | None = None
        """Our counts by part; ``None`` until counted."""
        self.stale: Stale | None = None
        self.toolset = ""
        self.system_hash = ""
        self.hosted = False
        """Whether the provider itself runs some of its tools."""
        self.marked = False
        """Whether a cache breakpoint was set in it."""
        self.opening = False
        """Whether it is the first of its session."""
        self.settled: Settled | None = None
        """``None`` while it is under way."""

    @property
    def messages(self) -> tuple[bytes, ...]:
        """Digests of the messages."""
        return self.digests[self.head :]

    def tokens(self, end: int) -> int:
        """Our count of the first ``end`` pieces."""
        return sum(map(_tokens_of, self.pieces[:end]))

    @property
    def answers(self) -> bool:
        """Whether the model has spoken in it."""
        return any(piece.kind == "assistant" or piece.kind == "tool" for piece in self.pieces[self.head :])


def _run(pieces: tuple[Piece, ...], kind: str, start: int) -> int:
    end = start
    while end < len(pieces) and pieces[end].kind == kind:
        end += 1
    return end


def common(one: tuple[bytes, ...], other: tuple[bytes, ...]) -> int:
    """How many pieces at the beginning are the same."""
    same, differ = 0, min(len(one), len(other))
    if one[:differ] == other[:differ]:
        return differ
    # The first difference is halved in on, for tuples compare much quicker than a loop would.
    while differ - same > 1:
        middle = (same + differ) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            differ = middle
    return same
