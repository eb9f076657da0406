"""The account of a call: what its tokens were, how much of the prompt was a repeat, and what it cost."""

from __future__ import annotations

from tokeneff.accounts._account import Account, Asked, InputParts, OutputParts, Prefix
from tokeneff.accounts._accounts import Accounts
from tokeneff.accounts._opened import Opened

__all__ = ["Account", "Accounts", "Asked", "InputParts", "Opened", "OutputParts", "Prefix"]
