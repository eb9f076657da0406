"""Which messages stand and fall together, and which of these rows may be left out."""

from __future__ import annotations

from collections.abc import Sequence

from tokeneff.trim._history import Exchange
from tokeneff.trim._reading._said import Said


def exchanges_of(dialect: str, saids: Sequence[Said], newest: int) -> tuple[Exchange, ...]:
    """The exchanges of a request.

    Args:
        newest: where the newest turn of the user begins.
    """
    rows = _linked(_rows(dialect, saids), saids)
    cited = max((place for place, said in enumerate(saids) if said.cites), default=-1)
    found: list[Exchange] = []
    for start, stop in rows:
        free = (
            stop != rows[-1][1]
            and _whole(saids[start:stop])
            and not (dialect == "messages" and _holds(saids, start, stop, newest))
            and not (start < cited and any(said.documents for said in saids[start:stop]))
        )
        found.append(Exchange(start, stop, free))
    return tuple(found)


def _rows(dialect: str, saids: Sequence[Said]) -> list[tuple[int, int]]:
    """Each turn of the model's with the results behind it."""
    rows: list[tuple[int, int]] = []
    within, answered, thought = False, False, -1
    for place, said in enumerate(saids):
        if said.who == "assistant":
            # Of a row of items only the first shows the reasoning that they all came from.
            # What is only named may be reasoning, and may as well be what reasoning led to.
            if (within and not answered) or (thought >= 0 and (said.bound or not said.thinking)):
                first = rows[-1][0] if thought < 0 else thought
                while rows[-1][0] > first:
                    rows.pop()
                rows[-1] = (first, place + 1)
            else:
                thought = -1
                rows.append((place, place + 1))
            if thought < 0 and said.thinking and dialect == "responses":
                thought = rows[-1][0]
            within, answered = True, False
        elif said.answers or said.who == "results":
            if within:
                rows[-1] = (rows[-1][0], place + 1)
            else:
                rows.append((place, place + 1))
            within, answered = said.who == "results", True
        else:
            within, thought = False, -1 if said.who == "user" else thought
    return rows


def _linked(rows: Sequence[tuple[int, int]], saids: Sequence[Said]) -> list[tuple[int, int]]:
    """Rows of which one refers to another become one, with all between them."""
    owners: dict[str, int] = {}
    found: list[tuple[int, int]] = []
    for start, stop in rows:
        first = start
        for said in saids[start:stop]:
            for name in (*said.answers, *said.refers):
                first = min(first, owners.get(name, start))
            for name, _ in said.calls:
                owners[name] = start
            for name in said.offers:
                owners[name] = start
        while found and found[-1][1] > first:
            first = min(first, found.pop()[0])
        found.append((first, stop))
    return found


def _whole(row: Sequence[Said]) -> bool:
    """Whether nothing in it is needed by others, nor lacks what it refers to."""
    known: set[str] = set()
    waiting: set[str] = set()
    for said in row:
        if said.bound or said.marks or (said.who != "assistant" and said.who != "results"):
            return False
        for name, _ in said.calls:
            known.add(name)
            waiting.add(name)
        known.update(said.offers)
        for names in (said.answers, said.refers):
            for name in names:
                if name not in known:
                    return False
        waiting.difference_update(said.answers)
    return not waiting


def _holds(saids: Sequence[Said], start: int, stop: int, newest: int) -> bool:
    """Anthropic's own reasons to keep a row: thinking of the turn that is going on, instructions at its edges."""
    if stop > newest and any(said.thinking for said in saids[start:stop]):
        return True
    return start == 0 or saids[start - 1].who == "system" or (stop < len(saids) and saids[stop].who == "system")
