"""A JSON object most of which stands in the same request already, as what is different."""

from __future__ import annotations

from collections.abc import Callable

from tokeneff.trim.kinds._earlier import members_of
from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind
from tokeneff.trim.kinds.json import spaced

_LEAST = 240
"""Characters that are saved."""


def _edit(text: str, context: Context) -> Edit | None:
    if context.earlier is None or len(text) < _LEAST:
        return None
    own = members_of(text)
    found = None if own is None else context.earlier.alike(own[0])
    if own is None or found is None:
        return None
    source, changed = found
    told = ""
    if changed:
        told = ",".join([f"{key}{value}" for key, value in changed.items()])
        short = f"[as {source.name} above, but with {{{told}}}]"
    else:
        short = f"[identical to {source.name} above]"
    saved = len(text) - len(short)
    if saved < _LEAST:
        return None
    at = short.index("{" + told) if changed else -1
    return Edit(short, (source.message, source.place, at, own[1]), (source.message,), saved // 8)


def _undo(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    message, place, at, blanks = back
    there, changed = members_of(earlier(message, place)), members_of(text[at:-1]) if at >= 0 else None
    if there is None or (changed is None and at >= 0):
        raise LookupError(f"what stood at {place} of message {message} is no object")
    members = {**there[0], **(changed[0] if changed else {})}
    short = "{" + ",".join([f"{key}{value}" for key, value in members.items()]) + "}"
    return spaced(short) if blanks else short


KIND = Kind(
    "members",
    lossless=True,
    why="The members that are left out stand in the earlier object that is named, in the same request.",
    edit=_edit,
    undo=_undo,
)
