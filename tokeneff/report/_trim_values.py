"""What a report says of trimming."""

from __future__ import annotations

from typing import NamedTuple


class Interval(NamedTuple):
    """A value, and where it is with 95 % confidence."""

    value: float
    low: float
    high: float


class Arm(NamedTuple):
    """The conversations of one kind."""

    conversations: int
    calls: int
    cost: int
    """Output included."""
    input_cost: int
    """Of the calls that ``baseline`` is known of."""
    baseline: int
    """What the input of these would have cost untrimmed, by simulation alone, found alike for both kinds."""


class Compared(NamedTuple):
    """Conversations that were trimmed, against those that were held out by chance."""

    trimmed: Arm
    """All that were not held out, those too in which nothing was left out."""
    held_out: Arm
    left_out: int
    """Conversations that say nothing: of unknown cost, or held out only for a part."""
    saved: Interval | None
    """Nano-dollars that a conversation costs less on average, output included; negative: more. ``None``: too few."""
    share: Interval | None
    """The same of its input dollars as a share, each conversation measured by what it would have cost (``baseline``):
    conversations differ much in length, which the other one has to average out."""
    method: str
    """How the intervals were found; or why there are none."""


class Trimmed(NamedTuple):
    """What trimming left out, and what that saved. Conversations that were held out are only in ``compared``."""

    trimmed: int
    """Calls of which something was left out."""
    whole: int
    """Calls of which nothing was."""
    refused: int
    """Calls of which the provider did not take what was left, and that were sent again as they were."""
    held_out: int
    """Calls."""
    conversations: int
    dearer: int
    """Conversations that cost more than they would have."""
    edits: tuple[tuple[str, int], ...]
    """By kind, most first: of each conversation as many as the call had that had most of them."""
    tokens: int
    """Input tokens that were removed, over all calls."""
    estimated: int
    """Calls of which these are as expected, and not in the provider's count."""
    predicted: int
    """Nano-dollars that calls were expected to cost less, over those of ``realised``."""
    realised: int
    """Nano-dollars that they did cost less, net."""
    untrimmed: int
    """What their input would have cost."""
    simulated: int
    """Calls for whose ``realised`` a cache had to be simulated."""
    unknown: int
    """Calls of which nobody knows what was saved."""
    gain: int
    """Nano-dollars that conversations were expected to cost less for what was decided about their history."""
    compared: Compared | None
    """``None`` where nothing was held out."""
