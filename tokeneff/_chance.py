"""Random numbers of our own: those of `random` itself are the application's, which seeds it so that its runs repeat."""

from __future__ import annotations

import os
from random import Random

chance = Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=chance.seed)


def repeatable(seed: int) -> Random:
    """Random numbers that are the same for the same seed, and nobody else's."""
    return Random(seed)
