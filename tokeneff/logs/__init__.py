"""Logs that people already have, as records of a ledger: recorded traces, Claude Code's and Codex's session logs."""

from __future__ import annotations

from tokeneff.logs._reading import Reading, records
from tokeneff.logs._sources import Source, claude_code, codex
from tokeneff.logs._values import Skipped

__all__ = ["Reading", "Skipped", "Source", "claude_code", "codex", "records"]
