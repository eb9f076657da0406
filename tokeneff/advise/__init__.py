"""What would have become of recorded traffic under other settings: what to turn on, and what it would save."""

from __future__ import annotations

from tokeneff.advise._advise import advise
from tokeneff.advise._values import Advice, Choice

__all__ = ["Advice", "Choice", "advise"]
