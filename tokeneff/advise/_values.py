"""What an advice says, as frozen values. Money is integers of nano-dollars (a billionth of a US dollar)."""

from __future__ import annotations

from typing import Any, NamedTuple

from tokeneff.report import _values as report

MOST_LOST = 0.01
"""Of the identifiers."""
MOST_DEARER = 0.005
"""A conversation."""


class Choice(NamedTuple):
    """One way to send the same traffic, and what it would have come to."""

    name: str
    """As ``trim`` or ``trim + response cache``; ``as recorded`` is the traffic as it was."""
    write: str
    """What to write for it; empty for ``as recorded``."""
    cost: int
    """Nano-dollars of the whole traffic, output included."""
    saved: int
    """Nano-dollars less than as recorded; negative where it costs more."""
    input_tokens: int
    """That are sent, read from a provider's cache or not."""
    spared_tokens: int
    """Input tokens fewer than as recorded."""
    answered: int
    """Requests that a response cache answers: each equals an earlier one."""
    identifiers: int
    """Words with a digit that recorded replies have and their requests had."""
    lost: int
    """Those of them that were not in what is sent: what the model may have missed."""
    changed: int
    """Conversations whose requests are not all sent as recorded."""
    dearer: int
    """Conversations that get dearer, however little."""
    worst: str
    """The conversation with the worst change of its cost; empty where none is changed."""
    worst_change: float
    """Of its cost: 0.1 is a tenth dearer, -0.1 a tenth cheaper."""
    pays_after: int | None
    """Requests from the first change on until a conversation is cheaper for good, the median of those that come to it;
    0: at once. ``None`` where none does."""
    never: int
    """Changed conversations that never come to it."""
    refused: int
    """Requests that a provider would not take, and would have taken as recorded."""
    too_long: int
    """Requests that could not be brought under the limit."""

    @property
    def change(self) -> float:
        """Of the cost, against as recorded: -0.1 is a tenth less."""
        before = self.cost + self.saved
        return self.cost / before - 1 if before else 0.0

    @property
    def sound(self) -> bool:
        """Whether it can be turned on without a second look: of the identifiers at most 1 % are lost, no conversation
        gets more than 0.5 % dearer, and every request fits and would be taken."""
        lost = self.lost > MOST_LOST * self.identifiers
        return not (lost or self.worst_change > MOST_DEARER or self.refused or self.too_long)


class Advice(NamedTuple):
    """What would have become of recorded traffic under other settings; ``print`` it, or read its fields."""

    source: str
    models: tuple[str, ...]
    """That the requests are taken to be sent to, most requests first."""
    conversations: int
    requests: int
    told: int
    """Requests whose tokens the provider counted; those of the others are our estimate."""
    error: float | None
    """Expected relative error of that estimate; ``None`` where nothing is estimated."""
    recorded: int | None
    """Nano-dollars of input by the provider's counts, of conversations whose requests all have them; ``None``: none."""
    simulated: int | None
    """The same by the simulator of prompt caches, which knows only the requests."""
    cached_told: int | None
    """Tokens that the providers read from their caches, as they say, of the same conversations."""
    cached_simulated: int | None
    """The same by the simulator."""
    choices: tuple[Choice, ...]
    """The best first: those that are :attr:`Choice.sound`, the cheapest of them first, then the others in the same way.
    ``as recorded`` is one of them. Empty where there is nothing to advise on."""
    notes: tuple[str, ...] = ()
    """Where the numbers come from, what was left out, and what could not be simulated."""

    @property
    def best(self) -> Choice | None:
        """The first of them."""
        return self.choices[0] if self.choices else None

    @property
    def simulator_error(self) -> float | None:
        """Of the simulated input dollars, against the recorded ones: 0.02 is 2 % too much."""
        return self.simulated / self.recorded - 1 if self.recorded and self.simulated is not None else None

    def as_json(self) -> dict[str, Any]:
        """The advice as dicts, lists, numbers and texts; money stays in nano-dollars."""
        told = report.as_json(self)
        for choice, made in zip(self.choices, told["choices"], strict=True):
            made |= {"change": choice.change, "sound": choice.sound}
        return {**told, "simulator_error": self.simulator_error}

    def __str__(self) -> str:
        from tokeneff.advise._text import text_of

        return text_of(self)
