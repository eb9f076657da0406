"""What is asked of an advice, and what is left out on the way to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tokeneff.prices import Prices


class Asked(NamedTuple):
    """What to advise on."""

    prices: Prices
    model: str | None = None
    """Instead of the recorded ones."""
    since: int | None = None
    """Microseconds since 1970."""
    conversations: int | None = None
    """At most."""
    limit: int | None = None
    """Requests, at most."""


@dataclass
class Told:
    """What is to be said of the traffic beside its figures."""

    failed: int = 0
    """Calls that have no reply of a model."""
    unpriced: Counter[str] = field(default_factory=Counter[str])
    """Requests without a price, by model."""
    uncached: int = 0
    """Conversations that the simulator would cache and that their provider did not."""
    fitted: int = 0
    """Conversations whose simulated cache reads as much as their provider did."""
    keyed: int = 0
    """Conversations with a provider that is asked for its cache by a routing key."""
    own: int = 0
    """Conversations whose client sets breakpoints itself."""
    decided: Counter[str] = field(default_factory=Counter[str])
    """Calls that a policy had its hand in when they were recorded, by its name."""
