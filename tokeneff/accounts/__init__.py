"""The account of a call: what its tokens were, how much of the prompt was a repeat, and what it cost."""

from __future__ import annotations

from tokeneff.accounts._account import Account, Asked, Dialect, InputParts, OutputParts, Prefix

__all__ = ["Account", "Asked", "Dialect", "InputParts", "OutputParts", "Prefix"]
