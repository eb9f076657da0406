"""Whether one request goes on where another one left off."""

from __future__ import annotations

from typing import NamedTuple

from tokeneff.accounts._seen import Seen, common


class Likeness(NamedTuple):
    """How a request resembles an earlier one; the greater, the more."""

    goes_on: bool
    """Whether every message of the earlier one is repeated."""
    related: bool
    """Whether it can be a later request of the same session."""
    same_model: bool
    length: int
    """How many pieces at the beginning are the same, messages only where what precedes them is too."""
    shared: int
    """Our count of the messages that both have."""


def likeness(earlier: Seen, new: Seen) -> Likeness:
    """Compare two requests by their messages, so that another system prompt or tools do not hide the session.

    A request is *related* to an earlier one

    * if it repeats all its messages; but where the system prompt is another one too, with less than half of its lines
      in common, and the model has not spoken yet, they are two prompts about one text and no session;
    * if it goes back to more than half of them, as a retry does. Less is a new conversation with the same opening;
    * if it differs somewhere and then repeats what came after (an edit, a message left out), and at least 30 % of the
      tokens of the shorter one are common to both. The figure is ours;
    * if it differs in something that the model did not say, and the model has spoken since: a message whose context
      was taken out again once it was answered.

    Any other that differs is a branch, and a session of its own: two questions after the same examples, or two runs of
    one agent in which the model said different things.
    """
    length = common(earlier.digests, new.digests)
    mine, theirs = new.messages, earlier.messages
    aligned = new.head == earlier.head and length >= new.head
    lead = length - new.head if aligned else common(theirs, mine)
    same_model = earlier.model == new.model and earlier.provider == new.provider
    if lead == len(theirs):
        related = lead > 0 and (length >= new.head or new.answers or heads_alike(earlier, new))
        return Likeness(related, related, same_model, length, 0)
    if lead == len(mine):
        return Likeness(False, 2 * lead > len(theirs), same_model, length, 0)
    rest = set(theirs[lead:])
    pieces = new.pieces[new.head :]
    after = sum(piece.tokens for piece in pieces[lead:] if piece.digest in rest)
    if not after:
        return Likeness(False, _answered_after(earlier, new, lead), same_model, length, 0)
    shared = after + sum(piece.tokens for piece in pieces[:lead])
    shorter = min(
        sum(piece.tokens for piece in pieces), earlier.tokens(len(earlier.pieces)) - earlier.tokens(earlier.head)
    )
    return Likeness(False, shared >= 0.3 * shorter, same_model, length, shared)


def _answered_after(earlier: Seen, new: Seen, lead: int) -> bool:
    if not lead or earlier.pieces[earlier.head + lead].kind == "assistant":
        return False
    return any(piece.kind == "assistant" for piece in new.pieces[new.head + lead :])


def heads_alike(earlier: Seen, new: Seen) -> bool:
    """Whether the system prompts have at least half of their lines in common; of unknown lines nothing is held back."""
    mine = [line for piece in new.pieces[new.tools : new.head] for line in piece.traits.lines]
    theirs = {line for piece in earlier.pieces[earlier.tools : earlier.head] for line in piece.traits.lines}
    if not mine or not theirs:
        return new.digests[new.tools : new.head] == earlier.digests[earlier.tools : earlier.head]
    return 2 * len(theirs.intersection(mine)) >= max(len(set(mine)), len(theirs))
