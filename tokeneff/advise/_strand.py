"""A conversation as it is replayed: requests to one model, one after another, with what the recording tells of each."""

from __future__ import annotations

from typing import NamedTuple

from tokeneff.trim.planning._replay import Turn


class Heard(NamedTuple):
    """What is known of a request besides what was sent."""

    key: bytes
    """Equal for equal requests to one model; empty where that cannot be told."""
    fixed: bool
    """Whether it asks for the same reply each time, by its temperature or a seed."""
    input: int | None
    """Nano-dollars that its input cost, by the provider's counts; ``None``: it did not count."""
    output: int
    """Nano-dollars of the reply, 0 where they are not known."""
    read: int
    """Tokens that the provider read from its cache."""
    cached: bool
    """Whether it read or wrote any."""
    error: float
    """Expected relative error of our count, where the provider has none."""


class Strand(NamedTuple):
    """A conversation's requests to one model."""

    name: str
    model: str
    provider: str
    turns: tuple[Turn, ...]
    heard: tuple[Heard, ...]
    shown: bool
    """Whether the requests themselves are known, and not only counts and digests."""
    markable: bool
    """Whether breakpoints can be placed: its client set none."""

    inferred: bool
    """Whether its client's breakpoints are taken from what the provider counted, for no record shows them."""
