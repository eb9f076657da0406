"""Breakpoints for a provider's prompt cache, placed as live calls place them, on recorded requests."""

from __future__ import annotations

from tokeneff.promptcache import Pieces, State
from tokeneff.promptcache._book import Book
from tokeneff.promptcache._plan import Case, sent
from tokeneff.tokens import counter
from tokeneff.trim.planning._replay import Market, Policy, Sent, Turn


class Placing:
    """Places breakpoints in what another policy sends.

    Args:
        inner: that policy; ``None``: requests as they are. place: where they go.
        book: what is known of conversations of this kind, as learnt from those before.
    """

    def __init__(self, inner: Policy | None, place: Market, book: Book) -> None:
        self._inner, self._place, self._book = inner, place, book
        self._state = State()

    def __call__(self, turn: Turn) -> Sent:
        """What is sent of a request."""
        given = Sent(turn.body) if self._inner is None else self._inner(turn)
        pieces = given.pieces or (turn.plain if given.body is turn.body else turn.pieces(given.body))
        pieces = pieces.marked(())
        spot = self._book.place(pieces, turn.at)
        takes = _takes(turn, given, pieces)
        case = Case(
            self._place.rule,
            self._place.rates(pieces.total),
            self._state,
            self._book,
            pieces,
            spot,
            turn.at,
            takes.__getitem__,
        )
        chosen, self._state = sent(case)
        self._book.wait(pieces, spot, turn.at, "")
        return Sent(given.body, pieces.marked(chosen.marks))


def _takes(turn: Turn, given: Sent, pieces: Pieces) -> list[bool]:
    """Of each piece: whether a breakpoint can end it. What the model wrote may be a beginning that it goes on with."""
    kinds = [piece.kind != "assistant" for piece in counter().prompt(turn.dialect, given.body, turn.model).pieces]
    unknown = max(len(pieces.chain) - len(kinds), 0)
    return [*(True,) * unknown, *kinds]
