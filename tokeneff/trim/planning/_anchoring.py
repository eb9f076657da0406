"""A breakpoint before what is left out of a history, in the one request in which it is left out.

What stands before the first edit is in the provider's cache, but behind the last place where it was written there may
be more blocks between it and the next breakpoint than the provider looks back (Anthropic: 20). One breakpoint more, and
it is read instead of written again. Later requests begin with what this one wrote, and need none.

Only requests whose caller sets breakpoints get one: the rest ask for no cache, or have theirs placed further down.
OpenAI's models that have breakpoints look back over 80 boundaries by themselves: replayed with one more, long recorded
sessions cost the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokeneff._plain import fields, items
from tokeneff.promptcache import Mark, Pieces, Rule
from tokeneff.promptcache._additions import Spots, anthropic_own
from tokeneff.trim._validity import fault_of


def usual(pieces: Pieces, unseen: bool = False) -> Pieces:
    """A request with breakpoints as agents set them: after the system prompt, and at the newest message.

    Args:
        unseen: whether its first piece is a system prompt that it does not show.
    """
    places = {pieces.newest, max(pieces.head, unseen) - 1} - {-1}
    return pieces.marked([Mark(place) for place in places])


def anchors_of(body: Mapping[str, Any], pieces: Pieces, rule: Rule) -> list[int]:
    """Pieces that a breakpoint of ours could end; none where the caller sets none, or all that there may be.

    Args:
        body: the request, in Anthropic's form. pieces: the same, aligned.
    """
    if rule.engine != "marks" or not pieces.marks or anthropic_own({**body, "cache_control": None}, marked=False):
        return []
    if _breakpoints(body) >= rule.marks:
        return []
    spots, first = Spots(body, pieces), len(pieces.chain) - len(items(body.get("messages")))
    return [piece for piece in range(max(first, 0), len(pieces.chain)) if spots.markable(piece)]


def anchored(body: Mapping[str, Any], pieces: Pieces, anchor: Mark) -> Mapping[str, Any]:
    """The request with one breakpoint more, if a provider takes it so."""
    made = Spots(body, pieces).with_marks([anchor])
    return body if fault_of("messages", made) else made


def _breakpoints(value: Any) -> int:
    """How many there are in a request: at its top, in its tools, system prompt and messages, and within results."""
    found, stack = 0, [value]
    while stack:
        part: Any = stack.pop()
        inner = fields(part)
        if inner is None:
            stack.extend(items(part))
            continue
        found += inner.get("cache_control") is not None
        for name in ("tools", "system", "messages", "content"):
            if type(inner.get(name)) is not str:
                stack.extend(items(inner.get(name)))
    return found
