"""A JSON object most of which stands in the same request already, as what is different."""

from __future__ import annotations

from collections.abc import Callable

from tokeneff.trim.kinds._earlier import members_of
from tokeneff.trim.kinds._kind import Back, Context, Edit, Kind

_LEAST = 240
"""Characters that are saved."""


def _edit(text: str, context: Context) -> Edit | None:
    if context.earlier is None or len(text) < _LEAST:
        return None
    members = members_of(text)
    found = None if members is None else context.earlier.alike(members)
    if members is None or found is None:
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
    return Edit(short, (source.message, source.place, at), (source.message,), saved // 8)


def _undo(text: str, back: Back, earlier: Callable[[int, str], str]) -> str:
    message, place, at = back
    members = members_of(earlier(message, place))
    if members is None:
        raise LookupError(f"what stood at {place} of message {message} is no object")
    changed = members_of(text[at:-1]) if at >= 0 else {}
    return "{" + ",".join([f"{key}{value}" for key, value in {**members, **(changed or {})}.items()]) + "}"


KIND = Kind(
    "members",
    lossless=True,
    why="The members that are left out stand in the earlier object that is named, in the same request.",
    edit=_edit,
    undo=_undo,
)
