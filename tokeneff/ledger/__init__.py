"""An append-only record of each settled call."""

from __future__ import annotations

from tokeneff.ledger._record import CallRecord

__all__ = ["CallRecord"]
