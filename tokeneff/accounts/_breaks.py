"""Where a prompt stops being that of the request before, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from tokeneff.accounts._account import Cause
from tokeneff.accounts._seen import Seen, common
from tokeneff.tokens import Piece

_MOST_NAMED = 3
_KINDS = {"timestamp": "a timestamp", "date": "a date", "time": "a time", "uuid": "a UUID", "counter": "a counter"}
_WHOSE = {"user": "user", "assistant": "assistant", "tool": "tool", "system": "system", "tools": "tool"}


class Break(NamedTuple):
    """The first difference between a request and the one that it goes on from."""

    cause: Cause
    part: str | None = None
    position: int | None = None
    detail: str = ""


def find_break(earlier: Seen, new: Seen) -> Break | None:
    """The first difference in the order in which prompt caches read: model, tools, system, messages.

    Returns:
        ``None`` where everything of the earlier request is repeated.
    """
    if earlier.model != new.model or earlier.provider != new.provider:
        return Break("model_changed", detail=_models(earlier, new))
    old, now = earlier.digests[: earlier.tools], new.digests[: new.tools]
    if old != now:
        return _tools(earlier.pieces[: earlier.tools], new.pieces[: new.tools], common(old, now))
    old, now = earlier.digests[earlier.tools : earlier.head], new.digests[new.tools : new.head]
    if old != now:
        return _system(earlier.pieces[earlier.tools : earlier.head], new.pieces[new.tools : new.head], common(old, now))
    return _messages(earlier, new)


def again(earlier: Seen, new: Seen, start: int, end: int | None = None) -> int:
    """Our count of what both requests have, but no longer at the beginning: sent before, and sent again.

    Of a system prompt that differs, or a tool of the same name, it is the share of its lines that are the same, each
    line taken for as long as another: one line with the time of day in it makes all others be paid for again.

    Args:
        earlier: the request before. new: this one.
        start: the first piece of both that may differ. end: the piece of ``new`` to stop before.
    """
    rest = Counter(earlier.digests[start:])
    tokens = 0
    differing: list[Piece] = []
    for piece in new.pieces[start:end]:
        if rest[piece.digest] > 0:
            rest[piece.digest] -= 1
            tokens += piece.tokens
        elif piece.traits.lines:
            differing.append(piece)
    if differing:
        lines = Counter(line for piece in earlier.pieces[start:] if rest[piece.digest] > 0 for line in _lines(piece))
        for piece in differing:
            mine = Counter(_lines(piece)) & lines
            lines -= mine
            tokens += piece.tokens * mine.total() // len(piece.traits.lines)
    return tokens


def _lines(piece: Piece) -> list[tuple[str, bytes]]:
    """The lines of a system prompt or tool schema; those of one tool are not another one's, brackets and all."""
    whose = "" if piece.kind == "system" else _name(piece)
    return [(whose, line) for line in piece.traits.lines]


def _models(earlier: Seen, new: Seen) -> str:
    if earlier.model != new.model:
        return f"{earlier.model} before, {new.model} now"
    return f"{earlier.model} at {earlier.provider} before, at {new.provider} now"


def _tools(old: Sequence[Piece], new: Sequence[Piece], position: int) -> Break:
    if Counter(piece.digest for piece in old) == Counter(piece.digest for piece in new):
        return Break("tools_reordered", "tools", position, f"tools are in another order from {_name(new[position])} on")
    before = {_name(piece): piece.digest for piece in old}
    now = {_name(piece): piece.digest for piece in new}
    changes = (
        ("added", [name for name in now if name not in before]),
        ("removed", [name for name in before if name not in now]),
        ("edited", [name for name in now if before.get(name, now[name]) != now[name]]),
    )
    told = "; ".join(f"{what} {_list(names)}" for what, names in changes if names)
    return Break("tools_changed", "tools", position, f"tools {told}" if told else "tools differ")


def _name(piece: Piece) -> str:
    return piece.traits.names[0] if piece.traits.names else "(unnamed)"


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _system(old: Sequence[Piece], new: Sequence[Piece], position: int) -> Break:
    which = f" {position + 1}" if max(len(old), len(new)) > 1 else ""
    if position >= len(old) or position >= len(new):
        what = "added" if position >= len(old) else "removed"
        return Break("system_changed", "system", position, f"system prompt{which} {what}")
    before, now = old[position].traits, new[position].traits
    if not before.lines or not now.lines:
        return Break("system_changed", "system", position, f"system prompt{which} differs")
    line = common(before.lines, now.lines)
    kinds = dict(before.volatile) | dict(now.volatile)
    why = f": {_KINDS.get(kinds[line], kinds[line])}" if line in kinds else ""
    return Break("system_changed", "system", position, f"system prompt{which} differs at line {line + 1}{why}")


def _messages(earlier: Seen, new: Seen) -> Break | None:
    """Told apart by which message of each request is the first that the other one has too, after the difference."""
    old, now = earlier.messages, new.messages
    at = common(old, now)
    if at == len(old):
        return None
    if at == len(now):
        return Break("shortened", "messages", at, f"{len(old) - at} messages at the end are gone")
    places = {digest: index for index, digest in reversed(list(enumerate(old[at:])))}
    mine = next((index for index, digest in enumerate(now[at:]) if digest in places), None)
    whose = _WHOSE[earlier.pieces[earlier.head + at].kind]
    if mine is None:
        if len(now) < len(old):
            return Break("shortened", "messages", at, f"{len(old) - at} messages replaced by {len(now) - at}")
        return Break("edited", "messages", at, f"message {at + 1} ({whose}) differs, and nothing after it is repeated")
    gone = places[now[at + mine]]
    if gone > mine:
        how = f"{gone} messages are gone" if mine == 0 else f"{gone} messages replaced by {mine}"
        return Break("shortened", "messages", at, f"{how} from message {at + 1} on")
    if gone == 0:
        return Break("edited", "messages", at, f"{mine} messages put in before message {at + 1}")
    return Break("edited", "messages", at, f"message {at + 1} ({whose}) differs")
