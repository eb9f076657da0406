from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tokeneff.cli import main
from tokeneff.ledger import CallRecord, Ledger
from tokeneff.report import Report, report

if TYPE_CHECKING:
    from report_calls import Reported, Run


@pytest.fixture
def reported() -> Reported:
    """Make a report on some records."""

    def make(*records: CallRecord, **options: Any) -> Report:
        with Ledger("memory://") as ledger:
            ledger.write(records)
            return report(ledger, now=0, **options)

    return make


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process: exit code, stdout, stderr."""
    for name in os.environ:
        if name.startswith("TOKENEFF_") and name != "TOKENEFF_TRACES":
            monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*argv: str) -> tuple[int, str, str]:
        code = main(list(argv))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
