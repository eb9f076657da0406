"""Where tokens, money and time went, and what to do about it: a report on a ledger or on recorded logs."""

from __future__ import annotations

from tokeneff.errors import ReportError
from tokeneff.report._report import report
from tokeneff.report._trim_values import Arm, Compared, Interval, Trimmed
from tokeneff.report._values import (
    Break,
    Decided,
    ErrorGroup,
    Finding,
    Latency,
    Part,
    Report,
    Row,
    Session,
    SlowCall,
    Sums,
    Table,
    Unpriced,
)

__all__ = [
    "Arm",
    "Break",
    "Compared",
    "Decided",
    "ErrorGroup",
    "Finding",
    "Interval",
    "Latency",
    "Part",
    "Report",
    "ReportError",
    "Row",
    "Session",
    "SlowCall",
    "Sums",
    "Table",
    "Trimmed",
    "Unpriced",
    "report",
]
