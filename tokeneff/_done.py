"""What was done about a call, and what came of it: values that policies hand to those who tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

Action: TypeAlias = Literal["", "block", "downgrade", "queue", "warn", "shadow", "cut", "open"]
"""What budgets did about a call: refused it, sent it to another model, had it wait, told that it went over, recorded
that it would have been refused, closed its stream at the limit, or let it go because their store was away."""


class GuardEvent(NamedTuple):
    """One thing that a budget did or noticed while a call went on."""

    name: str
    """As ``refused``, ``downgraded``, ``threshold``."""
    at_ns: int
    """Nanoseconds since 1970."""
    attributes: Mapping[str, Any]


class Guard(NamedTuple):
    """Where the tightest of a call's budgets stood when its store last answered, and what budgets did about the call.

    Amounts are whole numbers of ``unit``: nano-dollars, tokens or requests; ``unit`` is empty where no store answered.
    """

    budget: str = ""
    scope: str = ""
    unit: str = ""
    limit: int = 0
    spent: int = 0
    held: int = 0
    remaining: int = 0
    """Negative where a budget that only watches is over."""
    action: Action = ""
    events: tuple[GuardEvent, ...] = ()


class Placed(NamedTuple):
    """What was added to a call for its provider's prompt cache, and what came of it."""

    said: Literal["placed", "refused"]
    """``refused``: the provider did not take it, and the call was sent as the caller wrote it."""
    added: str = ""
    """``breakpoints``, ``key``, or ``key and breakpoint``."""
    marks: int = 0
    """Breakpoints that were added."""
    saved: int | None = None
    """Nano-dollars: what the same tokens would have cost without, less what they did cost by the provider's own counts;
    negative where more was written than read. ``None`` where that cannot be known."""
    read: int | None = None
    """Input tokens that the provider read from its cache."""
    input: int | None = None
    """Input tokens."""


class Managed(NamedTuple):
    """What a provider left out of a request's history itself, as it says."""

    tokens: int = 0
    """Input tokens."""
    results: int = 0
    """Tool results, and turns whose thinking was left out."""
    compacted: bool = False
    """Whether the reply holds what stands for the history from now on."""


class Trimming(NamedTuple):
    """What was left out of a call, and what that saved. Money is in nano-dollars, of input."""

    said: Literal["trimmed", "whole", "held out", "refused"]
    """``whole``: nothing was to be left out; ``held out``: its conversation is sent as it is, to compare with;
    ``refused``: the provider did not take what was left of it, and the call was sent as the caller wrote it."""
    edits: Mapping[str, int] = {}
    """How many edits it was sent with, by kind."""
    saved: int | None = None
    """Input tokens that were removed."""
    conversation: str = ""
    """Of which it is a part: one is held out, or trimmed, as a whole."""
    texts: int = 0
    """Texts that it was sent with made shorter, or that were left out."""
    counted: bool = False
    """Whether ``saved`` is in the provider's count; else it is as expected."""
    gain: int | None = None
    """What the conversation was expected to cost less for what was decided with this request."""
    expected: int | None = None
    """What this call was expected to cost less."""
    realised: int | None = None
    """What it would have cost as the caller wrote it, less what it did cost by the provider's own counts; negative
    where it was dearer, ``None`` where that cannot be known."""
    untrimmed: int | None = None
    """What it would have cost."""
    proof: Literal["", "provider", "simulated"] = ""
    """What ``realised`` rests on: the provider's counts of this call alone, or with a simulation of what its cache
    would have held of the untrimmed conversation."""
    baseline: int | None = None
    """What it would have cost by simulation alone, found alike whether it was held out or not; with ``holdout``."""


class Preset(NamedTuple):
    """What was set in a request that its caller had left open."""

    values: Mapping[str, int | str]
    """By setting: ``max_tokens``, ``effort``, ``verbosity``."""
    fields: Mapping[str, str]
    """The field of the body that each of them is in."""
    before: Mapping[str, Any]
    """Those of these fields that the caller had given, as they were."""


class Repeated(NamedTuple):
    """What a reply said over and over until its stream was cut."""

    where: Literal["text", "reasoning", "tool call"]
    length: int
    """Characters of what was repeated."""
    times: int


class Shaped(NamedTuple):
    """What was done about the output of a call."""

    defaults: Mapping[str, int | str] = {}
    """What was set that the caller had left open: ``max_tokens``, ``effort``, ``verbosity``."""
    refused: tuple[str, ...] = ()
    """Of these, what the provider did not take: the call was sent again as the caller wrote it."""
    repeated: Repeated | None = None
    """Why its stream was cut, if it was."""
