"""A request's messages as pieces of what its provider caches, and what can be left out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokeneff.promptcache import Mark, Pieces, pieces_of
from tokeneff.tokens import Prompt
from tokeneff.trim._history import History, Path
from tokeneff.trim.planning._batches import Batch
from tokeneff.trim.planning._gate import Option
from tokeneff.trim.planning._plan import Clearing

_DENSE = 9, 20
"""Tokens per character of words with digits, at most: what stays of a result."""


def aligned(prompt: Prompt, dialect: str, body: Mapping[str, Any], total: int | None = None, unseen: int = 0) -> Pieces:
    """A request's pieces, one for each message, at the end of the chain: a breakpoint within one is at its end.

    Arguments are those of :func:`tokeneff.promptcache.pieces_of`.
    """
    real = pieces_of(prompt, dialect, body, total, unseen)
    if len(real.chain) == len(prompt.pieces) + bool(unseen):
        return real
    bare = pieces_of(
        prompt._replace(pieces=tuple(piece._replace(marked=False) for piece in prompt.pieces)),
        dialect,
        body,
        total,
        unseen,
    )
    marks: dict[int, Mark] = {}
    for mark in real.marks:
        end = real.ends[mark.piece]
        place = next((place for place, known in enumerate(bare.ends) if known >= end), len(bare.ends) - 1)
        marks[place] = Mark(place, mark.ttl)
    return bare.marked(list(marks.values()), real.implicit)


def places_of(history: History, pieces: Pieces, batch: Batch) -> dict[int, int]:
    """The pieces of messages that are sent."""
    gone = {place for start, stop in batch.gone for place in range(start, stop)}
    sent = [place for place in range(len(history.messages)) if place not in gone]
    first = len(pieces.chain) - len(sent)
    return {place: first + number for number, place in enumerate(sent)}


def options_of(
    history: History,
    texts: Mapping[Path, str],
    pieces: Pieces,
    found: Sequence[Clearing],
    places: Mapping[int, int],
) -> tuple[list[Option], list[int]]:
    """Of each message its clearings as one, and where in ``found`` they begin.

    Args:
        texts: what is sent instead of some. pieces: what is sent. found: what could be left out of it, oldest first.
        places: :func:`places_of` what is sent.
    """
    sizes: dict[int, int] = {}
    for spot in history.spots:
        sizes[spot.message] = sizes.get(spot.message, 0) + len(texts.get(spot.path, spot.text))
    options: list[Option] = []
    starts: list[int] = []
    up, down = _DENSE
    for place, one in enumerate(found):
        piece = places[one.message]
        tokens = pieces.ends[piece] - (pieces.ends[piece - 1] if piece else 0)
        gone = tokens * (one.saved + len(one.text)) // max(sizes[one.message], 1)
        saved = max(gone - len(one.text) * up // down, 0)
        if options and options[-1].piece == piece:
            options[-1] = Option(piece, options[-1].saved + saved)
        else:
            options.append(Option(piece, saved))
            starts.append(place)
    return options, starts
