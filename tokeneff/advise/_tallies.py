"""What each plan comes to, summed up over conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import NamedTuple

from tokeneff.advise._plans import Plan
from tokeneff.advise._values import Choice


class Came(NamedTuple):
    """What a plan came to in one conversation."""

    cost: int
    """Nano-dollars, output included."""
    tokens: int
    """Of input, sent."""
    answered: int = 0
    fixed: bool = True
    """Whether those that were answered ask for the same reply each time."""
    identifiers: int = 0
    lost: int = 0
    refused: int = 0
    too_long: int = 0
    course: tuple[int, ...] = ()
    """Nano-dollars of simulated input after each request."""


@dataclass
class Tally:
    """Sums of one plan."""

    plan: Plan
    cost: int = 0
    tokens: int = 0
    answered: int = 0
    fixed: bool = True
    identifiers: int = 0
    lost: int = 0
    refused: int = 0
    too_long: int = 0
    changed: int = 0
    dearer: int = 0
    never: int = 0
    worst: tuple[float, str] | None = None
    pays: list[int] = field(default_factory=list[int])

    def add(self, name: str, came: Came, before: Came) -> None:
        """One conversation more.

        Args:
            name: of the conversation. before: what it came to as recorded.
        """
        for part in ("cost", "tokens", "answered", "identifiers", "lost", "refused", "too_long"):
            setattr(self, part, getattr(self, part) + getattr(came, part))
        self.fixed = self.fixed and came.fixed
        if came.course == before.course:
            return
        self.changed += 1
        self.dearer += came.cost > before.cost
        change = came.cost / before.cost - 1 if before.cost else 0.0
        if self.worst is None or change > self.worst[0]:
            self.worst = change, name
        after = pays_after(before.course, came.course)
        if after is None:
            self.never += 1
        else:
            self.pays.append(after)

    def choice(self, before: Tally) -> Choice:
        """The whole of it, against what was recorded."""
        change, worst = self.worst or (0.0, "")
        return Choice(
            name=self.plan.name,
            write=self.plan.written(self.fixed),
            cost=self.cost,
            saved=before.cost - self.cost,
            input_tokens=self.tokens,
            spared_tokens=before.tokens - self.tokens,
            answered=self.answered,
            identifiers=self.identifiers,
            lost=self.lost,
            changed=self.changed,
            dearer=self.dearer,
            worst=worst,
            worst_change=change,
            pays_after=median_low(self.pays) if self.pays else None,
            never=self.never,
            refused=self.refused,
            too_long=self.too_long,
        )


def pays_after(before: Sequence[int], after: Sequence[int]) -> int | None:
    """How many requests it takes from the first one that costs something else until the sum stays below.

    >>> pays_after([10, 20, 30, 40], [10, 25, 31, 39])
    2
    >>> pays_after([10, 20], [9, 18]), pays_after([10, 20], [10, 25])
    (0, None)

    Args:
        before, after: cost up to each request.
    """
    differ = next((place for place, (one, other) in enumerate(zip(before, after, strict=True)) if one != other), None)
    if differ is None:
        return 0
    above = [place for place in range(differ, len(after)) if after[place] > before[place]]
    if not above:
        return 0
    return None if above[-1] == len(after) - 1 else above[-1] - differ + 1
