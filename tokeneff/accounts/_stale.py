"""Tool results that nothing has referred to since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tokeneff.tokens import Piece

Pending = tuple[int, frozenset[int]]


class Stale(NamedTuple):
    """The tool results of a prompt that no later assistant message refers to.

    *Referred to* is: one identifier (a word with a digit in it, as an order number, a path, a line number) that
    occurs in the result occurs also in something that an assistant wrote later: text, reasoning, or a tool call's
    arguments. What that cannot see: a result that is used in words alone counts as not referred to, and one that
    shares an identifier by chance (or repeats one that the call itself named) as referred to; so the figure is a hint
    of what may be left out, and not proof. A result without any identifier is never counted, for nothing could refer
    to it; neither is one that the model has not yet answered.
    """

    pending: tuple[Pending, ...] = ()
    """Tokens and identifiers of each such result, in order."""
    fresh: int = 0
    """How many at the end of these the model has not yet answered."""

    @property
    def tokens(self) -> int:
        """Our count of what is stale."""
        return sum([tokens for tokens, _ in self.pending[: len(self.pending) - self.fresh]])


NOTHING_STALE = Stale()


def stale(pieces: Sequence[Piece], before: Stale = NOTHING_STALE) -> Stale:
    """The tool results still waiting for a reference at the end of ``pieces``.

    One walk from the end, so that each result is compared with the union of what came later: linear however long the
    history, and what came before these pieces is looked at only as far as it still waits.

    Args:
        pieces: in the order sent. before: what waits of the pieces that come before these.
    """
    if not pieces:
        return before
    later: set[int] = set()
    found: list[Pending] = []
    fresh = 0
    answered = False
    for piece in reversed(pieces):
        kind = piece.kind
        if kind == "assistant":
            answered = True
            later |= piece.traits.identifiers
        elif kind == "tool" or kind == "user":
            mine = piece.traits.identifiers
            if not mine or not mine.isdisjoint(later):
                continue
            tokens = _result_tokens(piece)
            if tokens:
                found.append((tokens, mine))
                fresh += not answered
    found.reverse()
    old = before.pending
    if later:
        old = tuple([one for one in old if one[1].isdisjoint(later)])
    if not answered:
        fresh += before.fresh
    return Stale((*old, *found), fresh)


def _result_tokens(piece: Piece) -> int:
    if piece.kind == "tool":
        return sum([tokens for content, tokens in piece.contents if content != "attached"])
    return sum([tokens for content, tokens in piece.contents if content == "tool_result"])
